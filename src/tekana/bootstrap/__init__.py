"""Wiring: the only place where the core meets its adapters.

settings   what an operator can set, as flags and TEKANA_ variables
adapters   finds stores and servers by the scheme of a URL or by name
container  builds the application from settings
roles      which workers run in which kind of process
lifespan   starts and stops what was built
"""

from tekana.bootstrap.adapters import MissingAdapter
from tekana.bootstrap.lifespan import connect
from tekana.bootstrap.settings import Settings

__all__ = ["MissingAdapter", "Settings", "connect"]
