"""A partner's own store for tekana: everything in one SQLite file. Start reading with `store.py`."""

from .store import SqliteStore

__all__ = ["SqliteStore"]
