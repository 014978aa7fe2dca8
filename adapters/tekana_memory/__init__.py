"""A store and a bus in this process's memory: the reference adapter. Copy this one first.

It keeps nothing when the process ends. Its files have the names of the ports they implement.
"""

from tekana_memory.publisher import MemoryPublisher
from tekana_memory.store import MemoryStore

__all__ = ["MemoryPublisher", "MemoryStore"]
