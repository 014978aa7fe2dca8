"""docs/events, the catalog and the page about events match the code, each other and the events that commands record."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import jsonschema
import pytest

from tekana import (
    Approval,
    Batch,
    CaptureHold,
    ChangeHold,
    CloseCustomer,
    CloseWallet,
    Command,
    CustomerId,
    EraseCustomer,
    OverrideLimits,
    ReactivateCustomer,
    Refused,
    RejectRequest,
    ReverseTransaction,
    SetRate,
    Settings,
    SuspendCustomer,
    TransactionId,
    UnfreezeWallet,
    UpdateCustomer,
    UpdateWallet,
    VerifyCustomer,
    VoidHold,
    WalletId,
    WalletNotActive,
)
from tekana.application import Session
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.commands.money.expire_hold import ExpireHold
from tekana.domain.events import EVENT_TYPES, Event, WalletFrozen
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.approval_helpers import Office, approve, ask, office, refused
from tekana.testing.contracts.helpers import a_customer
from tekana.testing.sample_events import sample_events
from tekana.testing.session import session
from tekana_kafka.cloud_events import Message, message_of
from tests.docs.test_docs import CATALOG, ROOT, rows

FOLDER = ROOT / "docs" / "events"
PAGE = "docs/reference/events.md"
PERSONAL = {"full_name": "Ineza Ingabire", "email": "ineza@example.org", "phone_number": "+250788999111"}
WORDS = "a letter from the court"
NOTHING = "the same command again with its key, a dry run"
OTHER = "a movement of any other type"
DOCUMENTED = {
    act: re.findall(r"`(\w+)`", names) for act, names in rows(PAGE, "Act", "Events, in the order in which they happen")
}
EVENT_OF_TYPE = {cells[0].strip("`"): re.findall(r"\[(\w+)\]", cells[4]) for cells in rows(CATALOG, "`type`", "Takes")}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def write(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = root / "docs" / "generate.py"
    return subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=False)


# ---------------------------------------------------------------------- the files match the code


def test_the_files_match_the_code() -> None:
    done = write(ROOT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.stem for path in FOLDER.iterdir()} == {*EVENT_TYPES, "asyncapi"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the files that the generator needs, and return the folder."""
    for part in ("src", "adapters", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "docs_page"))
    return tmp_path


def plant(root: Path, old: str, new: str) -> None:
    file = root / "src" / "tekana" / "domain" / "events.py"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_an_addition_makes_the_files_stale(copy: Path) -> None:
    plant(copy, "    country: ", '    tier: Annotated[str | None, FieldMeaning("How well.")] = None\n    country: ')
    done = write(copy, "--check")
    assert done.returncode == 1
    assert "docs/events/CustomerRegistered.json is stale" in done.stdout
    assert "docs/reference/catalog.md is stale: run `python docs/generate.py`" in done.stdout
    assert write(copy).returncode == 0
    assert write(copy, "--check").stdout == ""


def test_a_breaking_change_is_not_written(copy: Path) -> None:
    plant(copy, "    scope: Annotated[FreezeScope,", "    scope: Annotated[int,")
    for options in ((), ("--check",)):
        done = write(copy, *options)
        assert done.returncode == 1
        assert done.stdout == (
            "this would break those who consume events: WalletFrozen: scope is no longer what it was\n"
        )
    written = (copy / "docs" / "events" / "WalletFrozen.json").read_text("utf-8")
    assert written == (FOLDER / "WalletFrozen.json").read_text("utf-8")


# ---------------------------------------------------------------------- schemas and messages are valid


def valid(message: Message, name: str) -> None:
    """Validate the message against schema and headers; raises ValidationError."""
    definition = schema(name)
    strict = {"format_checker": jsonschema.Draft202012Validator.FORMAT_CHECKER}
    jsonschema.Draft202012Validator({**definition, "additionalProperties": False}, **strict).validate(
        json.loads(message.value)
    )
    headers = {header: value.decode() for header, value in message.headers}
    definition = schema("asyncapi")["components"]["schemas"]["Headers"]
    jsonschema.Draft202012Validator({**definition, "additionalProperties": False}, **strict).validate(headers)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_schema_is_valid_and_has_examples(name: str) -> None:
    definition = schema(name)
    jsonschema.Draft202012Validator.check_schema(definition)
    assert definition["examples"]


@pytest.mark.parametrize("event", sample_events(), ids=lambda event: type(event).__name__)
def test_each_message_matches_its_schema(event: Event) -> None:
    valid(message_of(event), type(event).__name__)


@pytest.mark.parametrize("wrong", [b"{}", b'{"scope": 1}', b'{"scope": "all", "reason": "x"}'])
def test_an_invalid_message_is_rejected(wrong: bytes) -> None:
    [sound] = [message_of(event) for event in sample_events() if type(event).__name__ == "WalletFrozen"]
    with pytest.raises(jsonschema.ValidationError):
        valid(sound._replace(value=wrong), "WalletFrozen")
    with pytest.raises(jsonschema.ValidationError):
        valid(sound._replace(headers=sound.headers[1:]), "WalletFrozen")


