"""An embedded PostgreSQL: one server per data folder, shared by any number of processes.

The server stops when its last user has ended, also after a crash. The state is not stored in files, which would be
wrong after a crash, but in file locks, which the kernel releases with their holder, in `<data_dir>/postgres-<major>`:

* `start.lock`: held while a user is added, and while a server is started or stopped.
* `users.lock` and `watch.lock`: shared by the users. The first is free if there are no users; the watcher waits for the
  second.
* `server.lock`: shared by all processes of the server, which inherit it. It is free if none runs.
* `watcher.lock`: held by the watcher, a process that stops the server after its users were killed.

The watcher runs `watcher.py` without site-packages, so the modules of this package use the standard library only,
and relative imports.

server.py          EmbeddedPostgres: starts, joins and stops a server
data_directory.py  the folder of one major version: its users, its server, its watcher
programs.py        the programs of the wheel, or a copy that the server's account can run
account.py         the operating system account of the server
locks.py           file locks, and waiting
watcher.py         the process that stops the server after its users were killed
"""

from .account import EmbeddedPostgresError
from .server import EmbeddedPostgres, default_data_dir

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir"]
