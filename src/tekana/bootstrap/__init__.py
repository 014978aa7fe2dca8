"""The composition root: it connects the core with its adapters.

settings   the settings of an operator, as flags and TEKANA_ variables
adapters   finds stores, key providers and servers by the scheme of a URL or by name
data_folder  the folder of the data on this machine
container  builds the application from settings
production refuses what is not safe in production
roles      which workers run in which kind of process
lifespan   starts and stops the application
"""

from tekana.bootstrap.entry_points import MissingAdapter
from tekana.bootstrap.lifespan import connect
from tekana.bootstrap.settings import Settings

__all__ = ["MissingAdapter", "Settings", "connect"]