def test_the_asyncapi_document_is_valid() -> None:
    """By its schema: schemas/3.0.0-without-$id.json of the npm package @asyncapi/specs 6.11.1 (Apache-2.0)."""
    official = json.loads((ROOT / "tests" / "docs" / "asyncapi-3.0.0.json").read_text("utf-8"))
    document = schema("asyncapi")
    jsonschema.Draft7Validator(official).validate(document)
    for reference in references(document):
        file, _, path = reference.partition("#")
        found = json.loads((FOLDER / (file or "asyncapi.json")).read_text("utf-8"))
        for part in path.split("/")[1:]:
            found = found[part]
    assert {name for channel in document["channels"].values() for name in channel["messages"]} == set(EVENT_TYPES)
    document["operations"]["wallet_events"]["action"] = "shout"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(official).validate(document)


def references(document: Any) -> list[str]:
    if isinstance(document, dict):
        own = [document["$ref"]] if "$ref" in document else []
        return own + [one for value in document.values() for one in references(value)]
    return [one for value in document for one in references(value)] if isinstance(document, list) else []


# ---------------------------------------------------------------------- the page matches the recorded events


class ScenarioContext(NamedTuple):
    """The state before an act: Aline has deposited 600 francs, of which 100 are held, and Bosco's wallet is empty."""

    aline: CustomerId
    alines: WalletId
    bosco: CustomerId
    boscos: WalletId
    deposit: TransactionId
    hold: TransactionId


ACTS: dict[str, Callable[[ScenarioContext], Command[Any] | Batch]] = {
    "register a customer": lambda _: builders.person(**PERSONAL, country="RW"),
    "change a customer's details": lambda at: UpdateCustomer(customer_id=at.aline, **PERSONAL),
    "verify a customer": lambda at: VerifyCustomer(customer_id=at.aline, tier="2"),
    "override limits of a customer": lambda at: OverrideLimits(
        customer_id=at.aline,
        currency="RWF",
        reason=WORDS,
        until=datetime(2099, 1, 1, tzinfo=UTC),
        largest_balance="9000",
    ),
    "suspend a customer": lambda at: SuspendCustomer(customer_id=at.aline, reason=WORDS),
    "reactivate a customer": lambda at: ReactivateCustomer(customer_id=at.aline),
    "open a wallet": lambda at: builders.open_wallet(at.aline, "USD", name=WORDS),
    "change a wallet": lambda at: UpdateWallet(wallet_id=at.alines, name=WORDS, metadata={"from": WORDS}),
    "freeze a wallet": lambda at: builders.freeze(at.alines, "all", WORDS),
    "unfreeze a wallet": lambda at: UnfreezeWallet(wallet_id=at.alines),
    "deposit": lambda at: builders.deposit(at.alines, description=WORDS, metadata={"from": WORDS}),
    "transfer": lambda at: builders.transfer(at.alines, at.boscos, "100", description=WORDS, reference="rent"),
    "withdraw": lambda at: builders.withdrawal(at.alines, "100", description=WORDS),
    "reverse a deposit": lambda at: ReverseTransaction(transaction_id=at.deposit, amount="400", reason=WORDS),
    "a movement that is refused": lambda at: builders.withdrawal(at.boscos, description=WORDS),
    "a batch of two deposits, each on its own": lambda at: builders.independent(
        builders.deposit(at.alines), builders.deposit(at.boscos)
    ),
    "a batch of two transfers, all or none, of which one is refused": lambda at: builders.atomic(
        builders.transfer(at.alines, at.boscos, "100"), builders.transfer(at.alines, at.boscos, "900")
    ),
    "authorize a hold": lambda at: builders.movement("hold", at.alines, at.boscos, "100", description=WORDS),
    "capture a part of a hold": lambda at: CaptureHold(transaction_id=at.hold, amount="60"),
    "raise a hold": lambda at: ChangeHold(transaction_id=at.hold, amount="200"),
    "lower a hold": lambda at: ChangeHold(transaction_id=at.hold, amount="50"),
    "extend a hold": lambda at: ChangeHold(transaction_id=at.hold, expires_in=60),
    "void a hold": lambda at: VoidHold(transaction_id=at.hold, reason=WORDS),
    "a hold that expires": lambda at: ExpireHold(transaction_id=at.hold),
    "close a wallet": lambda at: CloseWallet(wallet_id=at.boscos),
    "close a customer with an open wallet": lambda at: CloseCustomer(customer_id=at.bosco),
    "erase a closed customer": lambda at: EraseCustomer(customer_id=at.bosco),
}
BEFORE = {
    "reactivate a customer": "suspend a customer",
    "unfreeze a wallet": "freeze a wallet",
    "erase a closed customer": "close a customer with an open wallet",
}


async def _approve(people: Office, approval: Approval, _: ScenarioContext) -> None:
    await people.approver.execute(approve(approval))


async def _approve_in_vain(people: Office, approval: Approval, at: ScenarioContext) -> None:
    await people.app.execute(builders.freeze(at.alines, "all", WORDS))
    await refused(WalletNotActive, people.approver.execute(approve(approval)))


