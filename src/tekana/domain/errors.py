"""Everything that tekana can refuse or fail to do, and the stable code of each.

    TekanaError
    ├── InvalidRequest              invalid_request          the input itself is wrong; names the fields
    ├── EventsDropped               events_dropped           what a cursor asks for is not kept any more
    ├── NotFound                    not_found
    │   ├── CustomerNotFound
    │   ├── WalletNotFound
    │   ├── TransactionNotFound
    │   ├── WebhookEndpointNotFound
    │   └── WebhookDeliveryNotFound
    ├── StateConflict                                        true of the request, not of things as they stand
    │   ├── CustomerExists          customer_exists
    │   ├── CustomerNotActive       customer_not_active
    │   ├── WalletNotActive         wallet_not_active
    │   └── WalletNotEmpty          wallet_not_empty
    ├── RuleRefused                                          a rule about money or keys says no
    │   ├── InsufficientFunds       insufficient_funds
    │   ├── CurrencyMismatch        currency_mismatch
    │   ├── SameWallet              same_wallet
    │   ├── LimitExceeded           limit_exceeded
    │   ├── RolledBack              rolled_back              another transaction of an atomic batch was refused
    │   └── IdempotencyKeyReused    idempotency_key_reused
    ├── ConcurrentUpdate            concurrent_update        changed since it was read: read again, then decide
    └── Unavailable                 unavailable              outcome unknown: retry with the same key
        ├── Conflict                unavailable              the store gave up on a race; nothing was stored
        │   └── Busy                unavailable              somebody else keeps locked what this needs
        └── Overloaded              unavailable              too much waits; nothing was begun

Clients program against `code`; `str(error)` is for people.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One thing that is wrong with the input: a dotted field name, and why."""

    field: str
    message: str


class TekanaError(Exception):
    """The root of everything tekana raises on purpose."""

    code: ClassVar[str] = "internal"


class InvalidRequest(TekanaError, ValueError):
    """The input cannot be right, whatever the state of things. Nothing was stored."""

    code = "invalid_request"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def invalid(field: str, message: str) -> InvalidRequest:
    """An InvalidRequest about one field."""
    return InvalidRequest(FieldError(field, message))


class EventsDropped(TekanaError):
    """The events that would come next are not kept any more: begin again, without a cursor, with what is kept."""

    code = "events_dropped"

    def __init__(self, message: str = "the events after this cursor are not kept any more: begin again without it"):
        super().__init__(message)


class Refused(TekanaError):
    """A command was understood, decided, and refused. The refusal is the command's lasting answer.

    `transaction` is the rejected transaction that keeps the attempt, where the command was to move money.
    `request_id` names the request that was refused first, and `replayed` tells that this one repeats it.
    """

    transaction: object | None = None
    request_id: str | None = None
    replayed: bool = False


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"


class CustomerNotFound(NotFound):
    """No customer has this id."""


class WalletNotFound(NotFound):
    """No wallet that a customer's command may touch has this id."""


class TransactionNotFound(NotFound):
    """No transaction has this id."""


class WebhookEndpointNotFound(NotFound):
    """No webhook endpoint of the caller's has this id."""


class WebhookDeliveryNotFound(NotFound):
    """No delivery to a webhook endpoint of the caller's has this id."""


class StateConflict(Refused):
    """The request would be right in another state of things."""


class CustomerExists(StateConflict):
    """Another customer has this email, phone number or external id."""

    code = "customer_exists"


class CustomerNotActive(StateConflict):
    """The customer is suspended or closed."""

    code = "customer_not_active"


class WalletNotActive(StateConflict):
    """The wallet is closed, or frozen for this direction."""

    code = "wallet_not_active"


class WalletNotEmpty(StateConflict):
    """A wallet with money in it, or held, cannot be closed."""

    code = "wallet_not_empty"


class RuleRefused(Refused):
    """A rule about money or keys says no."""


class InsufficientFunds(RuleRefused):
    """The available balance does not cover the amount."""

    code = "insufficient_funds"


class CurrencyMismatch(RuleRefused):
    """The amount's currency is not the wallet's."""

    code = "currency_mismatch"


class SameWallet(RuleRefused):
    """A wallet cannot pay itself."""

    code = "same_wallet"


class LimitExceeded(RuleRefused):
    """A limit in force does not allow this."""

    code = "limit_exceeded"


class RolledBack(RuleRefused):
    """Another transaction of the same atomic batch was refused, so this one was not done either."""

    code = "rolled_back"


class IdempotencyKeyReused(RuleRefused):
    """The caller used this key before, for another command."""

    code = "idempotency_key_reused"


class ConcurrentUpdate(Refused):
    """It is no longer the version that the caller read."""

    code = "concurrent_update"


class Unavailable(TekanaError):
    """It could not be done now, and may or may not have happened: retry with the same key.

    `retry_after` is in seconds.
    """

    code = "unavailable"
    retry_after: ClassVar[int] = 1


class Conflict(Unavailable):
    """The store lost a race (a serialization failure, a deadlock, a key taken meanwhile). Nothing was stored."""


class Busy(Conflict):
    """Another unit of work kept something locked for too long. Nothing was stored."""


class Overloaded(Unavailable):
    """Too many commands wait already. Nothing was begun."""


def _leaves(kind: type[Refused]) -> list[type[Refused]]:
    children = kind.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [kind]


_BY_NAME: dict[str, type[Refused]] = {kind.__name__: kind for kind in _leaves(Refused)}


def refusal_named(name: str, detail: str) -> Refused:
    """The refusal whose class has this name: how a stored refusal is raised again. A Refused if the class is gone."""
    return _BY_NAME.get(name, Refused)(detail)
