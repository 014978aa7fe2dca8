"""What a package of commands declares: its commands, and where they go on the bus."""

from __future__ import annotations

from typing import Any, NamedTuple

from tekana.ports.readers import ServiceName


class CommandGroup(NamedTuple):
    """The commands of a package.

    Attributes:
        topic: the name of their topic on the bus. Each topic is consumed in order and separately, so that slow commands
            do not delay other topics.
        service: the service that executes them: a unit of deployment, not a kind of aggregate.
        commands: their classes.
    """

    topic: str
    service: ServiceName
    commands: tuple[type[Any], ...]
