"""A partner's own store for tekana: everything in one SQLite file. Read `store.py` first."""

from .store import SqliteStore

__all__ = ["SqliteStore"]
