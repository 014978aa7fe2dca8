"""tekana: an e-wallet back-end in which no money is lost and none is counted twice.

    async with tekana.connect("memory://") as app:
        session = app.as_caller(tekana.LOCAL_OPERATOR)
        customer, wallets = await session.execute(RegisterCustomer(full_name=..., email=..., phone_number=...))
        await session.execute(DepositFunds(wallet_id=wallets[0].id, amount="1500", currency="RWF"), key="a-new-key")

The public API is here. `tekana.ports` is for adapters, `tekana.testing` for their tests.
"""

from typing import TYPE_CHECKING

from tekana import application
from tekana.application import *
from tekana.application.commands.fees.schedule_fields import NewFeeBand as NewFeeBand
from tekana.application.commands.fees.schedule_fields import NewFeeShare as NewFeeShare
from tekana.bootstrap import MissingAdapter as MissingAdapter
from tekana.bootstrap import Settings as Settings
from tekana.bootstrap import connect as connect
from tekana.domain.answers import CustomerWithWallets as CustomerWithWallets
from tekana.domain.answers import ErasedCustomer as ErasedCustomer
from tekana.domain.answers import OverriddenLimits as OverriddenLimits
from tekana.domain.api_keys import ApiKey as ApiKey
from tekana.domain.approvals import Approval as Approval
from tekana.domain.caller import LOCAL_OPERATOR as LOCAL_OPERATOR
from tekana.domain.caller import MAIN_TENANT as MAIN_TENANT
from tekana.domain.caller import ROLES as ROLES
from tekana.domain.caller import SCOPES as SCOPES
from tekana.domain.caller import Caller as Caller
from tekana.domain.caller import CallerKind as CallerKind
from tekana.domain.caller import Role as Role
from tekana.domain.caller import Scope as Scope
from tekana.domain.caller import customer_caller as customer_caller
from tekana.domain.customer import Customer as Customer
from tekana.domain.errors import AmountTooSmall as AmountTooSmall
from tekana.domain.errors import (
    ApiKeyNotActive as ApiKeyNotActive,
)
from tekana.domain.errors import (
    ApiKeyNotFound as ApiKeyNotFound,
)
from tekana.domain.errors import ApprovalDecided as ApprovalDecided
from tekana.domain.errors import ApprovalExpired as ApprovalExpired
from tekana.domain.errors import ApprovalNotFound as ApprovalNotFound
from tekana.domain.errors import ApprovalPending as ApprovalPending
from tekana.domain.errors import ApproverForbidden as ApproverForbidden
from tekana.domain.errors import CaptureExceedsHold as CaptureExceedsHold
from tekana.domain.errors import (
    ConcurrentUpdate as ConcurrentUpdate,
)
from tekana.domain.errors import (
    Conflict as Conflict,
)
from tekana.domain.errors import (
    CurrencyMismatch as CurrencyMismatch,
)
from tekana.domain.errors import (
    CustomerExists as CustomerExists,
)
from tekana.domain.errors import (
    CustomerNotActive as CustomerNotActive,
)
from tekana.domain.errors import (
    CustomerNotErasable as CustomerNotErasable,
)
from tekana.domain.errors import (
    CustomerNotFound as CustomerNotFound,
)
from tekana.domain.errors import (
    EventsDropped as EventsDropped,
)
from tekana.domain.errors import FeeExceedsAmount as FeeExceedsAmount
from tekana.domain.errors import FeeScheduleEnded as FeeScheduleEnded
from tekana.domain.errors import FeeScheduleNotFound as FeeScheduleNotFound
from tekana.domain.errors import FeeScheduleOverlaps as FeeScheduleOverlaps
from tekana.domain.errors import (
    FieldError as FieldError,
)
from tekana.domain.errors import (
    Forbidden as Forbidden,
)
from tekana.domain.errors import (
    GrantForbidden as GrantForbidden,
)
from tekana.domain.errors import HoldNotOpen as HoldNotOpen
from tekana.domain.errors import HouseForbidden as HouseForbidden
from tekana.domain.errors import (
    IdempotencyKeyReused as IdempotencyKeyReused,
)
from tekana.domain.errors import (
    IdentityExists as IdentityExists,
)
from tekana.domain.errors import (
    IdentityNotFound as IdentityNotFound,
)
from tekana.domain.errors import (
    InsufficientFunds as InsufficientFunds,
)
from tekana.domain.errors import (
    InvalidRequest as InvalidRequest,
)
from tekana.domain.errors import InverseRateExists as InverseRateExists
from tekana.domain.errors import (
    KeyUnavailable as KeyUnavailable,
)
from tekana.domain.errors import (
    LimitExceeded as LimitExceeded,
)
from tekana.domain.errors import (
    NotFound as NotFound,
)
from tekana.domain.errors import NotReversible as NotReversible
from tekana.domain.errors import (
    OutcomeNotFound as OutcomeNotFound,
)
from tekana.domain.errors import (
    Overloaded as Overloaded,
)
from tekana.domain.errors import OwnApproval as OwnApproval
from tekana.domain.errors import PayeeNotMerchant as PayeeNotMerchant
from tekana.domain.errors import QuoteExpired as QuoteExpired
from tekana.domain.errors import QuoteMismatch as QuoteMismatch
from tekana.domain.errors import QuoteNotFound as QuoteNotFound
from tekana.domain.errors import QuoteUsed as QuoteUsed
from tekana.domain.errors import RateNotFound as RateNotFound
from tekana.domain.errors import RateUnavailable as RateUnavailable
from tekana.domain.errors import (
    Refused as Refused,
)
from tekana.domain.errors import ReversalExceedsOriginal as ReversalExceedsOriginal
from tekana.domain.errors import (
    RolledBack as RolledBack,
)
from tekana.domain.errors import (
    RuleRefused as RuleRefused,
)
from tekana.domain.errors import (
    SameWallet as SameWallet,
)
from tekana.domain.errors import (
    SignInRefused as SignInRefused,
)
from tekana.domain.errors import (
    SignInUnavailable as SignInUnavailable,
)
from tekana.domain.errors import (
    StateConflict as StateConflict,
)
from tekana.domain.errors import (
    TekanaError as TekanaError,
)
from tekana.domain.errors import (
    TransactionNotFound as TransactionNotFound,
)
from tekana.domain.errors import (
    Unauthenticated as Unauthenticated,
)
from tekana.domain.errors import (
    Unavailable as Unavailable,
)
from tekana.domain.errors import (
    WalletKindForbidden as WalletKindForbidden,
)
from tekana.domain.errors import (
    WalletNotActive as WalletNotActive,
)
from tekana.domain.errors import (
    WalletNotEmpty as WalletNotEmpty,
)
from tekana.domain.errors import (
    WalletNotFound as WalletNotFound,
)
from tekana.domain.errors import (
    WebhookDeliveryNotFound as WebhookDeliveryNotFound,
)
from tekana.domain.errors import (
    WebhookEndpointDisabled as WebhookEndpointDisabled,
)
from tekana.domain.errors import (
    WebhookEndpointNotFound as WebhookEndpointNotFound,
)
from tekana.domain.fees import Charge as Charge
from tekana.domain.fees import FeeBand as FeeBand
from tekana.domain.fees import FeeSchedule as FeeSchedule
from tekana.domain.fees import FeeShare as FeeShare
from tekana.domain.holds import Hold as Hold
from tekana.domain.identifiers import (
    ApiKeyId as ApiKeyId,
)
from tekana.domain.identifiers import ApprovalId as ApprovalId
from tekana.domain.identifiers import (
    CustomerId as CustomerId,
)
from tekana.domain.identifiers import FeeScheduleId as FeeScheduleId
from tekana.domain.identifiers import QuoteId as QuoteId
from tekana.domain.identifiers import (
    TransactionId as TransactionId,
)
from tekana.domain.identifiers import (
    WalletId as WalletId,
)
from tekana.domain.identifiers import (
    WebhookDeliveryId as WebhookDeliveryId,
)
from tekana.domain.identifiers import (
    WebhookEndpointId as WebhookEndpointId,
)
from tekana.domain.identifiers import (
    house_wallet_id as house_wallet_id,
)
from tekana.domain.limit_rules import CustomerLimits as CustomerLimits
from tekana.domain.limits import LimitOverride as LimitOverride
from tekana.domain.limits import LimitSet as LimitSet
from tekana.domain.limits import ReachedLimit as ReachedLimit
from tekana.domain.money import Currency as Currency
from tekana.domain.money import Money as Money
from tekana.domain.quotes import Quote as Quote
from tekana.domain.rates import Pair as Pair
from tekana.domain.rates import Rate as Rate
from tekana.domain.tier_limits import TierLimits as TierLimits
from tekana.domain.transaction import Entry as Entry
from tekana.domain.transaction import PostedEntry as PostedEntry
from tekana.domain.transaction import Transaction as Transaction
from tekana.domain.wallet import Wallet as Wallet
from tekana.domain.webhook_answers import DeletedWebhook as DeletedWebhook
from tekana.domain.webhooks import DeliveryAttempt as DeliveryAttempt
from tekana.domain.webhooks import WebhookDelivery as WebhookDelivery
from tekana.domain.webhooks import WebhookEndpoint as WebhookEndpoint
from tekana.ports.approvals import ApprovalFilter as ApprovalFilter
from tekana.ports.customers import CustomerFilter as CustomerFilter
from tekana.ports.events import EventFilter as EventFilter
from tekana.ports.outcomes import CommandOutcome as CommandOutcome
from tekana.ports.page import Page as Page
from tekana.ports.page import PageRequest as PageRequest
from tekana.ports.reports import AccountBalance as AccountBalance
from tekana.ports.reports import TrialBalance as TrialBalance
from tekana.ports.transactions import TransactionFilter as TransactionFilter
from tekana.ports.wallets import BalanceAt as BalanceAt
from tekana.ports.wallets import StatementSummary as StatementSummary
from tekana.ports.wallets import WalletFilter as WalletFilter

