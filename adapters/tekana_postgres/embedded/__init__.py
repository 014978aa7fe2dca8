"""An embedded PostgreSQL: one server per data folder, shared by any number of processes.

The server stops when its last user is gone, however that one ended. Nothing of this is written down, where a crash
would leave it wrong: file locks show it, which the kernel frees with their holder, in `<data_dir>/postgres-<major>`:

* `start.lock`: held while a user is added, and while a server is started or stopped.
* `users.lock` and `watch.lock`: shared by the users. The first shows whether there is any; the watcher waits for the
  second.
* `server.lock`: shared by all processes of the server, which inherit it. Free means that none is left.
* `watcher.lock`: held by the watcher, a small process that stops the server when its users were killed.

The watcher runs `watcher.py` without site-packages, so the modules of this package need the standard library alone, and
import one another relatively.

server.py          EmbeddedPostgres: the use of a server by this process
data_directory.py  the folder of one major version: its users, its server, its watcher
programs.py        the programs of the wheel, or a copy that the server's account can run
account.py         the operating system's account of the server, and what is run as it
locks.py           file locks, and waiting
watcher.py         the process that stops the server when its users were killed
"""

from .account import EmbeddedPostgresError
from .server import EmbeddedPostgres, default_data_dir

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir"]
