"""The complete suite for a store, in one class."""

from __future__ import annotations

from tekana.testing.contracts.access import AccessContract
from tekana.testing.contracts.api_keys import ApiKeysContract
from tekana.testing.contracts.approval_races import ApprovalRacesContract
from tekana.testing.contracts.approvals import ApprovalsContract
from tekana.testing.contracts.audit_log import AuditLogContract
from tekana.testing.contracts.batches import BatchesContract
from tekana.testing.contracts.concurrency import ConcurrencyContract
from tekana.testing.contracts.contacts import ContactsContract
from tekana.testing.contracts.erasure import ErasureContract
from tekana.testing.contracts.event_feed import EventFeedContract
from tekana.testing.contracts.exchange import ExchangeContract
from tekana.testing.contracts.fee_reversals import FeeReversalsContract
from tekana.testing.contracts.fees import FeesContract
from tekana.testing.contracts.hold_races import HoldRacesContract
from tekana.testing.contracts.holds import HoldsContract
from tekana.testing.contracts.idempotency import IdempotencyContract
from tekana.testing.contracts.legs import LegsContract
from tekana.testing.contracts.limit_races import LimitRacesContract
from tekana.testing.contracts.limits import LimitsContract
from tekana.testing.contracts.lost_answers import LostAnswersContract
from tekana.testing.contracts.persistence import PersistenceContract
from tekana.testing.contracts.personal_data import PersonalDataContract
from tekana.testing.contracts.quotes import QuotesContract
from tekana.testing.contracts.read_customers import ReadCustomersContract
from tekana.testing.contracts.read_filters import ReadFiltersContract
from tekana.testing.contracts.read_money import ReadMoneyContract
from tekana.testing.contracts.recipients import RecipientsContract
from tekana.testing.contracts.reports import ReportsContract
from tekana.testing.contracts.returned_limits import ReturnedLimitsContract
from tekana.testing.contracts.reversal_races import ReversalRacesContract
from tekana.testing.contracts.reversals import ReversalsContract
from tekana.testing.contracts.round_trips import RoundTripsContract
from tekana.testing.contracts.statements import StatementsContract
from tekana.testing.contracts.unit_of_work import UnitOfWorkContract
from tekana.testing.contracts.wallet_kinds import WalletKindsContract
from tekana.testing.contracts.withdrawn_currencies import WithdrawnCurrenciesContract


class StoreContract(
    LimitsContract,
    LimitRacesContract,
    ReturnedLimitsContract,
    PersistenceContract,
    UnitOfWorkContract,
    IdempotencyContract,
    BatchesContract,
    LegsContract,
    ReversalsContract,
    ReversalRacesContract,
    ExchangeContract,
    ContactsContract,
    ConcurrencyContract,
    LostAnswersContract,
    ReadCustomersContract,
    ReadMoneyContract,
    ReadFiltersContract,
    StatementsContract,
    ReportsContract,
    EventFeedContract,
    RoundTripsContract,
    WithdrawnCurrenciesContract,
    AccessContract,
    RecipientsContract,
    ApiKeysContract,
    ApprovalsContract,
    ApprovalRacesContract,
    HoldsContract,
    HoldRacesContract,
    AuditLogContract,
    PersonalDataContract,
    ErasureContract,
    WalletKindsContract,
    FeesContract,
    FeeReversalsContract,
    QuotesContract,
):
    """The contract of a store. `tekana.testing.contracts` shows how to run it.

    A subclass defines the fixture `store`: started, migrated and empty, with the fixture `clock` as its clock. With
    `persistent = True`, it also defines the method `another`.
    """
