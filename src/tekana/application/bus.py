"""The two ends of a bus for commands: a gateway's, and a service's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tekana.application.authentication import KeyVerifier
from tekana.application.engine.engine import Engine
from tekana.application.webhooks.webhooks import Webhooks
from tekana.domain.caller import Caller
from tekana.ports.audit_log import AuditRecords
from tekana.ports.readers import Readers

if TYPE_CHECKING:  # its libraries are loaded where customers sign in
    from tekana.application.sign_in.ports import SignInPorts


@runtime_checkable
class Gateway(Protocol):
    """The sending end. Built from a URL and the secrets of the bus, without connecting.

    `readers.start` and `readers.stop` start and stop it. It seals each message with its caller, and accepts only
    replies that a service sealed.
    """

    @property
    def engine(self) -> Engine:
        """The engine that sends commands to the services."""
        ...

    @property
    def readers(self) -> Readers:
        """The readers that send queries to the services."""
        ...

    @property
    def key_verifier(self) -> KeyVerifier:
        """The verifier of API keys that sends queries to a service."""
        ...

    @property
    def audit_records(self) -> AuditRecords:
        """The audit log of a service, for refusals."""
        ...

    @property
    def sign_in(self) -> SignInPorts:
        """The operations of sign-in that a service executes."""
        ...

    def webhooks(self, caller: Caller) -> Webhooks:
        """Return the reader of webhooks that sends queries to the services."""
        ...


@runtime_checkable
class Service(Protocol):
    """The receiving end: consumes the commands and queries of one service, and replies.

    Built from a URL, the name of the service, the secrets of the bus, and a function that returns the session of a
    caller. Each command and query is executed in the session of the caller that its message proves, so that the policy
    is checked here too. A message without such a proof is not executed.
    """

    async def start(self) -> None:
        """Begin to consume commands and queries. The bus need not be reachable yet."""
        ...

    async def stop(self) -> None:
        """Finish the consumed commands and queries, reply, and disconnect."""
        ...

    async def check_ready(self) -> None:
        """Raise Unavailable, with the reason, if the bus cannot be reached."""
        ...