async def _reject(people: Office, approval: Approval, _: ScenarioContext) -> None:
    await people.approver.execute(RejectRequest(approval_id=approval.id, reason=WORDS))


ASK = "ask for an adjustment that needs an approval"
DECISIONS = {
    "approve the adjustment": _approve,
    "approve an adjustment that a rule refuses by then": _approve_in_vain,
    "reject the adjustment": _reject,
}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Session]:
    async with session(Settings(database_url="memory://", keep_customers=0), clock=clock) as app:
        yield app


@pytest.fixture
async def context(app: Session) -> ScenarioContext:
    aline, bosco = await a_customer(app, "600", **PERSONAL), await a_customer(app)
    await app.execute(
        UpdateCustomer(customer_id=aline.customer.id, email="aline@example.com", phone_number="+250788000101")
    )
    alines, boscos = aline.wallets[0].id, bosco.wallets[0].id
    hold = await app.execute(builders.movement("hold", alines, boscos, "100", expires_in=3600))
    [deposit] = (await app.transactions.list(TransactionFilter(type="deposit"), PageRequest(2))).items
    return ScenarioContext(aline.customer.id, alines, bosco.customer.id, boscos, deposit.id, hold.id)


async def recorded_events(app: Session) -> list[Event]:
    return [one.event for one in (await app.events.list(PageRequest(PAGE_SIZE_MAX))).items]


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_records_the_events_that_the_page_lists(
    app: Session, context: ScenarioContext, clock: FrozenClock, act: str
) -> None:
    if act == "a hold that expires":
        clock.advance(timedelta(hours=1))
    if act in BEFORE:
        await app.execute(ACTS[BEFORE[act]](context))
    before = await recorded_events(app)
    command = ACTS[act](context)
    with suppress(Refused):
        await (app.submit_batch(command) if isinstance(command, Batch) else app.execute(command))
    events = (await recorded_events(app))[len(before) :]
    assert [type(event).__name__ for event in events] == DOCUMENTED[act]
    assert_valid_and_impersonal(events)


@pytest.mark.parametrize("type_", MONEY_COMMANDS)
async def test_a_transaction_records_the_event_of_its_type(app: Session, context: ScenarioContext, type_: str) -> None:
    payee = context.boscos
    if type_ == "exchange":
        await app.execute(SetRate(base="USD", quote="RWF", bid="1", ask="1"))
        owner = (await app.wallets.get(context.boscos)).customer_id
        payee = (await app.execute(builders.open_wallet(owner, "USD"))).id
    if type_ == "payment":
        await app.execute(UpdateWallet(wallet_id=payee, kind="merchant"))
    before = await recorded_events(app)
    movement = builders.movement(type_, context.alines, payee, "100", description=WORDS)
    transaction = await app.execute(movement, key="a key")
    debited, credited = DOCUMENTED[OTHER]
    entries = [debited if entry.amount_minor < 0 else credited for entry in transaction.entries]
    if transaction.hold is not None:
        entries = ["FundsHeld"]
    events = (await recorded_events(app))[len(before) :]
    assert [type(event).__name__ for event in events] == EVENT_OF_TYPE[type_] + entries
    assert_valid_and_impersonal(events)


@pytest.mark.parametrize("act", DECISIONS)
async def test_approvals_record_the_events_that_the_page_lists(
    app: Session, context: ScenarioContext, act: str
) -> None:
    before = await recorded_events(app)
    async with office(cast("Store", app._store)) as people:
        command = builders.movement("adjustment", context.alines, context.boscos, description=WORDS)
        approval = await ask(people.asker, command)
        asked = await recorded_events(app)
        await DECISIONS[act](people, approval, context)
    decided = [one for one in (await recorded_events(app))[len(asked) :] if not isinstance(one, WalletFrozen)]
    for events, documented in ((asked[len(before) :], DOCUMENTED[ASK]), (decided, DOCUMENTED[act])):
        assert [type(event).__name__ for event in events] == documented
        assert_valid_and_impersonal(events)


def assert_valid_and_impersonal(events: list[Event]) -> None:
    for event in events:
        message = message_of(event)
        valid(message, type(event).__name__)
        everything = b" ".join([message.key, message.value, *(value for _, value in message.headers)]).decode()
        assert [words for words in (*PERSONAL.values(), WORDS) if words in everything] == []


async def test_an_act_without_effect_records_no_event(app: Session, context: ScenarioContext) -> None:
    await app.execute(builders.deposit(context.alines), key="a key")
    before = await recorded_events(app)
    await app.execute(builders.deposit(context.alines), key="a key")
    await app.preview(builders.deposit(context.alines))
    assert await recorded_events(app) == before


def test_the_page_lists_every_act_and_every_type() -> None:
    assert set(DOCUMENTED) == {*ACTS, ASK, *DECISIONS, OTHER, NOTHING}
    assert DOCUMENTED[NOTHING] == []
    documented = {name for names in (*DOCUMENTED.values(), *EVENT_OF_TYPE.values()) for name in names}
    assert documented == set(EVENT_TYPES)
