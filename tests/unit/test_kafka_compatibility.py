"""Processes of two versions on one bus: an added field of a type or argument of a method is compatible both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import pytest
from aiokafka import ConsumerRecord

import tekana
from tekana.application.authentication.key_verifier import VerifiedKey
from tekana.application.engine.envelope import Outcome
from tekana.application.sign_in.contacts import SignInContact
from tekana.application.sign_in.key_ring import PublicKey
from tekana.application.sign_in.passwords import Challenge
from tekana.application.sign_in.ports import CustomerOfToken
from tekana.application.sign_in.sign_in import Tokens
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.customer import Customer
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.domain.events import Event
from tekana.domain.identifiers import ApprovalId, CustomerId, TransactionId, WalletId
from tekana.domain.identities import Identity
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import TRANSACTION_TYPES, Entry, Rejection, Relation, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet
from tekana.ports.audit_log import AuditFilter
from tekana.ports.events import EventFilter, FeedEvent
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import ApprovalAbout, SignInData, SignInSession, StoredAnswer
from tekana.ports.transactions import TransactionFilter
from tekana.testing.sample_events import sample_events
from tekana_kafka import query_messages
from tekana_kafka.codec import codec_of
from tekana_kafka.query_messages import QUERIES, read_query
from tekana_kafka.reply_codec import OUTCOME, OUTCOMES, decode_error, encode_error

GOLDEN_FILE = Path(__file__).with_name("kafka_golden.json")
GOLDEN: dict[str, str] = json.loads(GOLDEN_FILE.read_text("utf-8"))


class Old:
    """The types of an older version."""

    class Entry(NamedTuple):
        wallet_id: UUID
        minor: int

    @dataclass(frozen=True, slots=True)
    class Posted:
        entries: tuple[Old.Entry, ...]
        status: Literal["posted"] = "posted"

    class Refusal(NamedTuple):
        code: str

    class Reply(NamedTuple):
        answer: Old.Posted | Old.Refusal
        replayed: bool


class New:
    """The same types, each with one more field."""

    class Entry(NamedTuple):
        wallet_id: UUID
        minor: int
        leg: int | None = None

    @dataclass(frozen=True, slots=True)
    class Posted:
        entries: tuple[New.Entry, ...]
        status: Literal["posted", "pending"] = "posted"
        relates_to: tuple[New.Entry, ...] = ()

    class Refusal(NamedTuple):
        code: str
        retry: bool = False

    class Reply(NamedTuple):
        answer: New.Posted | New.Refusal
        replayed: bool
        partition: int = 0


WALLET = UUID(int=7)


def test_an_old_reader_ignores_new_fields_and_accepts_new_values() -> None:
    answer = New.Posted((New.Entry(WALLET, -3, 1),), "pending", (New.Entry(WALLET, 3, 2),))
    data = codec_of(New.Reply).encode(New.Reply(answer, True, 4))
    expected = Old.Reply(Old.Posted((Old.Entry(WALLET, -3),), "pending"), True)  # type: ignore[arg-type]
    assert codec_of(Old.Reply).decode(data) == expected
    refusal = codec_of(New.Reply).encode(New.Reply(New.Refusal("no", True), False))
    assert codec_of(Old.Reply).decode(refusal) == Old.Reply(Old.Refusal("no"), False)


def test_a_new_reader_uses_defaults_for_old_values() -> None:
    data = codec_of(Old.Reply).encode(Old.Reply(Old.Posted((Old.Entry(WALLET, -3),)), True))
    assert codec_of(New.Reply).decode(data) == New.Reply(New.Posted((New.Entry(WALLET, -3),)), True)
    refusal = codec_of(Old.Reply).encode(Old.Reply(Old.Refusal("no"), False))
    assert codec_of(New.Reply).decode(refusal) == New.Reply(New.Refusal("no"), False)


def test_a_missing_field_without_a_default_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError, match="minor"):
        codec_of(New.Entry).decode(b'{"wallet_id":"00000000-0000-0000-0000-000000000007"}')


class OldFilter(NamedTuple):
    currency: str | None = None


class NewFilter(NamedTuple):
    currency: str | None = None
    order: str = "ascending"


class OldWallets:
    async def list(self, which: OldFilter, page: PageRequest) -> int:
        raise NotImplementedError


class NewWallets:
    async def list(self, which: NewFilter, page: PageRequest, tenant: str = "default") -> int:
        raise NotImplementedError


OldWallets.__name__ = NewWallets.__name__ = "Wallets"


def query_of(port: type, monkeypatch: pytest.MonkeyPatch) -> query_messages.Query:
    monkeypatch.setitem(query_messages.PORTS, "wallets", port)  # type: ignore[arg-type]
    return query_messages._query("wallets.list", "wallet")


def received(monkeypatch: pytest.MonkeyPatch, query: query_messages.Query, value: bytes) -> dict[str, Any]:
    """Return the arguments that a service with this query reads."""
    monkeypatch.setitem(query_messages.QUERIES, "wallets.list", query)  # type: ignore[arg-type]
    return read_query(record(query="wallets.list"), value, "wallet")[1]


def record(**headers: str) -> ConsumerRecord:
    named = [(name, text.encode()) for name, text in headers.items()]
    return ConsumerRecord("t", 0, 0, 0, 0, None, None, None, 0, 0, named)


def test_a_new_argument_of_a_query_is_compatible_if_it_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = query_of(OldWallets, monkeypatch), query_of(NewWallets, monkeypatch)
    page = PageRequest(limit=3)
    asked = new.message(LOCAL_OPERATOR, NewFilter("RWF"), page).value
    assert received(monkeypatch, old, asked) == {"which": OldFilter("RWF"), "page": page}
    expected = {"which": NewFilter("RWF"), "page": page, "tenant": "default"}
    assert received(monkeypatch, new, old.message(LOCAL_OPERATOR, OldFilter("RWF"), page).value) == expected
    for unknown in (
        new.message(LOCAL_OPERATOR, NewFilter("RWF", "descending"), page).value,  # must not be ignored
        new.message(LOCAL_OPERATOR, NewFilter("RWF"), page, tenant="another").value,
        b"[]",
    ):
        with pytest.raises(Unavailable):
            received(monkeypatch, old, unknown)


def test_an_argument_that_has_its_default_is_left_out() -> None:
    query, page = QUERIES["events.list"], PageRequest(limit=3)
    assert query.message(LOCAL_OPERATOR, page).value == b'{"page":{"limit":3}}'
    which = EventFilter(aggregate_id=WALLET)
    message = query.message(LOCAL_OPERATOR, page, which)
    assert query.arguments.decode(message.value) == {"page": page, "which": which}
    filtered = TransactionFilter(amount_min=Money(5, Currency("RWF")), metadata={"a": "b"})
    message = QUERIES["transactions.list"].message(LOCAL_OPERATOR, filtered, page)
    expected = {"which": filtered, "page": page, "newest_first": True}
    assert QUERIES["transactions.list"].arguments.decode(message.value) == expected


def test_an_unknown_query_is_not_an_error_of_the_client() -> None:
    for query in ("wallets.steal", "customers.get"):
        with pytest.raises(Unavailable):
            read_query(record(query=query), b"{}", "wallet")


def test_an_invalid_argument_is_an_error_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    good = builders_preview("1")
    assert read_query(record(query="previews.preview"), good, "transaction")[1]["command"].amount == "1"
    with pytest.raises(InvalidRequest, match="amount"):
        read_query(record(query="previews.preview"), good.replace(b'"1"', b'"-1"'), "transaction")


def builders_preview(amount: str) -> bytes:
    command = tekana.DepositFunds(wallet_id=WalletId(WALLET), amount=amount, currency="RWF")
    return QUERIES["previews.preview"].message(LOCAL_OPERATOR, command).value


def test_every_method_of_a_reader_has_a_query() -> None:
    methods = {
        f"{port}.{name}"
        for port, protocol in query_messages.PORTS.items()
        for name, method in vars(protocol).items()
        if callable(method) and not name.startswith("_")
    }
    assert set(QUERIES) == methods


class Split(NamedTuple):
    """Details of a transaction type that a partner defines."""

    shares: tuple[Old.Entry, ...]


def test_details_are_decoded_to_the_class_of_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = replace(TRANSACTION_TYPES["transfer"], details=Split)
    details = Split((Old.Entry(WALLET, 3),))
    request = replace(TRANSACTION.request, type="split", details=details, relates_to=Relation("splits", TRANSACTION.id))  # type: ignore[arg-type]
    codec = codec_of(Transaction)
    data = codec.encode(replace(TRANSACTION, request=request))
    assert codec.decode(data).request.details == {
        "shares": [{"wallet_id": str(WALLET), "minor": 3}]
    }  # the type is unknown here
    monkeypatch.setitem(TRANSACTION_TYPES, "split", rules)  # type: ignore[misc]
    assert codec.decode(data).request == request


MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
TRANSACTION = Transaction(
    id=TransactionId(UUID(int=1)),
    request=TransactionRequest(
        type="deposit",
        amount=Money(100, Currency("RWF")),
        from_wallet_id=WalletId(UUID(int=2)),
        to_wallet_id=WalletId(UUID(int=3)),
        metadata={"a": 1},
    ),
    status="posted",
    entries=(
        Entry(WalletId(UUID(int=2)), 1, 1, -100, Currency("RWF"), -100),
        Entry(WalletId(UUID(int=3)), 1, 2, 100, Currency("RWF"), 100),
    ),
    created_by="local",
    created_at=MOMENT,
    posted_at=MOMENT,
)
REJECTION = Rejection("WalletNotFound", "not_found", "no such wallet", "r")


def refused() -> tekana.InsufficientFunds:
    error = tekana.InsufficientFunds("too little")
    error.transaction, error.request_id, error.replayed = TRANSACTION, "r", True
    return error


PINNED_EVENTS = {one["event"]["class"] for one in json.loads(GOLDEN["events"])["items"]}
"""The golden rows of the stores have the fields of all events; here are those of some, as they are on the bus."""


def page_of(events: list[Event]) -> Page[FeedEvent]:
    return Page(tuple(FeedEvent(event, str(at)) for at, event in enumerate(events)), "next")


EVENTS = page_of([event for event in sample_events() if event.NAME in PINNED_EVENTS])
VERIFIED = QUERIES["key_verifier.verify"].answer
TOKEN = QUERIES["token_service.verify"].answer
PUBLIC_KEYS = QUERIES["token_service.public_keys"].answer
IDENTITIES = QUERIES["identities.list"].answer
IDENTITY = Identity(
    id=UUID(int=2),
    tenant="main",
    issuer="https://id.example",
    subject="1",
    customer_id=CustomerId(UUID(int=1)),
    created_by="local",
    created_at=MOMENT,
)
WRONG = InvalidRequest(tekana.FieldError("amount", "is too much"))
AUDIT_ENTRIES = codec_of(Page[AuditEntry])
AUDIT_ENTRY = AuditEntry(
    id=UUID(int=1),
    at=MOMENT,
    tenant="north",
    subject="key:1",
    kind="partner",
    action="RevokeApiKey",
    outcome="done",
    resource="api_key",
    resource_id=UUID(int=2),
    request_id="a request",
    address="192.0.2.1",
    before={"scopes": ("wallets:read",), "revoked_at": None},
    after={"scopes": (), "revoked_at": "2026-01-31T12:00:00+00:00"},
    personal_fields=("name",),
)
SIGN_IN = codec_of(SignInData)
SIGN_IN_DATA = SignInData(
    password_changed_at=MOMENT,
    failed_attempts=1,
    attempted_at=MOMENT,
    sessions=(SignInSession(MOMENT, MOMENT, False),),
    codes_sent_at=(MOMENT,),
    identities=(
        Identity(
            id=UUID(int=1),
            tenant="north",
            issuer="https://issuer.example",
            subject="a subject",
            customer_id=tekana.CustomerId(UUID(int=2)),
            created_by="key:1",
            created_at=MOMENT,
        ),
    ),
)
ABOUT = Page((ApprovalAbout(ApprovalId(UUID(int=1)), "AdjustBalance", "approved", MOMENT, MOMENT, MOMENT),), None)
OPENED = Wallet(
    id=WalletId(UUID(int=3)),
    customer_id=CustomerId(UUID(int=2)),
    currency=Currency("RWF"),
    created_by="key:1",
    created_at=MOMENT,
    updated_at=MOMENT,
    name="Savings",
)
REGISTERED = Customer(
    id=CustomerId(UUID(int=2)),
    full_name="Aline Uwase",
    email="aline@example.com",
    phone_number="+250788123456",
    country="RW",
    external_id=None,
    metadata={"ticket": 17},
    created_by="key:1",
    created_at=MOMENT,
    updated_at=MOMENT,
)
STORED_ANSWERS: Page[StoredAnswer] = Page((CustomerWithWallets(REGISTERED, (OPENED,)), OPENED), "next")
SAMPLES: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any], Any]] = {
    "outcome": (OUTCOME.encode, OUTCOME.decode, Outcome(TRANSACTION, False)),
    "rejection": (OUTCOME.encode, OUTCOME.decode, Outcome(REJECTION, True)),
    "batch": (OUTCOMES.encode, OUTCOMES.decode, (Outcome(REJECTION, False),)),
    "verified key": (VERIFIED.encode, VERIFIED.decode, VerifiedKey("main", "key:1", "operator", ("keys:read",), 0.5)),
    "no key": (VERIFIED.encode, VERIFIED.decode, None),
    "tokens": (codec_of(Tokens).encode, codec_of(Tokens).decode, Tokens("an access token", "a refresh token")),
    "challenge": (codec_of(Challenge).encode, codec_of(Challenge).decode, Challenge(UUID(int=1), MOMENT)),
    "identities": (IDENTITIES.encode, IDENTITIES.decode, (IDENTITY,)),
    "public keys": (PUBLIC_KEYS.encode, PUBLIC_KEYS.decode, (PublicKey("a kid", bytes(range(32))),)),
    "customer of a token": (TOKEN.encode, TOKEN.decode, CustomerOfToken("main", CustomerId(UUID(int=1)), MOMENT)),
    "audit entries": (AUDIT_ENTRIES.encode, AUDIT_ENTRIES.decode, Page((AUDIT_ENTRY,), "next")),
    "sign-in data": (SIGN_IN.encode, SIGN_IN.decode, SIGN_IN_DATA),
    "approvals about a customer": (codec_of(Page[ApprovalAbout]).encode, codec_of(Page[ApprovalAbout]).decode, ABOUT),
    "stored answers": (codec_of(Page[StoredAnswer]).encode, codec_of(Page[StoredAnswer]).decode, STORED_ANSWERS),
    "events": (codec_of(Page[FeedEvent]).encode, codec_of(Page[FeedEvent]).decode, EVENTS),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_encoded_values_never_change(name: str) -> None:
    """Any change but a new field breaks the previous version."""
    encode, decode, value = SAMPLES[name]
    assert encode(value).decode() == GOLDEN[name]
    assert decode(GOLDEN[name].encode()) == value


def test_every_event_crosses_the_bus() -> None:
    page = page_of(sample_events())
    codec = codec_of(Page[FeedEvent])
    assert codec.decode(codec.encode(page)) == page


@pytest.mark.parametrize(("name", "error"), [("refused", refused()), ("invalid", WRONG)])
def test_encoded_errors_never_change(name: str, error: tekana.TekanaError) -> None:
    assert encode_error(error).decode() == GOLDEN[name]
    back = decode_error(GOLDEN[name].encode())
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_encoded_queries_never_change(name: str) -> None:
    """An argument that came later has a default, and is left out where it has that."""
    query, encoded = QUERIES[name], GOLDEN[f"query {name}"]
    given = {one: ARGUMENTS[hint] for one, hint in _hints(query).items() if one in json.loads(encoded)}
    bound = query.signature.bind(**query.with_caller(given, LOCAL_OPERATOR))
    bound.apply_defaults()
    bound.arguments.pop("caller", None)
    assert query.arguments.encode(bound.arguments).decode() == encoded
    assert query.arguments.decode(encoded.encode()) == bound.arguments


def _hints(query: query_messages.Query) -> dict[str, str]:
    return {
        name: str(one.annotation) for name, one in query.signature.parameters.items() if name not in ("self", "caller")
    }


DEPOSIT = tekana.DepositFunds(wallet_id=WalletId(WALLET), amount="1", currency="RWF")
ARGUMENTS: dict[str, Any] = {
    "CustomerId": UUID(int=1),
    "WalletId": UUID(int=1),
    "TransactionId": UUID(int=1),
    "WebhookEndpointId": UUID(int=1),
    "ApiKeyId": UUID(int=1),
    "ApprovalId": UUID(int=1),
    "FeeScheduleId": UUID(int=1),
    "ApprovalFilter": tekana.ApprovalFilter(status="pending"),
    "PageRequest": PageRequest(10, "after"),
    "str": "a key",
    "UUID": UUID(int=1),
    "SignInContact": SignInContact("phone_number", "+250788123456"),
    "Sequence[AuditEntry]": (AUDIT_ENTRY,),
    "AuditFilter": AuditFilter(outcome="refused", start=MOMENT),
    "CustomerFilter": tekana.CustomerFilter(status="active"),
    "WalletFilter": tekana.WalletFilter(currency=Currency("RWF")),
    "TransactionFilter": tekana.TransactionFilter(type="deposit", start=MOMENT),
    "datetime | None": MOMENT,
    "CoreCommand": DEPOSIT,
    "Currency": Currency("RWF"),
    "Batch": tekana.Batch(mode="atomic", transactions=(DEPOSIT,)),
}


def write() -> None:
    """Regenerate the golden bytes: `python -m tests.unit.test_kafka_compatibility`."""
    golden = {name: encode(value).decode() for name, (encode, _, value) in SAMPLES.items()}
    golden |= {"refused": encode_error(refused()).decode(), "invalid": encode_error(WRONG).decode()}
    for name, query in sorted(QUERIES.items()):
        given = {one: ARGUMENTS[hint] for one, hint in _hints(query).items()}
        golden[f"query {name}"] = query.arguments.encode(given).decode()
    GOLDEN_FILE.write_text(json.dumps(golden, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    write()
