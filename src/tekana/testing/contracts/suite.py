"""The whole suite: every theme in one class."""

from __future__ import annotations

from tekana.testing.contracts.batches import BatchesContract
from tekana.testing.contracts.claims import ClaimsContract
from tekana.testing.contracts.concurrency import ConcurrencyContract
from tekana.testing.contracts.contacts import ContactsContract
from tekana.testing.contracts.event_feed import EventFeedContract
from tekana.testing.contracts.legs import LegsContract
from tekana.testing.contracts.lost_answers import LostAnswersContract
from tekana.testing.contracts.persistence import PersistenceContract
from tekana.testing.contracts.read_customers import ReadCustomersContract
from tekana.testing.contracts.read_money import ReadMoneyContract
from tekana.testing.contracts.round_trips import RoundTripsContract
from tekana.testing.contracts.unit_of_work import UnitOfWorkContract
from tekana.testing.contracts.withdrawn_currencies import WithdrawnCurrenciesContract


class StoreContract(
    PersistenceContract,
    UnitOfWorkContract,
    ClaimsContract,
    BatchesContract,
    LegsContract,
    ContactsContract,
    ConcurrencyContract,
    LostAnswersContract,
    ReadCustomersContract,
    ReadMoneyContract,
    EventFeedContract,
    RoundTripsContract,
    WithdrawnCurrenciesContract,
):
    """What a store must do to be one: see `tekana.testing.contracts` for how to run it."""