if not TYPE_CHECKING:
    __all__ = [
        *application.__all__,
        "AccountBalance",
        "ApiKey",
        "ApiKeyId",
        "ApiKeyNotActive",
        "ApiKeyNotFound",
        "Approval",
        "ApprovalDecided",
        "ApprovalExpired",
        "ApprovalFilter",
        "ApprovalId",
        "ApprovalNotFound",
        "ApprovalPending",
        "ApproverForbidden",
        "BalanceAt",
        "Caller",
        "CallerKind",
        "CaptureExceedsHold",
        "CommandOutcome",
        "ConcurrentUpdate",
        "Conflict",
        "Currency",
        "CurrencyMismatch",
        "Customer",
        "CustomerExists",
        "CustomerFilter",
        "CustomerId",
        "CustomerLimits",
        "CustomerNotActive",
        "CustomerNotErasable",
        "CustomerNotFound",
        "CustomerWithWallets",
        "ErasedCustomer",
        "KeyUnavailable",
        "DeletedWebhook",
        "DeliveryAttempt",
        "Entry",
        "EventFilter",
        "EventsDropped",
        "FieldError",
        "Forbidden",
        "GrantForbidden",
        "Hold",
        "HoldNotOpen",
        "HouseForbidden",
        "IdempotencyKeyReused",
        "IdentityExists",
        "IdentityNotFound",
        "InsufficientFunds",
        "InvalidRequest",
        "LOCAL_OPERATOR",
        "LimitExceeded",
        "LimitOverride",
        "LimitSet",
        "MAIN_TENANT",
        "MissingAdapter",
        "Money",
        "NewFeeBand",
        "NewFeeShare",
        "NotFound",
        "OutcomeNotFound",
        "Overloaded",
        "OwnApproval",
        "Page",
        "PageRequest",
        "PostedEntry",
        "ROLES",
        "AmountTooSmall",
        "NotReversible",
        "ReversalExceedsOriginal",
        "InverseRateExists",
        "RateNotFound",
        "RateUnavailable",
        "Charge",
        "FeeBand",
        "FeeExceedsAmount",
        "FeeSchedule",
        "FeeScheduleEnded",
        "FeeScheduleId",
        "FeeScheduleNotFound",
        "FeeScheduleOverlaps",
        "FeeShare",
        "Pair",
        "PayeeNotMerchant",
        "Quote",
        "QuoteExpired",
        "QuoteId",
        "QuoteMismatch",
        "QuoteNotFound",
        "QuoteUsed",
        "Rate",
        "Refused",
        "Role",
        "RolledBack",
        "RuleRefused",
        "SCOPES",
        "SameWallet",
        "Scope",
        "Settings",
        "SignInRefused",
        "SignInUnavailable",
        "StateConflict",
        "ReachedLimit",
        "OverriddenLimits",
        "TierLimits",
        "StatementSummary",
        "TekanaError",
        "Transaction",
        "TransactionFilter",
        "TransactionId",
        "TransactionNotFound",
        "TrialBalance",
        "Unauthenticated",
        "Unavailable",
        "Wallet",
        "WalletFilter",
        "WalletId",
        "WalletKindForbidden",
        "WalletNotActive",
        "WalletNotEmpty",
        "WalletNotFound",
        "WebhookDelivery",
        "WebhookDeliveryId",
        "WebhookDeliveryNotFound",
        "WebhookEndpoint",
        "WebhookEndpointDisabled",
        "WebhookEndpointId",
        "WebhookEndpointNotFound",
        "connect",
        "customer_caller",
        "house_wallet_id",
    ]
