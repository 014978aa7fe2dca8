"""Ports of 127.0.0.1 for servers that tests start, and a client for requests to them."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx

from tests.keys import BEARER

_BLOCK_SIZE = 500  # more than one process takes: a stopped server is started again on its port
_BLOCKS = range(10_000, 32_000, _BLOCK_SIZE)
"""Below the ports that systems give to outgoing connections, of which tests make thousands."""

http = httpx.Client(headers=BEARER, limits=httpx.Limits(max_keepalive_connections=0))
"""Sends the key, and opens a connection for each request.

`httpx.get` would load the certificates each time, which takes 40 ms of CPU.
"""


def free_port() -> int:
    """Return a port that is free, and that no other test process on this machine uses."""
    for port in _ports:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("unreachable")


def _ports_of_a_block() -> Iterator[int]:
    """Claim a block of ports by binding the first one until this process ends; yield the others, round and round."""
    for first in _BLOCKS:
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield from itertools.cycle(range(first + 1, first + _BLOCK_SIZE))
    raise RuntimeError("all blocks of ports are in use")


_claims: list[socket.socket] = []
_ports = _ports_of_a_block()
