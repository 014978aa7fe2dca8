"""The errors of tekana, and the stable code of each.

    TekanaError
    ├── InvalidRequest              invalid_request          the input is invalid; names the fields
    ├── EventsDropped               events_dropped           the events after a cursor are no longer stored
    ├── Unauthenticated             unauthenticated          no valid credential came with the request
    │   └── SignInRefused           sign_in_refused          a password, code or refresh token is not right
    ├── Forbidden                   forbidden                the caller lacks a scope
    ├── NotFound                    not_found
    │   ├── CustomerNotFound
    │   ├── WalletNotFound
    │   ├── TransactionNotFound
    │   ├── WebhookEndpointNotFound
    │   ├── WebhookDeliveryNotFound
    │   ├── ApiKeyNotFound
    │   ├── IdentityNotFound
    │   ├── ApprovalNotFound
    │   ├── OutcomeNotFound
    │   └── RecipientNotFound
    ├── StateConflict                                        the request is valid; the present state forbids it
    │   ├── CustomerExists          customer_exists
    │   ├── IdentityExists          identity_exists
    │   ├── CustomerNotActive       customer_not_active
    │   ├── CustomerNotErasable     customer_not_erasable    not closed, or the retention period is not over
    │   ├── WalletNotActive         wallet_not_active
    │   ├── WalletNotEmpty          wallet_not_empty
    │   ├── WebhookEndpointDisabled  webhook_endpoint_disabled
    │   └── ApiKeyNotActive         api_key_not_active
    │   ├── ApprovalDecided         approval_decided
    │   └── ApprovalExpired         approval_expired
    ├── RuleRefused                                          a rule about money or keys forbids it
    │   ├── InsufficientFunds       insufficient_funds
    │   ├── CurrencyMismatch        currency_mismatch
    │   ├── SameWallet              same_wallet
    │   ├── TenantMismatch          tenant_mismatch
    │   ├── LimitExceeded           limit_exceeded
    │   ├── GrantForbidden          forbidden                the caller may not give an API key these rights
    │   ├── OwnApproval             own_approval             the one who asked for a command cannot decide on it
    │   ├── ApproverForbidden       forbidden                the caller lacks the scope of the command to approve
    │   ├── RolledBack              rolled_back              another transaction of an atomic batch was refused
    │   └── IdempotencyKeyReused    idempotency_key_reused
    ├── ConcurrentUpdate            concurrent_update        changed since it was read: read again, then decide
    ├── ApprovalPending             approval_pending         not a failure: a second person has to approve it
    └── Unavailable                 unavailable              outcome unknown: retry with the same key
        ├── Conflict                unavailable              another unit of work won a race; nothing was stored
        │   └── Busy                unavailable              a lock was not granted in time
        ├── KeyUnavailable          unavailable              personal data cannot be decrypted; nothing was stored
        ├── Overloaded              unavailable              the queue is full; nothing was begun
        └── SignInUnavailable   unavailable              this process signs no customers in; nothing was begun

Clients program against `code`; `str(error)` is for people. A refusal is stored with its `NAME` and code; one of a class
that is not defined here also with the name of its family (a direct child of Refused), so that a version or a process
without that class can still raise it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from tekana.domain.approvals import Approval
    from tekana.domain.transaction import Rejection, Transaction


class FieldError(NamedTuple):
    """One invalid field of the input: its dotted name, and what is wrong with it."""

    field: str
    message: str


_KINDS: dict[str, type[Refused]] = {}


class TekanaError(Exception):
    """The base class of all errors that tekana raises deliberately."""

    code: str = "internal"


class InvalidRequest(TekanaError, ValueError):
    """The input is invalid in any state of the ledger. Nothing was stored."""

    code = "invalid_request"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def invalid(field: str, message: str) -> InvalidRequest:
    """Build an InvalidRequest about one field."""
    return InvalidRequest(FieldError(field, message))


class EventsDropped(TekanaError):
    """The events after the cursor are no longer stored. Begin again without a cursor, with the first stored event."""

    code = "events_dropped"

    def __init__(self, message: str = "the events after this cursor are not kept any more: begin again without it"):
        super().__init__(message)


class Unauthenticated(TekanaError):
    """No valid credential came with the request. The message is the same whatever is wrong with the credential."""

    code = "unauthenticated"

    def __init__(self, message: str = "a valid API key or access token is required") -> None:
        super().__init__(message)


class SignInRefused(Unauthenticated):
    """A password, code or refresh token is not right, or not at present. The message gives no reason.

    The same for an unknown phone number or email, a customer without a password, a wrong password, a locked one, and a
    suspended or closed customer.
    """

    code = "sign_in_refused"

    def __init__(self, message: str = "the password, code or token is not right, or cannot be used now") -> None:
        super().__init__(message)


class Forbidden(TekanaError):
    """The caller lacks the required scope. Nothing was done, and nothing is stored under the key."""

    code = "forbidden"


class Refused(TekanaError):
    """A valid command was decided and refused. The refusal is stored as the answer under its key.

    Attributes:
        NAME: the stable name under which it is stored; defaults to the code for classes outside this module.
        transaction: the rejected transaction of a money command; None for other commands.
        request_id: the id of the request that was refused first.
        replayed: whether this request repeats that one.
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
        """Return the name of the direct child of Refused that a class outside this module descends from.

        None for the classes of this module, which every version and every process has.
        """
        if cls.__module__ == __name__:
            return None
        families = (kind for kind in cls.__mro__ if issubclass(kind, Refused) and Refused in kind.__bases__)
        return next(families, RuleRefused).NAME


class NotFound(Refused):
    """The named object does not exist."""

    NAME = "NotFound"
    code = "not_found"


