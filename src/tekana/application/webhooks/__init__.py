"""Webhooks: what their owners can do, and how deliveries are signed."""
