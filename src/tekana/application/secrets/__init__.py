"""Secrets: the data keys that encrypt what is stored, and the rotation of the master key that encrypts them."""