class CustomerNotFound(NotFound):
    """No customer has this id."""

    NAME = "CustomerNotFound"


class WalletNotFound(NotFound):
    """No wallet has this id, or a command names a house wallet, which only tekana itself posts to."""

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


class ApiKeyNotFound(NotFound):
    """No API key that the caller may manage has this id."""

    NAME = "ApiKeyNotFound"


class IdentityNotFound(NotFound):
    """The customer has no identity of this id."""

    NAME = "IdentityNotFound"


class ApprovalNotFound(NotFound):
    """No approval that the caller has access to has this id."""

    NAME = "ApprovalNotFound"


class OutcomeNotFound(NotFound):
    """No command of the caller's is stored under this idempotency key."""

    NAME = "OutcomeNotFound"


class RecipientNotFound(NotFound):
    """No customer with this phone number can be paid."""

    NAME = "RecipientNotFound"


class StateConflict(Refused):
    """The request is valid; the present state forbids it."""

    NAME = "StateConflict"


class CustomerExists(StateConflict):
    """Another customer has this email, phone number or external id."""

    NAME = "CustomerExists"
    code = "customer_exists"


class IdentityExists(StateConflict):
    """The subject of the outside issuer is linked with another customer."""

    NAME = "IdentityExists"
    code = "identity_exists"


class CustomerNotActive(StateConflict):
    """The customer is suspended or closed."""

    NAME = "CustomerNotActive"
    code = "customer_not_active"


class CustomerNotErasable(StateConflict):
    """The customer is not closed, or their data have to be kept for longer."""

    NAME = "CustomerNotErasable"
    code = "customer_not_erasable"


class WalletNotActive(StateConflict):
    """The wallet is closed, or frozen for this direction."""

    NAME = "WalletNotActive"
    code = "wallet_not_active"


class WalletNotEmpty(StateConflict):
    """The wallet still has a balance or a hold."""

    NAME = "WalletNotEmpty"
    code = "wallet_not_empty"


class WebhookEndpointDisabled(StateConflict):
    """Nothing is delivered to the webhook endpoint until it is enabled again."""

    NAME = "WebhookEndpointDisabled"
    code = "webhook_endpoint_disabled"


class ApiKeyNotActive(StateConflict):
    """The API key is revoked or has expired."""

    NAME = "ApiKeyNotActive"
    code = "api_key_not_active"


class ApprovalDecided(StateConflict):
    """The approval was decided before: each is decided once."""

    NAME = "ApprovalDecided"
    code = "approval_decided"


class ApprovalExpired(StateConflict):
    """The approval was not decided in time: ask again."""

    NAME = "ApprovalExpired"
    code = "approval_expired"


class RuleRefused(Refused):
    """A rule about money or keys forbids it."""

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


class TenantMismatch(RuleRefused):
    """The wallets belong to different tenants."""

    NAME = "TenantMismatch"
    code = "tenant_mismatch"


class LimitExceeded(RuleRefused):
    """A limit in force does not allow this."""

    NAME = "LimitExceeded"
    code = "limit_exceeded"


class GrantForbidden(RuleRefused):
    """The caller may not give an API key a right that they do not have themselves."""

    NAME = "GrantForbidden"
    code = "forbidden"


class OwnApproval(RuleRefused):
    """The caller asked for the command themselves: another one has to decide on it."""

    NAME = "OwnApproval"
    code = "own_approval"


class ApproverForbidden(RuleRefused):
    """The caller lacks the scope of the command that waits for an approval."""

    NAME = "ApproverForbidden"
    code = "forbidden"


class RolledBack(RuleRefused):
    """Another transaction of the same atomic batch was refused, so this one was not done either."""

    NAME = "RolledBack"
    code = "rolled_back"


class IdempotencyKeyReused(RuleRefused):
    """The caller used this key before, for another command."""

    NAME = "IdempotencyKeyReused"
    code = "idempotency_key_reused"


class ConcurrentUpdate(Refused):
    """The object has another version than the one that the caller read."""

    NAME = "ConcurrentUpdate"
    code = "concurrent_update"


class ApprovalPending(TekanaError):
    """The command was not executed: it waits for the approval of a second person. Stored as the answer under its key.

    Attributes:
        approval: the approval as it was asked for.
        replayed: whether this request repeats the one that asked.
    """

    code = "approval_pending"

    def __init__(self, approval: Approval, *, replayed: bool = False) -> None:
        super().__init__(f"{approval.command} waits for the approval of a second person: {approval.id}")
        self.approval = approval
        self.replayed = replayed


class Unavailable(TekanaError):
    """The outcome is unknown: the command may or may not have been executed. Retry with the same key.

    `retry_after` is in seconds.
    """

    code = "unavailable"
    retry_after: ClassVar[int] = 1


class Conflict(Unavailable):
    """Another unit of work won a race (serialization failure, deadlock, duplicate key). Nothing was stored."""


class Busy(Conflict):
    """A lock held by another unit of work was not granted in time. Nothing was stored."""


class KeyUnavailable(Unavailable):
    """A key that encrypts personal data cannot be reached. Nothing was stored, and what needs no such key goes on."""


class Overloaded(Unavailable):
    """The queue of commands is full. Nothing was begun."""


class SignInUnavailable(Unavailable):
    """This process signs no customers in, or sends no codes. Nothing was begun."""


def rebuild_refusal(rejection: Rejection) -> Refused:
    """Build the error of a stored refusal.

    If its class is unknown here, the error has the class of its family and the stored code.
    """
    kind = _KINDS.get(rejection.error) or _KINDS.get(rejection.family or "", RuleRefused)
    error = kind.__new__(kind, rejection.detail)  # not by its own __init__, which may need other arguments
    error.code = rejection.code
    error.request_id = rejection.request_id
    return error
