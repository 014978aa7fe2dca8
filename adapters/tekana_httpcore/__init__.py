"""Webhooks sent over HTTP with httpcore: to addresses of the public internet only, unless others are allowed.

sender     one POST a delivery
resolver   the addresses of a host, found without threads
addresses  which addresses are public
"""

from tekana_httpcore.sender import HttpSender

__all__ = ["HttpSender"]
