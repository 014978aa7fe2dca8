"""Queries and commands of a store on a `large_ledger`, whose plans a test checks: all of them, each with samples."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from uuid_utils.compat import uuid7

import tekana
from tekana.application import Command
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.workers.webhook_dispatcher import RUN_LENGTH_MAX
from tekana.domain.identifiers import (
    ApiKeyId,
    ApprovalId,
    CustomerId,
    FeeScheduleId,
    TransactionId,
    WalletId,
    WebhookDeliveryId,
    WebhookEndpointId,
    house_wallet_id,
)
from tekana.domain.money import Currency, Money
from tekana.domain.webhooks import DeliveryAttempt, NewWebhookDelivery
from tekana.ports.api_keys import ApiKeys
from tekana.ports.approvals import ApprovalFilter, Approvals
from tekana.ports.audit_log import AuditFilter, AuditLog
from tekana.ports.customers import CustomerFilter, Customers
from tekana.ports.due_holds import DueHold, DueHolds
from tekana.ports.events import EventFilter, Events
from tekana.ports.fee_schedules import FeeSchedules
from tekana.ports.limits import Limits
from tekana.ports.outcomes import Outcomes
from tekana.ports.page import PageRequest
from tekana.ports.personal_data import PersonalData
from tekana.ports.rates import Rates
from tekana.ports.readers import READERS as DECLARED
from tekana.ports.reports import Reports
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter, Transactions
from tekana.ports.wallets import WalletFilter, Wallets
from tekana.ports.webhook_deliveries import FinishedAttempt, FinishedRun, WebhookDeliveries
from tekana.ports.webhook_endpoints import WebhookEndpoints
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import ask, office
from tests.integration import large_ledger

MOST_ROWS = 5_000
"""The maximal number of rows that a statement may scan, or expect to sort: some pages and all refusals."""
HISTORY_OF_THE_MERCHANT = 40_000
"""The bound where a filter by type matches few rows of a long history."""

ENTRIES_OF_A_STATEMENT = 10_000_000
"""The bound of a statement, whose totals are sums of all entries of a period: an index finds them."""
WHOLE_LEDGER = -1
"""The bound of a report, which reads whole tables."""

RWF = Currency("RWF")
END_OF_OVERRIDE = "2099-12-31T00:00:00Z"
NUMBER = 172  # sent one transfer, and received one
PAYER = 460  # paid the merchant
MINE, THEIRS = CustomerId(large_ledger.customer_id(NUMBER)), CustomerId(large_ledger.customer_id(PAYER))
WALLET, BUSY = WalletId(large_ledger.wallet_id(NUMBER)), WalletId(large_ledger.wallet_id(large_ledger.MERCHANT))
HOUSE = house_wallet_id("settlement", RWF)
SOME = TransactionId(large_ledger.transaction_id(150_000))
ENDPOINT, OTHER_ENDPOINT = (WebhookEndpointId(large_ledger.endpoint_id(number)) for number in (1, 2))
PURGED_BEFORE = large_ledger.delivery_time(10_000)
DELIVERY = WebhookDeliveryId(large_ledger.delivery_id(200 * 1_000))  # of ENDPOINT

FILTERS: dict[type[Any], dict[str, tuple[Any, ...]]] = {
    CustomerFilter: {
        "email": (None, f"c{NUMBER}@example.com", "unknown@example.com"),
        "phone_number": (None, f"+250{700_000_000 + NUMBER}"),
        "external_id": (None, f"crm-{NUMBER}"),
        "status": (None, "active", "suspended", "closed"),
    },
    WalletFilter: {
        "customer_id": (None, MINE),
        "currency": (None, "RWF", "USD", "KES"),
        "status": (None, "active", "frozen"),
    },
    TransactionFilter: {
        "wallet_id": (None, WALLET, BUSY),
        "customer_id": (None, THEIRS),
        "type": (None, "withdrawal", "transfer"),  # the ledger has no withdrawals
        "status": (None, "posted", "pending", "rejected"),
        "reference": (None, "order-300"),
        "start": (None, large_ledger.transaction_time(200_000)),
        "end": (None, large_ledger.transaction_time(210_000)),
    },
}
# Filters that no index serves, each beside a sample of the others: some that match all rows, and some that match none.
UNINDEXED: dict[type[Any], dict[str, tuple[Any, ...]]] = {
    CustomerFilter: {},
    WalletFilter: {"metadata": ({"a": "b"},)},
    TransactionFilter: {
        "currency": ("RWF", "USD"),
        "amount_min": (Money(1, RWF), Money(101, RWF)),
        "amount_max": (Money(100, RWF), Money(99, RWF)),
        "metadata": ({"a": "b"},),
        "idempotency_key": (large_ledger.KEY, "unknown"),
    },
}
BESIDE: dict[type[Any], tuple[dict[str, Any], ...]] = {
    CustomerFilter: (),
    WalletFilter: ({}, {"customer_id": MINE}, {"currency": "USD"}, {"status": "frozen"}),
    TransactionFilter: (
        *({}, {"wallet_id": WALLET}, {"wallet_id": BUSY}, {"customer_id": THEIRS}, {"type": "deposit"}),
        *({"status": "rejected"}, {"reference": "order-300"}, {"start": large_ledger.transaction_time(200_000)}),
    ),
}
WAGES = TransactionFilter(reference=large_ledger.COMMON_REFERENCE)
LATER = {
    CustomerFilter: str(large_ledger.customer_id(400_000)),
    WalletFilter: str(large_ledger.wallet_id(400_000)),
    TransactionFilter: str(SOME),
}

PERIOD = (large_ledger.transaction_time(100_000), large_ledger.transaction_time(200_000))
AUDIT_FILTERS = (
    (AuditFilter(), MOST_ROWS),
    (AuditFilter(subject=large_ledger.SUPPORT), MOST_ROWS),
    (AuditFilter(outcome="refused"), MOST_ROWS),
    (AuditFilter(resource_id=MINE), MOST_ROWS),
    # A plan for all actions walks the log for a rare one. The first page of a period is found by walking, too; later
    # pages begin at the cursor.
    (AuditFilter(action="CloseCustomer"), large_ledger.AUDIT_ENTRIES),
    (AuditFilter(start=large_ledger.audit_time(50_000)), large_ledger.AUDIT_ENTRIES),
    (AuditFilter(end=large_ledger.audit_time(50_000)), large_ledger.AUDIT_ENTRIES),
)

READERS = (*(reader.port for reader in DECLARED), WebhookEndpoints, WebhookDeliveries, DueHolds)

Question = Callable[[tekana.Session], Awaitable[Any]]


def lists(of: type[Any], which: Callable[[tekana.Session], Any]) -> Iterator[tuple[str, int, Question]]:
    """Yield every combination of filters, each with its first page and a later one."""
    assert FILTERS[of].keys() | UNINDEXED[of].keys() == set(of._fields), "a filter without samples"
    indexed = [of(**dict(zip(FILTERS[of], values, strict=True))) for values in itertools.product(*FILTERS[of].values())]
    unindexed = [
        of(**beside, **{name: value})
        for name, values in UNINDEXED[of].items()
        for value in values
        for beside in BESIDE[of]
    ]
    for wanted in (*indexed, *unindexed):
        busy = getattr(wanted, "wallet_id", None) == BUSY and wanted.type
        for cursor in (None, LATER[of]):
            page = PageRequest(50, cursor)
            most = HISTORY_OF_THE_MERCHANT if busy else MOST_ROWS
            yield f"{wanted} {cursor}", most, lambda app, wanted=wanted, page=page: which(app).list(wanted, page)
    for wanted in (of(), *unindexed):
        usual, page = of is TransactionFilter, PageRequest()
        yield (
            f"{wanted} in the other order",
            MOST_ROWS,
            lambda app, wanted=wanted, usual=usual, page=page: which(app).list(wanted, page, newest_first=not usual),
        )


def entries_of(wallet: WalletId, page: PageRequest, *period: Any) -> Any:
    return lambda app: app.wallets.entries(wallet, page, *period)


def questions() -> dict[tuple[type[Any], str], list[tuple[str, int, Question]]]:
    """Return by reader: the description of each query, the rows that it may scan, and the query."""
    pages = [PageRequest(), PageRequest(200, "250")]
    return {
        (Customers, "get"): [("", MOST_ROWS, lambda app: app.customers.get(MINE))],
        (Customers, "list"): list(lists(CustomerFilter, lambda app: app.customers)),
        (Wallets, "get"): [("", MOST_ROWS, lambda app: app.wallets.get(WALLET))],
        (Wallets, "list"): list(lists(WalletFilter, lambda app: app.wallets)),
        (Wallets, "entries"): [
            (f"{wallet} {page}", MOST_ROWS, lambda app, wallet=wallet, page=page: app.wallets.entries(wallet, page))
            for wallet in (WALLET, BUSY, HOUSE)
            for page in pages
        ]
        + [
            (f"{wallet} {which}", MOST_ROWS, entries_of(wallet, *which))
            for wallet in (WALLET, BUSY, HOUSE)
            for page in pages
            for which in ((page, PERIOD[0], None, True), (page, *PERIOD, True), (page, *PERIOD, False))
        ],
        (Wallets, "balance_at"): [
            (f"{wallet} {at}", MOST_ROWS, lambda app, wallet=wallet, at=at: app.wallets.balance_at(wallet, at))
            for wallet in (WALLET, BUSY, HOUSE)
            for at in (None, large_ledger.transaction_time(200_000))
        ],
        (Wallets, "statement"): [
            (f"{wallet} {period}", ENTRIES_OF_A_STATEMENT, statement_of(wallet, *period))
            for wallet in (WALLET, BUSY, HOUSE)
            for period in ((None, None), (PERIOD[0], None), PERIOD)
        ],
        (Limits, "of_customer"): [("", MOST_ROWS, lambda app: app.limits.of_customer(MINE))],
        (Limits, "list"): [("", MOST_ROWS, lambda app: app.limits.list())],
        (Rates, "get"): [("", MOST_ROWS, find_rate)],
        (Rates, "list"): [("", MOST_ROWS, lambda app: app.rates.list())],
        (FeeSchedules, "get"): [("", MOST_ROWS, find_fee_schedule)],
        (FeeSchedules, "list"): [("", MOST_ROWS, lambda app: app.fee_schedules.list())],
        (Reports, "trial_balance"): [
            (f"{at}", WHOLE_LEDGER, lambda app, at=at: app.reports.trial_balance(at))
            for at in (None, large_ledger.transaction_time(200_000))
        ],
        (DueHolds, "count"): [("", MOST_ROWS, lambda app: app._store.due_holds.count())],  # type: ignore[attr-defined]
        (DueHolds, "list"): [
            (str(after), MOST_ROWS, lambda app, after=after: app._store.due_holds.list(100, after))
            for after in (None, DueHold(large_ledger.transaction_time(100_000), SOME))
        ],
        (Transactions, "get"): [("", MOST_ROWS, lambda app: app.transactions.get(SOME))],
        (Transactions, "list"): [
            *lists(TransactionFilter, lambda app: app.transactions),
            *[
                (str(which), MOST_ROWS, lambda app, which=which: app.transactions.list(which, PageRequest()))
                for which in (WAGES._replace(wallet_id=WALLET), WAGES._replace(wallet_id=BUSY))
            ],
        ],
        (Events, "list"): [
            (str(page), MOST_ROWS, lambda app, page=page: app.events.list(page))
            for page in (PageRequest(), PageRequest(200, "150000.1"), PageRequest(200, "300000.2"))
        ]
        + [
            (str(which), MOST_ROWS, lambda app, which=which: app.events.list(PageRequest(50, "150000.1"), which))
            for which in (EventFilter(type="WalletFrozen"), EventFilter(aggregate_id=WALLET))
        ],
        (Outcomes, "get"): [("", MOST_ROWS, lambda app: app.outcomes.get(large_ledger.KEY))],
        (Approvals, "get"): [("", MOST_ROWS, find_approval)],
        (Approvals, "list"): [
            (str(which), MOST_ROWS, lambda app, which=which: app.approvals.list(which, PageRequest()))
            for which in (ApprovalFilter(), ApprovalFilter("pending"), ApprovalFilter("approved"))
        ],
        (ApiKeys, "get"): [("", MOST_ROWS, find_api_key)],
        (ApiKeys, "list"): [
            (str(page), MOST_ROWS, lambda app, page=page: app.api_keys.list(page)) for page in pages[:1]
        ],
        (AuditLog, "list"): [
            (f"{which} {newest_first}", most, audit_entries(which, newest_first))
            for which, most in AUDIT_FILTERS
            for newest_first in (False, True)
        ],
        (PersonalData, "sign_in"): [("", MOST_ROWS, lambda app: app.personal_data.sign_in(MINE))],
        (PersonalData, "audit_entries"): [
            (str(page), MOST_ROWS, lambda app, page=page: app.personal_data.audit_entries(MINE, page))
            for page in (PageRequest(), PageRequest(50, str(large_ledger.customer_id(1))))
        ],
        (PersonalData, "approvals"): [("", MOST_ROWS, lambda app: app.personal_data.approvals(MINE, PageRequest()))],
        (PersonalData, "answers"): [
            (str(page), MOST_ROWS, lambda app, page=page: app.personal_data.answers(MINE, page))
            for page in (PageRequest(), PageRequest(50, str(large_ledger.customer_id(1))))
        ],
        **webhook_questions(),
    }


def webhook_questions() -> dict[tuple[type[Any], str], list[tuple[str, int, Question]]]:
    """Return the queries of readers of webhooks, and what the dispatcher and its relay do."""
    caller = tekana.LOCAL_OPERATOR
    pages = (PageRequest(), PageRequest(50, str(large_ledger.delivery_id(150_000))))

    async def record(deliveries: WebhookDeliveries) -> None:
        attempt = DeliveryAttempt(datetime.now(UTC), 1, 200)
        claimed = await deliveries.claim({ENDPOINT: 10}, 10, RUN_LENGTH_MAX, 60.0)
        assert claimed
        finished = [[FinishedAttempt(one, attempt, "delivered") for one in run.deliveries] for run in claimed]
        await deliveries.record(
            [FinishedRun(attempts, run.claimed_until) for attempts, run in zip(finished, claimed, strict=True)]
        )

    endpoints: dict[str, Callable[[WebhookEndpoints], Awaitable[Any]]] = {
        "get": lambda port: port.get(caller, ENDPOINT),
        "list": lambda port: port.list(caller, PageRequest()),
        "active": lambda port: port.active(),
        "find_active": lambda port: port.find_active([ENDPOINT]),
        "disable": lambda port: port.disable(WebhookEndpointId(uuid4()), "a test"),
        "stored_secrets": lambda port: port.stored_secrets(encrypted=True),
        "replace_secrets": replace_secrets,
    }
    deliveries: dict[str, list[Callable[[WebhookDeliveries], Awaitable[Any]]]] = {
        "queue": [lambda port: port.queue([new_delivery()])],
        "claim": [lambda port: port.claim({ENDPOINT: 10, OTHER_ENDPOINT: 5}, 10, RUN_LENGTH_MAX, 0.0)],
        "record": [record],
        "get": [lambda port: port.get(caller, DELIVERY)],
        "list": [lambda port, page=page: port.list(caller, ENDPOINT, page) for page in pages],  # type: ignore[misc]
        "purge": [lambda port: port.purge(datetime.now(UTC) - PURGED_BEFORE)],
    }
    return {
        **{
            (WebhookEndpoints, name): [("", MOST_ROWS, lambda app, ask=ask: ask(app._store.webhook_endpoints))]
            for name, ask in endpoints.items()
        },
        **{
            (WebhookDeliveries, name): [
                ("", MOST_ROWS, lambda app, ask=ask: ask(app._store.webhook_deliveries)) for ask in ways
            ]
            for name, ways in deliveries.items()
        },
    }


async def replace_secrets(endpoints: WebhookEndpoints) -> None:
    """Replace the secrets of an endpoint by the same."""
    found = next(one for one in await endpoints.stored_secrets(encrypted=False) if one.endpoint_id == OTHER_ENDPOINT)
    assert await endpoints.replace_secrets(found, found)


def new_delivery() -> NewWebhookDelivery:
    """Return a delivery of a new event of a wallet."""
    return NewWebhookDelivery(
        id=WebhookDeliveryId(uuid7()),
        endpoint_id=ENDPOINT,
        aggregate_id=WALLET,
        sequence=uuid4().int & 0xFFFFFFFF,
        event_id=f"{uuid4()}:1",
        event_type="WalletCredited",
        body="{}",
        cursor=None,
    )


async def find_rate(app: tekana.Session) -> None:
    """Read a rate that does not exist."""
    with suppress(tekana.RateNotFound):
        await app.rates.get("KES", "UGX")


async def find_fee_schedule(app: tekana.Session) -> None:
    """Read a fee schedule that does not exist."""
    with suppress(tekana.FeeScheduleNotFound):
        await app.fee_schedules.get(FeeScheduleId(uuid4()))


async def find_api_key(app: tekana.Session) -> None:
    """Read a key that does not exist."""
    with suppress(tekana.ApiKeyNotFound):
        await app.api_keys.get(ApiKeyId(uuid4()))


def statement_of(wallet: WalletId, start: datetime | None, end: datetime | None) -> Question:
    return lambda app: app.wallets.statement(wallet, start, end)


def audit_entries(which: AuditFilter, newest_first: bool) -> Question:
    return lambda app: app.audit_log.list(PageRequest(), which, newest_first)


async def find_approval(app: tekana.Session) -> None:
    """Read an approval that does not exist."""
    with suppress(tekana.ApprovalNotFound):
        await app.approvals.get(ApprovalId(uuid4()))


async def pending_approvals(app: tekana.Session) -> list[tekana.Approval]:
    """Return two approvals that another caller asked for."""
    async with office(cast("Store", app._store)) as people:
        return [await ask(people.asker, builders.movement("adjustment", WALLET, BUSY, "10")) for _ in range(2)]


def new_fees(tenant: str | None) -> tekana.CreateFeeSchedule:
    """Build a schedule of transfers, for a tenant or for all."""
    bands = (tekana.NewFeeBand(flat="2", percentage="1"),)
    return tekana.CreateFeeSchedule(
        transaction_type="transfer", currency="RWF", tenant=tenant, paid_by="payer", bands=bands, tax_percentage="18"
    )


async def commands(app: tekana.Session) -> list[Command[Any]]:
    """Return one command of every kind, in an order in which all succeed."""
    leaving = await app.execute(builders.person())
    new = tekana.CreateWebhookEndpoint(url="https://93.184.215.14/hooks")
    deleted = await app.execute(new)
    approved, rejected = await pending_approvals(app)
    await app.execute(builders.no_limits())
    await app.execute(tekana.UpdateWallet(wallet_id=BUSY, kind="merchant"))
    captured, voided = [await app.execute(builders.movement("hold", WALLET, BUSY, "10")) for _ in range(2)]
    moved = await app.execute(builders.transfer(WALLET, BUSY, "10"))
    fees = await app.execute(new_fees(tenant=None))
    quote = await app.execute(tekana.CreateQuote(movement=builders.transfer(WALLET, BUSY, "10")))
    dollars = (await app.execute(builders.person(currency="USD"))).wallets[0].id
    key = ApiKeyId(uuid7())
    return [
        tekana.SetLimits(tier="3", currency="RWF", daily_outgoing_amount="1000000"),
        tekana.OverrideLimits(
            customer_id=MINE, currency="RWF", reason="a house", until=END_OF_OVERRIDE, daily_outgoing_count=50
        ),
        tekana.SetRate(base="USD", quote="RWF", bid="1", ask="1"),
        new_fees(tenant=f"tenant-{uuid4().hex}"),
        tekana.CreateQuote(movement=builders.transfer(WALLET, BUSY, "10")),
        builders.transfer(WALLET, BUSY, "10", quote_id=quote.id),
        builders.person(external_id=f"new-{uuid4()}"),
        tekana.UpdateCustomer(customer_id=MINE, full_name="Another Name", external_id=f"changed-{uuid4()}"),
        tekana.VerifyCustomer(customer_id=MINE, tier="2"),
        tekana.SuspendCustomer(customer_id=MINE, reason="a review"),
        tekana.ReactivateCustomer(customer_id=MINE),
        builders.open_wallet(MINE),
        tekana.UpdateWallet(wallet_id=WALLET, name="Savings"),
        builders.freeze(WALLET),
        tekana.UnfreezeWallet(wallet_id=WALLET),
        builders.deposit(WALLET),
        *(builders.movement(one, WALLET, dollars if one == "exchange" else BUSY, "10") for one in MONEY_COMMANDS),
        tekana.EndFeeSchedule(fee_schedule_id=fees.id),
        tekana.ReverseTransaction(transaction_id=moved.id, amount="5"),
        tekana.ChangeHold(transaction_id=captured.id, amount="20"),
        tekana.CaptureHold(transaction_id=captured.id),
        tekana.VoidHold(transaction_id=voided.id),
        builders.transfer(WALLET, BUSY, "500"),
        builders.withdrawal(BUSY, "100"),
        tekana.CloseWallet(wallet_id=leaving.wallets[0].id),
        tekana.CloseCustomer(customer_id=leaving.customer.id),
        tekana.EraseCustomer(customer_id=leaving.customer.id),
        new,
        tekana.UpdateWebhookEndpoint(endpoint_id=ENDPOINT, status="disabled"),
        tekana.UpdateWebhookEndpoint(endpoint_id=ENDPOINT, status="active"),
        tekana.RotateWebhookSecret(endpoint_id=ENDPOINT),
        tekana.SendWebhookTest(endpoint_id=ENDPOINT),
        tekana.ResendWebhookDelivery(delivery_id=DELIVERY),
        tekana.DeleteWebhookEndpoint(endpoint_id=deleted.id),
        tekana.CreateApiKey(key_id=key, name="Shop", kind="partner", secret_digest="0" * 64),
        tekana.RotateApiKey(key_id=key, secret_digest="1" * 64),
        tekana.RevokeApiKey(key_id=key),
        tekana.ApproveRequest(approval_id=approved.id),
        tekana.RejectRequest(approval_id=rejected.id, reason="a mistake"),
    ]
