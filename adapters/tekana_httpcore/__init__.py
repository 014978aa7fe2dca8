"""The sender of webhooks, with httpcore: to addresses of the public internet only, unless others are allowed.

sender     one POST a delivery
resolver   resolves host names without threads
addresses  the check of addresses
"""

from tekana_httpcore.sender import HttpSender

__all__ = ["HttpSender"]
