"""Resolution of host names, with c-ares.

`getaddrinfo` of the C library blocks a thread until the name server answers, and a timeout does not free it: hosts
whose name servers never answer would block all threads of the executor, and so all lookups. A lookup with c-ares uses
a socket, and ends when it is cancelled.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import aiodns


class Resolver:
    """Resolves host names with the hosts file and name servers. For tasks of one event loop at a time.

    Args:
        name_servers: the `address:port` of each; if empty, those of the system.
    """

    def __init__(self, name_servers: Sequence[str] = ()) -> None:
        self._name_servers = name_servers
        self._resolver: aiodns.DNSResolver | None = None

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host. Raises OSError if it has none."""
        loop = asyncio.get_running_loop()
        if self._resolver is None or self._resolver.loop is not loop:
            self._resolver = aiodns.DNSResolver(self._name_servers or None, loop=loop)
        try:
            found = await self._resolver.getaddrinfo(host, port=port, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(f"{host} cannot be resolved") from error
        addresses = (node.addr[0] for node in found.nodes)
        return list(dict.fromkeys(one.decode() if isinstance(one, bytes) else one for one in addresses))

    async def stop(self) -> None:
        """End all lookups. May be called twice."""
        resolver, self._resolver = self._resolver, None
        if resolver is not None:
            await resolver.close()
