"""Key providers: master keys in a file, or in memory.

master_keys.py  the master keys: they wrap and unwrap data keys
key_file.py     the provider that keeps them in a file
memory.py       the provider that keeps them in memory
"""

from tekana_keyfile.key_file import KeyFile as KeyFile
from tekana_keyfile.memory import MemoryKeys as MemoryKeys
