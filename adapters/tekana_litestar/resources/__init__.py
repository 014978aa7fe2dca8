"""The resources, one file each: what clients send and see of it, how that comes of the domain, and its routes."""
