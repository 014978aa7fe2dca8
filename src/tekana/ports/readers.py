"""The readers: each is declared here once, and used by sessions, by the bus and in the catalog.

A new one needs a port, a method of `Readers` and a line in `SessionReaders`; a new query of an existing reader needs a
method of its port. Each store implements both.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    assert_type,
    get_type_hints,
    overload,
    runtime_checkable,
)

from tekana.domain.caller import Caller, Scope
from tekana.ports.api_keys import ApiKeys
from tekana.ports.approvals import Approvals
from tekana.ports.audit_log import AuditLog
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.fee_schedules import FeeSchedules
from tekana.ports.limits import Limits
from tekana.ports.outcomes import Outcomes
from tekana.ports.personal_data import PersonalData
from tekana.ports.rates import Rates
from tekana.ports.reports import Reports
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets

ServiceName = Literal["customer", "wallet", "transaction"]
"""The services: units of deployment. Each executes some of the commands, and answers the queries of some readers."""

PortT = TypeVar("PortT")
PortT_co = TypeVar("PortT_co", covariant=True)


@runtime_checkable
class Readers(Protocol):
    """The readers of the ledger, of a caller each. `start` and `stop` open and release the resources behind them.

    A method that returns a reader is cheap: it is called for each request. A reader finds what `tekana.domain.policy`
    gives the caller access to; anything else is not found, as if it did not exist.
    """

    @property
    def location(self) -> str:
        """The address of the data, for an operator, without secrets."""
        ...

    def customers(self, caller: Caller) -> Customers:
        """Return the reader of customers."""
        ...

    def wallets(self, caller: Caller) -> Wallets:
        """Return the reader of wallets, their entries and past balances."""
        ...

    def transactions(self, caller: Caller) -> Transactions:
        """Return the reader of transactions."""
        ...

    def events(self, caller: Caller) -> Events:
        """Return the reader of events."""
        ...

    def outcomes(self, caller: Caller) -> Outcomes:
        """Return the reader of outcomes by idempotency key."""
        ...

    def api_keys(self, caller: Caller) -> ApiKeys:
        """Return the reader of API keys."""
        ...

    def approvals(self, caller: Caller) -> Approvals:
        """Return the reader of approvals."""
        ...

    def audit_log(self, caller: Caller) -> AuditLog:
        """Return the reader of the audit log."""
        ...

    def limits(self, caller: Caller) -> Limits:
        """Return the reader of limits."""
        ...

    def rates(self, caller: Caller) -> Rates:
        """Return the reader of exchange rates."""
        ...

    def fee_schedules(self, caller: Caller) -> FeeSchedules:
        """Return the reader of fee schedules."""
        ...

    def personal_data(self, caller: Caller) -> PersonalData:
        """Return the reader of what is held about a customer beside their profile and their money."""
        ...

    def reports(self, caller: Caller) -> Reports:
        """Return the reader of reports on the whole ledger, which needs access to all tenants."""
        ...

    async def start(self) -> None:
        """Prepare to serve. The database need not be reachable yet, unless this store starts it."""
        ...

    async def stop(self) -> None:
        """Release all resources. May be called twice, or without `start`."""
        ...

    async def check_ready(self) -> Sequence[str] | None:
        """Check that the store is reachable and its schema is the required one.

        Returns:
            Warnings for an operator that do not prevent commands, one sentence each; empty or None without any.

        Raises:
            Unavailable: the store cannot serve; the message gives the reason.
        """
        ...


class Reader(Generic[PortT_co]):
    """The declaration of a reader. As an attribute of a session, it is the reader of the session's caller.

    Attributes:
        name: its name in `Readers` and in sessions.
        port: the Protocol that it implements.
        scope: the scope that a caller needs.
        all_tenants: whether they need `tenants:all` as well.
        service: the service that answers its queries over a bus.
        queries: the names of its port's methods.
    """

    def __init__(
        self,
        method: Callable[[Any, Caller], PortT_co],
        *,
        scope: Scope,
        service: ServiceName,
        all_tenants: bool = False,
    ) -> None:
        """Declare the reader that this method of `Readers` returns."""
        self.name: Final = method.__name__
        self.port: Final[type] = get_type_hints(method)["return"]
        self.scope: Final = scope
        self.all_tenants: Final = all_tenants
        self.service: Final = service
        self.queries: Final = queries_of(self.port)
        self.__doc__ = method.__doc__

    def of(self, readers: Readers, caller: Caller) -> PortT_co:
        """Return the reader of a caller."""
        port: PortT_co = getattr(readers, self.name)(caller)
        return port

    @overload
    def __get__(self, session: None, owner: type) -> Reader[PortT_co]: ...

    @overload
    def __get__(self, session: SessionReaders, owner: type) -> PortT_co: ...

    def __get__(self, session: SessionReaders | None, owner: type) -> Reader[PortT_co] | PortT_co:
        return self if session is None else session.open_reader(self)


def queries_of(port: type) -> tuple[str, ...]:
    """Return the names of a port's queries: its public methods."""
    return tuple(name for name, one in vars(port).items() if not name.startswith("_") and inspect.isfunction(one))


class SessionReaders(ABC):
    """The readers of a session, as its attributes."""

    __slots__ = ()

    customers = Reader(Readers.customers, scope="customers:read", service="customer")
    wallets = Reader(Readers.wallets, scope="wallets:read", service="wallet")
    transactions = Reader(Readers.transactions, scope="transactions:read", service="transaction")
    events = Reader(Readers.events, scope="events:read", service="transaction")
    outcomes = Reader(Readers.outcomes, scope="transactions:read", service="transaction")
    api_keys = Reader(Readers.api_keys, scope="keys:read", service="transaction")
    approvals = Reader(Readers.approvals, scope="approvals:read", service="transaction")
    audit_log = Reader(Readers.audit_log, scope="audit-log:read", service="transaction")
    limits = Reader(Readers.limits, scope="customers:read", service="customer")
    rates = Reader(Readers.rates, scope="transactions:read", service="transaction")
    fee_schedules = Reader(Readers.fee_schedules, scope="fees:read", service="transaction")
    personal_data = Reader(Readers.personal_data, scope="customers:read", service="customer")
    reports = Reader(Readers.reports, scope="reports:read", service="transaction", all_tenants=True)

    @abstractmethod
    def open_reader(self, reader: Reader[PortT]) -> PortT:
        """Return a reader of the session's caller. Raises Forbidden if they lack its scope."""


if TYPE_CHECKING:

    def _check_types(session: SessionReaders) -> None:
        """Have the type checker verify that a session's attribute has the type of its port."""
        assert_type(session.wallets, Wallets)
        assert_type(session.outcomes, Outcomes)
        assert_type(SessionReaders.wallets, Reader[Wallets])


READERS: Final[tuple[Reader[Any], ...]] = tuple(one for one in vars(SessionReaders).values() if isinstance(one, Reader))
"""All readers."""
