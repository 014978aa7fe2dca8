"""Values and errors survive a round trip over the bus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

import tekana
from tekana.application.commands import GROUPS
from tekana.application.commands.command import Struct
from tekana.application.commands.group import CommandGroup
from tekana.application.engine.envelope import Outcome
from tekana.domain import errors
from tekana.domain.answers import Answer, BatchRecord
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Refused, TekanaError, Unavailable
from tekana.domain.identifiers import WalletId
from tekana.domain.transaction import PostedEntry, Rejection
from tekana.ports.events import FeedEvent
from tekana.ports.page import Page
from tekana.testing import builders
from tekana.testing.sample_events import sample_events
from tekana.testing.session import session
from tekana_kafka.codec import codec_of
from tekana_kafka.command_messages import command_message
from tekana_kafka.query_messages import QUERIES
from tekana_kafka.reply_codec import OUTCOME, decode_error, encode_error
from tekana_kafka.service_table import SERVICES, TOPIC_OF, services_of
from tests.integration.postgres_support import some_history


def assert_round_trip(hint: Any, value: object) -> None:
    codec = codec_of(hint)
    back = codec.decode(codec.encode(value))
    assert back == value
    assert type(back) is type(value)


async def test_answers_and_pages_survive_a_round_trip() -> None:
    async with session("memory://") as app:
        aline, _ = await some_history(app)
        everything = tekana.PageRequest(limit=200)
        transactions = await app.transactions.list(tekana.TransactionFilter(), everything)
        assert {one.status for one in transactions.items} == {"posted", "rejected"}
        for transaction in transactions.items:
            assert_round_trip(Answer, transaction)
        rejection = Rejection("WalletNotFound", "not_found", "no such wallet", None)
        for answer in (aline, aline.wallets[0], rejection, BatchRecord("atomic", 3)):
            assert_round_trip(Answer, answer)
        assert_round_trip(Page[tekana.Transaction], transactions)
        entries = await app.wallets.entries(aline.wallets[0].id, everything)
        assert_round_trip(Page[PostedEntry], entries)


def test_every_event_survives_a_round_trip() -> None:
    page = Page(tuple(FeedEvent(event, f"{place}") for place, event in enumerate(sample_events())), "next")
    assert_round_trip(Page[FeedEvent], page)


def test_a_value_of_an_unknown_class_is_refused() -> None:
    for nonsense in (b'{"class":"Robbery"}', b'{"class":"Wallet"}', b"[]", b'"Wallet"', b'{"mode":"atomic","size":1}'):
        with pytest.raises(msgspec.DecodeError):
            codec_of(Answer).decode(nonsense)


def test_every_argument_of_every_query_survives_a_round_trip() -> None:
    wallet = tekana.house_wallet_id("fees", tekana.Currency("RWF"))
    message = QUERIES["wallets.balance_at"].message(LOCAL_OPERATOR, wallet, at=None)
    assert message.value == f'{{"wallet_id":"{wallet}","at":null}}'.encode()
    assert dict(message.headers)["query"] == b"wallets.balance_at"
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    assert b"2026-01-31T00:00:00Z" in QUERIES["wallets.balance_at"].message(LOCAL_OPERATOR, wallet, moment).value


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TekanaError) and kind is not errors.ApprovalPending  # an answer
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_a_round_trip(kind: type[TekanaError]) -> None:
    wrong = (errors.FieldError("amount", "is too much"), errors.FieldError("currency", "is unknown"))
    error = kind(*wrong) if issubclass(kind, tekana.InvalidRequest) else kind("no, because")
    if isinstance(error, Refused):
        error.transaction, error.request_id, error.replayed = None, "a request", True
    back = decode_error(encode_error(error))
    assert type(back) is kind
    assert vars(back) == vars(error)
    assert (str(back) == str(error)) == (kind is not Unavailable)


def test_a_pending_approval_survives_a_round_trip() -> None:
    """It is an answer, for which the session of the gateway raises ApprovalPending."""
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    approval = tekana.Approval(
        id=tekana.ApprovalId(uuid4()),
        asker=LOCAL_OPERATOR,
        command="AdjustBalance",
        data="{}",
        request_id=None,
        asked_at=moment,
        expires_at=moment,
    )
    outcome = Outcome(approval, False)
    assert OUTCOME.decode(OUTCOME.encode(outcome)) == outcome


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("postgresql://user:password@host"),
        Unavailable('the database cannot be reached now: password authentication failed for user "tekana" at host'),
        Unavailable("Kafka cannot be reached: host:9092; whether it was done is unknown: retry with the same key"),
    ],
)
def test_a_reply_does_not_reveal_why_a_service_failed(error: Exception) -> None:
    """A reply would reveal hosts, users and messages of drivers. The service logs them instead."""
    body = encode_error(error)
    assert type(decode_error(body)) is Unavailable
    assert not [word for word in (b"password", b"host", b"tekana", b"Kafka") if word in body]


def test_a_partners_refusal_keeps_its_family_in_other_processes() -> None:
    class TooLate(tekana.LimitExceeded):
        code = "too_late"

    body = encode_error(TooLate("too late"))
    known = decode_error(body)
    assert (type(known), known.code) == (TooLate, "too_late")
    unknown = decode_error(body.replace(b'"error":"too_late"', b'"error":"never_heard_of"'))
    assert (type(unknown), unknown.code, str(unknown)) == (errors.RuleRefused, "too_late", "too late")


def test_an_error_of_a_later_version_is_an_unknown_outcome() -> None:
    later = b'{"error":"Sanctioned","code":"sanctioned","detail":"x"}'
    assert type(decode_error(later)) is Unavailable


def test_messages_of_one_wallet_have_one_key() -> None:
    mine, his = (WalletId(tekana.house_wallet_id(role, tekana.Currency("RWF"))) for role in ("fees", "suspense"))
    commands: list[object] = [
        builders.transfer(mine, his, "1"),
        builders.deposit(mine, "1"),
        builders.withdrawal(mine, "1"),
        tekana.Batch(mode="atomic", transactions=(builders.transfer(mine, his, "1"),)),
        tekana.UnfreezeWallet(wallet_id=mine),
    ]
    sent = [command_message(one, caller=LOCAL_OPERATOR, key="a", request_id=None) for one in commands]
    assert {one.key for one in sent} == {str(mine).encode()}


def test_no_message_key_is_personal() -> None:
    """Brokers store keys, show them, and compact by them."""
    person = builders.person(full_name="Aline Uwase", email="a@example.com", phone_number="+250788123456")
    first, again, other = (
        command_message(person, caller=LOCAL_OPERATOR, key=key, request_id=None).key for key in ("k", "k", "another")
    )
    assert first == again != other
    for secret in (b"a@", b"example", b"aline", b"788123456"):
        assert secret not in (first or b"").lower()


def test_a_command_without_an_id_has_a_message_key(monkeypatch: pytest.MonkeyPatch) -> None:
    class SetRate(Struct, frozen=True, kw_only=True):
        NAME = "SetRate"
        currency: str

    monkeypatch.setitem(TOPIC_OF, SetRate, "transaction")  # type: ignore[arg-type]
    message = command_message(SetRate(currency="RWF"), caller=LOCAL_OPERATOR, key="a", request_id=None)
    assert message.key


def test_the_commands_of_a_new_package_get_a_topic_at_its_service() -> None:
    pledges = CommandGroup("pledge", "wallet", (tekana.FreezeWallet,))
    services = services_of((*GROUPS, pledges))
    assert services["wallet"].commands == {**SERVICES["wallet"].commands, "pledge": (tekana.FreezeWallet,)}
    assert services_of(GROUPS) == SERVICES
