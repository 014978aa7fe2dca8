"""Everything that tekana can refuse or fail to do, and the stable code of each.

    TekanaError
    ├── InvalidRequest              invalid_request          the input itself is wrong; names the fields
    ├── EventsDropped               events_dropped           what a cursor asks for is not kept any more
    ├── Forbidden                   forbidden                the caller lacks a scope
    ├── NotFound                    not_found
    │   ├── CustomerNotFound
    │   ├── WalletNotFound
    │   ├── TransactionNotFound
    │   ├── WebhookEndpointNotFound
    │   └── WebhookDeliveryNotFound
    ├── StateConflict                                        the request is valid; the present state forbids it
    │   ├── CustomerExists          customer_exists
    │   ├── CustomerNotActive       customer_not_active
    │   ├── WalletNotActive         wallet_not_active
    │   ├── WalletNotEmpty          wallet_not_empty
    │   └── WebhookEndpointDisabled  webhook_endpoint_disabled
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

Clients program against `code`; `str(error)` is for people. A refusal is stored under its `NAME` with its code, and a
partner's own with the name of its family (a direct child of Refused): it can be raised again in a version, or a
process, that does not have its class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from tekana.domain.transaction import Rejection, Transaction


class FieldError(NamedTuple):
    """One thing that is wrong with the input: a dotted field name, and why."""

    field: str
    message: str


_KINDS: dict[str, type[Refused]] = {}


class TekanaError(Exception):
    """The root of everything tekana raises on purpose."""

    code: str = "internal"


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


class Forbidden(TekanaError):
    """The caller lacks the scope that this needs. Nothing was done, and nothing is kept under the key."""

    code = "forbidden"


class Refused(TekanaError):
    """A command was understood, decided, and refused. The refusal is the command's lasting answer.

    Attributes:
        NAME: the stable name under which it is stored; the code, where a class of a partner's gives none.
        transaction: the rejected transaction that records the attempt, where the command was to move money.
        request_id: the request that was refused first.
        replayed: whether this request repeats it.
    """

    NAME: ClassVar[str] = "Refused"
    transaction: Transaction | None = None
    request_id: str | None = None
    replayed: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "NAME" not in cls.__dict__:
            cls.NAME = cls.code
        _KINDS[cls.NAME] = cls

    @classmethod
    def stored_family(cls) -> str | None:
        """Return the name of the direct child of Refused that a partner's class descends from.

        None for the classes here: every version and every process has them.
        """
        if cls.__module__ == __name__:
            return None
        families = (kind for kind in cls.__mro__ if issubclass(kind, Refused) and Refused in kind.__bases__)
        return next(families, RuleRefused).NAME


class NotFound(Refused):
    """There is no such thing."""

    NAME = "NotFound"
    code = "not_found"


class CustomerNotFound(NotFound):
    """No customer has this id."""

    NAME = "CustomerNotFound"


class WalletNotFound(NotFound):
    """No wallet that a customer's command may touch has this id."""

    NAME = "WalletNotFound"


class TransactionNotFound(NotFound):
    """No transaction has this id."""

    NAME = "TransactionNotFound"


class WebhookEndpointNotFound(NotFound):
    """No webhook endpoint of the caller's has this id."""

    NAME = "WebhookEndpointNotFound"


class WebhookDeliveryNotFound(NotFound):
    """No delivery to a webhook endpoint of the caller's has this id."""

    NAME = "WebhookDeliveryNotFound"


class StateConflict(Refused):
    """The request would be right in another state of things."""

    NAME = "StateConflict"


class CustomerExists(StateConflict):
    """Another customer has this email, phone number or external id."""

    NAME = "CustomerExists"
    code = "customer_exists"


class CustomerNotActive(StateConflict):
    """The customer is suspended or closed."""

    NAME = "CustomerNotActive"
    code = "customer_not_active"


class WalletNotActive(StateConflict):
    """The wallet is closed, or frozen for this direction."""

    NAME = "WalletNotActive"
    code = "wallet_not_active"


class WalletNotEmpty(StateConflict):
    """A wallet with money in it, or held, cannot be closed."""

    NAME = "WalletNotEmpty"
    code = "wallet_not_empty"


class WebhookEndpointDisabled(StateConflict):
    """Nothing is delivered to the webhook endpoint until it is enabled again."""

    NAME = "WebhookEndpointDisabled"
    code = "webhook_endpoint_disabled"


class RuleRefused(Refused):
    """A rule about money or keys says no."""

    NAME = "RuleRefused"


class InsufficientFunds(RuleRefused):
    """The available balance does not cover the amount."""

    NAME = "InsufficientFunds"
    code = "insufficient_funds"


class CurrencyMismatch(RuleRefused):
    """The amount's currency is not the wallet's."""

    NAME = "CurrencyMismatch"
    code = "currency_mismatch"


class SameWallet(RuleRefused):
    """A wallet cannot pay itself."""

    NAME = "SameWallet"
    code = "same_wallet"


class LimitExceeded(RuleRefused):
    """A limit in force does not allow this."""

    NAME = "LimitExceeded"
    code = "limit_exceeded"


class RolledBack(RuleRefused):
    """Another transaction of the same atomic batch was refused, so this one was not done either."""

    NAME = "RolledBack"
    code = "rolled_back"


class IdempotencyKeyReused(RuleRefused):
    """The caller used this key before, for another command."""

    NAME = "IdempotencyKeyReused"
    code = "idempotency_key_reused"


class ConcurrentUpdate(Refused):
    """It is no longer the version that the caller read."""

    NAME = "ConcurrentUpdate"
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


def rebuild_refusal(rejection: Rejection) -> Refused:
    """Build a stored refusal again, to be raised.

    Where its class does not exist here, it is one of its family, with the code that was stored.
    """
    kind = _KINDS.get(rejection.error) or _KINDS.get(rejection.family or "", RuleRefused)
    error = kind.__new__(kind, rejection.detail)  # not by its own __init__, which may want more than a text
    error.code = rejection.code
    error.request_id = rejection.request_id
    return error
