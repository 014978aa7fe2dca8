"""Webhooks sent over HTTP, with httpcore: to addresses of the public internet alone, unless more is allowed."""

from tekana_httpcore.sender import HttpSender

__all__ = ["HttpSender"]
