"""The entry point of the core: the application, which makes a session for each caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tekana.application.audit_recorder import AuditRecorder
from tekana.application.authentication import Authenticator, KeyVerifier
from tekana.application.bus import Service
from tekana.application.engine.engine import Engine
from tekana.application.engine.statistics import EngineStatistics
from tekana.application.session import Session
from tekana.application.session_reads import Parts, require_sign_in
from tekana.application.webhooks.webhooks import Webhooks
from tekana.application.workers.relay import relay_warnings
from tekana.domain.audit_log import Origin
from tekana.domain.caller import AUTHENTICATION, Caller
from tekana.domain.errors import Unavailable
from tekana.domain.terms import DEFAULT_TIME_ZONE
from tekana.ports.outbox import Outbox
from tekana.ports.pools import PooledStore, PoolStatistics
from tekana.ports.readers import Readers
from tekana.ports.statement_form import StatementForm

if TYPE_CHECKING:  # its libraries are loaded where customers sign in
    from tekana.application.sign_in.customer_sign_in import CustomerSignIn


class Tekana:
    """A running e-wallet back-end. `as_caller` returns a session, which executes commands and reads.

    Safe to use from many tasks of one event loop.
    """

    def __init__(  # noqa: PLR0913 - an application has many parts
        self,
        store: Readers,
        engine: Engine,
        *,
        outbox: Outbox | None = None,
        service: Service | None = None,
        webhooks: Callable[[Caller], Webhooks] | None = None,
        authenticator: Authenticator | None = None,
        key_verifier: KeyVerifier | None = None,
        sign_in: CustomerSignIn | None = None,
        audit_recorder: AuditRecorder | None = None,
        find_statement_form: Callable[[str], type[StatementForm]] | None = None,
        time_zone: str = DEFAULT_TIME_ZONE,
    ) -> None:
        """Create an application. Use `tekana.connect` instead, which also starts and stops its parts.

        Args:
            outbox: the outbox of the relay, if events are published: `check_ready` warns when the relay lags behind.
            service: the consumer of commands and queries from a bus, in a process of a service.
            authenticator: authenticates the requests of clients; None if the application has no clients.
            store, engine, webhooks, key_verifier, sign_in, audit_recorder, find_statement_form, time_zone: those of
                Parts.
        """
        self._store = store
        self._engine = engine
        self._outbox = outbox
        self._service = service
        self._authenticator = authenticator
        self._parts = Parts(
            store, engine, webhooks, key_verifier, sign_in, audit_recorder, find_statement_form, time_zone
        )

    @property
    def authenticator(self) -> Authenticator:
        """The authentication of clients' requests. Raises Unavailable if this application has no clients."""
        if self._authenticator is None:
            raise Unavailable("this application authenticates no clients")
        return self._authenticator

    def as_caller(self, caller: Caller, address: str | None = None, request_id: str | None = None) -> Session:
        """Return the session of a caller, in whose name it executes and reads. Cheap: one per request.

        Args:
            caller: the verified caller.
            address: the address that the request came from, for the audit log.
            request_id: the id of the request, likewise, where a command does not come with its own.
        """
        return Session(caller, self._parts, Origin(address, request_id))

    def note_failed_authentication(self, address: str | None, request_id: str, code: str) -> None:
        """Have a request without a valid credential recorded in the audit log, with the code of its error."""
        self.as_caller(AUTHENTICATION, address, request_id).note_failed_authentication(code)

    @property
    def outbox(self) -> Outbox | None:
        """The outbox of the relay that publishes events; None if no bus is configured."""
        return self._outbox

    @property
    def sign_in(self) -> CustomerSignIn:
        """The sign-in of customers. Raises SignInUnavailable where there is none."""
        return require_sign_in(self._parts.sign_in)

    async def stop(self) -> None:
        """Release what sign-in uses. Done by `connect` at its end."""
        if self._parts.sign_in is not None:
            await self._parts.sign_in.stop()

    def engine_statistics(self) -> EngineStatistics | None:
        """Return how commands ended and what waits; None at a gateway, whose services have this."""
        return self._engine.statistics()

    def pool_statistics(self) -> Sequence[PoolStatistics]:
        """Return the state of each connection pool of the store; empty if it has none."""
        return self._store.pool_statistics() if isinstance(self._store, PooledStore) else ()

    def check_alive(self) -> None:
        """Check that the process can still do its work, now or once what it needs is back.

        Raises:
            Unavailable: only a restart helps.
        """
        self._engine.check_alive()

    async def check_ready(self) -> Sequence[str]:
        """Check that commands can be executed now.

        Returns:
            Warnings for an operator, one sentence each.

        Raises:
            Unavailable: commands cannot be executed; the message gives the reason.
        """
        self.check_alive()
        if self._service is not None:
            await self._service.check_ready()
        warnings = await self._store.check_ready() or ()
        return warnings if self._outbox is None else [*warnings, *await relay_warnings(self._outbox)]
