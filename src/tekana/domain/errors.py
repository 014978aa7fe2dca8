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
    │   ├── RateNotFound
    │   ├── FeeScheduleNotFound
    │   ├── QuoteNotFound           quote_not_found
    │   ├── OutcomeNotFound
    │   └── RecipientNotFound
    ├── StateConflict                                        the request is valid; the present state forbids it
    │   ├── CustomerExists          customer_exists
    │   ├── IdentityExists          identity_exists
    │   ├── CustomerNotActive       customer_not_active
    │   ├── CustomerNotErasable     customer_not_erasable    not closed, or the retention period is not over
    │   ├── WalletNotActive         wallet_not_active
    │   ├── WalletNotEmpty          wallet_not_empty
    │   ├── HoldNotOpen             hold_not_open            captured, voided or expired before
    │   ├── NotReversible           not_reversible           it moved no money, or its type has no reversals
    │   ├── WebhookEndpointDisabled  webhook_endpoint_disabled
    │   └── ApiKeyNotActive         api_key_not_active
    │   ├── ApprovalDecided         approval_decided
    │   ├── ApprovalExpired         approval_expired
    │   ├── FeeScheduleOverlaps     fee_schedule_overlaps    another one is for the same at the same time
    │   ├── QuoteUsed               quote_used               each is used once
    │   ├── QuoteExpired            quote_expired
    │   ├── FeeScheduleEnded        fee_schedule_ended
    │   └── InverseRateExists       inverse_rate_exists      the pair has a rate with base and quote exchanged
    ├── RuleRefused                                          a rule about money or keys forbids it
    │   ├── InsufficientFunds       insufficient_funds
    │   ├── CurrencyMismatch        currency_mismatch
    │   ├── SameWallet              same_wallet
    │   ├── TenantMismatch          tenant_mismatch
    │   ├── PayeeNotMerchant        payee_not_merchant       a payment goes to a merchant's wallet
    │   ├── LimitExceeded           limit_exceeded
    │   ├── CaptureExceedsHold      capture_exceeds_hold
    │   ├── ReversalExceedsOriginal  reversal_exceeds_original
    │   ├── RateUnavailable         rate_unavailable         no rate of the two currencies applies now
    │   ├── AmountTooSmall          amount_too_small         converted, it is less than the smallest unit
    │   ├── QuoteMismatch           quote_mismatch           the quote is for another movement
    │   ├── FeeExceedsAmount        fee_exceeds_amount       the payee would pay more than they are paid
    │   ├── GrantForbidden          forbidden                the caller may not give an API key these rights
    │   ├── HouseForbidden          forbidden                the command is about all tenants, the caller is not
    │   ├── WalletKindForbidden     forbidden                the caller may not open or make wallets of this kind
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
that is not defined in tekana.domain also with the name of its family (a direct child of Refused), so that a version or
a process without that class can still raise it. All are imported from here: error_types.py has the base classes,
access_errors.py those about callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tekana.domain.access_errors import ApiKeyNotActive as ApiKeyNotActive
from tekana.domain.access_errors import ApiKeyNotFound as ApiKeyNotFound
from tekana.domain.access_errors import ApprovalDecided as ApprovalDecided
from tekana.domain.access_errors import ApprovalExpired as ApprovalExpired
from tekana.domain.access_errors import ApprovalNotFound as ApprovalNotFound
from tekana.domain.access_errors import ApprovalPending as ApprovalPending
from tekana.domain.access_errors import ApproverForbidden as ApproverForbidden
from tekana.domain.access_errors import Forbidden as Forbidden
from tekana.domain.access_errors import GrantForbidden as GrantForbidden
from tekana.domain.access_errors import HouseForbidden as HouseForbidden
from tekana.domain.access_errors import IdentityExists as IdentityExists
from tekana.domain.access_errors import IdentityNotFound as IdentityNotFound
from tekana.domain.access_errors import OwnApproval as OwnApproval
from tekana.domain.access_errors import SignInRefused as SignInRefused
from tekana.domain.access_errors import SignInUnavailable as SignInUnavailable
from tekana.domain.access_errors import Unauthenticated as Unauthenticated
from tekana.domain.access_errors import WalletKindForbidden as WalletKindForbidden
from tekana.domain.error_types import FieldError as FieldError
from tekana.domain.error_types import InvalidRequest as InvalidRequest
from tekana.domain.error_types import NotFound as NotFound
from tekana.domain.error_types import Refused as Refused
from tekana.domain.error_types import RuleRefused as RuleRefused
from tekana.domain.error_types import StateConflict as StateConflict
from tekana.domain.error_types import TekanaError as TekanaError
from tekana.domain.error_types import Unavailable as Unavailable
from tekana.domain.error_types import invalid as invalid
from tekana.domain.error_types import rebuild_refusal as rebuild_refusal

