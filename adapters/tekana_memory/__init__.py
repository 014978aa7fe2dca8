"""A store and a bus in memory: the reference adapter, and a template for others.

Its data end with the process. Its files have the names of the ports that they implement.
"""

from tekana_memory.publisher import MemoryPublisher
from tekana_memory.store import MemoryStore

__all__ = ["MemoryPublisher", "MemoryStore"]