if TYPE_CHECKING:
    from tekana.domain.limits import ReachedLimit


class EventsDropped(TekanaError):
    """The events after the cursor are no longer stored. Begin again without a cursor, with the first stored event."""

    code = "events_dropped"

    def __init__(self, message: str = "the events after this cursor are not kept any more: begin again without it"):
        super().__init__(message)


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


class RateNotFound(NotFound):
    """The operator has set no rate of these two currencies."""

    NAME = "RateNotFound"


class FeeScheduleNotFound(NotFound):
    """No fee schedule that the caller may see has this id."""

    NAME = "FeeScheduleNotFound"


class QuoteNotFound(NotFound):
    """The caller has no quote with this id."""

    NAME = "QuoteNotFound"
    code = "quote_not_found"


class OutcomeNotFound(NotFound):
    """No command of the caller's is stored under this idempotency key."""

    NAME = "OutcomeNotFound"


class RecipientNotFound(NotFound):
    """No customer with this phone number can be paid."""

    NAME = "RecipientNotFound"


class CustomerExists(StateConflict):
    """Another customer has this email, phone number or external id."""

    NAME = "CustomerExists"
    code = "customer_exists"


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


class HoldNotOpen(StateConflict):
    """The hold was captured or voided, or it expired."""

    NAME = "HoldNotOpen"
    code = "hold_not_open"


class NotReversible(StateConflict):
    """The transaction moved no money, or its type has no reversals."""

    NAME = "NotReversible"
    code = "not_reversible"


class WebhookEndpointDisabled(StateConflict):
    """Nothing is delivered to the webhook endpoint until it is enabled again."""

    NAME = "WebhookEndpointDisabled"
    code = "webhook_endpoint_disabled"


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


class PayeeNotMerchant(RuleRefused):
    """A payment for goods or services goes to a merchant's wallet, and this is none."""

    NAME = "PayeeNotMerchant"
    code = "payee_not_merchant"


class LimitExceeded(RuleRefused):
    """A limit in force does not allow this."""

    NAME = "LimitExceeded"
    code = "limit_exceeded"

    def __init__(self, message: str, limit: ReachedLimit | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class InverseRateExists(StateConflict):
    """The operator has set a rate of the same two currencies with base and quote in each other's place."""

    NAME = "InverseRateExists"
    code = "inverse_rate_exists"


class FeeScheduleOverlaps(StateConflict):
    """Another fee schedule is for the same transactions at the same time: end it first."""

    NAME = "FeeScheduleOverlaps"
    code = "fee_schedule_overlaps"


class FeeScheduleEnded(StateConflict):
    """The fee schedule has ended before."""

    NAME = "FeeScheduleEnded"
    code = "fee_schedule_ended"


class QuoteUsed(StateConflict):
    """The quote was used before: ask for another one."""

    NAME = "QuoteUsed"
    code = "quote_used"


class QuoteExpired(StateConflict):
    """The time of the quote is over: ask for another one."""

    NAME = "QuoteExpired"
    code = "quote_expired"


class QuoteMismatch(RuleRefused):
    """The quote is for another movement: its type, wallets and amount have to be the same."""

    NAME = "QuoteMismatch"
    code = "quote_mismatch"


class FeeExceedsAmount(RuleRefused):
    """The payee would pay more for the transaction than they are paid."""

    NAME = "FeeExceedsAmount"
    code = "fee_exceeds_amount"


class RateUnavailable(RuleRefused):
    """No rate of the two currencies applies now, or the amount is too large for it."""

    NAME = "RateUnavailable"
    code = "rate_unavailable"


class AmountTooSmall(RuleRefused):
    """The amount comes to less than the smallest unit of the other currency."""

    NAME = "AmountTooSmall"
    code = "amount_too_small"


class CaptureExceedsHold(RuleRefused):
    """More would be captured than the hold has."""

    NAME = "CaptureExceedsHold"
    code = "capture_exceeds_hold"


class ReversalExceedsOriginal(RuleRefused):
    """More would be reversed than is left of the original."""

    NAME = "ReversalExceedsOriginal"
    code = "reversal_exceeds_original"


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


class Conflict(Unavailable):
    """Another unit of work won a race (serialization failure, deadlock, duplicate key). Nothing was stored."""


class Busy(Conflict):
    """A lock held by another unit of work was not granted in time. Nothing was stored."""


class KeyUnavailable(Unavailable):
    """A key that encrypts personal data cannot be reached. Nothing was stored, and what needs no such key goes on."""


class Overloaded(Unavailable):
    """The queue of commands is full. Nothing was begun."""
