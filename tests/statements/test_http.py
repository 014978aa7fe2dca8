"""Statements over HTTP: their forms, their periods, and who may read them."""

from __future__ import annotations

import asyncio
import csv
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from lxml import etree

from tekana import LOCAL_OPERATOR, KeyUnavailable
from tekana.application.statements.camt_form import NAMESPACE
from tekana.application.statements.statement import BrokenStatement, Statement
from tekana.testing import builders
from tekana_litestar import middleware
from tekana_memory.readers import MemoryCustomers
from tekana_postgres.customers import PostgresCustomers
from tests.integration.http_support import UNKNOWN_ID, assert_problem, move, wallet_with

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("camt.053.001.08.xsd")))
"""The schema of ISO 20022, as the registration authority publishes it."""

NAMES = {"c": NAMESPACE}


@pytest.fixture
def store_url(both_stores: str) -> str:
    """Run on both stores."""
    return both_stores


async def wallet_with_history(client: httpx.AsyncClient, **last: Any) -> str:
    """Return the id of a wallet with three entries, the last one as given."""
    wallet, other = await wallet_with(client, "5000"), await wallet_with(client, "10")
    sent = {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "1200", "currency": "RWF"}
    assert (await move(client, sent)).status_code == 201
    back = sent | {"from_wallet_id": other, "to_wallet_id": wallet, "amount": "50", **last}
    assert (await move(client, back)).status_code == 201
    return wallet


async def read(client: httpx.AsyncClient, wallet: str, accept: str | None = None, **query: str) -> httpx.Response:
    """Return the statement of a wallet."""
    headers = {} if accept is None else {"Accept": accept}
    return await client.get(f"/v1/wallets/{wallet}/statement", params=query, headers=headers)


async def test_as_json(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client)
    answer = await read(client, wallet)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "Accept" in answer.headers["vary"]
    found = answer.json()
    entries = (await client.get(f"/v1/wallets/{wallet}/entries")).json()["items"]
    assert found["entries"] == entries
    shown = {name: found[name] for name in ("opening_balance", "total_credits", "total_debits", "closing_balance")}
    assert shown == {
        "opening_balance": "0",
        "total_credits": "5050",
        "total_debits": "1200",
        "closing_balance": "3850",
    }
    assert (found["credit_count"], found["debit_count"], found["currency"]) == (2, 1, "RWF")
    assert found["customer_id"] == (await client.get(f"/v1/wallets/{wallet}")).json()["customer_id"]


async def test_a_period_joins_the_next(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client)
    moment = (await client.get(f"/v1/wallets/{wallet}/entries")).json()["items"][1]["posted_at"]
    first, second = await read(client, wallet, to=moment), await read(client, wallet, **{"from": moment})
    assert first.json()["to"] == second.json()["from"] == moment
    assert first.json()["closing_balance"] == second.json()["opening_balance"] == "5000"
    assert [len(one.json()["entries"]) for one in (first, second)] == [1, 2]


async def test_as_csv(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client, description='=HYPERLINK("x"), lunch', reference="-1+2")
    answer = await read(client, wallet, "text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="statement-{wallet}-')
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["type"] for row in rows] == ["opening_balance", "deposit", "transfer", "transfer", "closing_balance"]
    assert [row["ledger_balance_after"] for row in rows] == ["0", "5000", "3800", "3850", "3850"]
    assert [(row["credit"], row["debit"]) for row in rows] == [
        ("", ""),
        ("5000", ""),
        ("", "1200"),
        ("50", ""),
        ("5050", "1200"),
    ]
    # A spreadsheet shows them as text, and calculates nothing.
    assert (rows[3]["description"], rows[3]["reference"]) == ('\'=HYPERLINK("x"), lunch', "'-1+2")


async def test_as_camt(client: httpx.AsyncClient) -> None:
    text = "Lunch & <dinner> \x01" + "x" * 300
    wallet = await wallet_with_history(client, description=text, reference="r" * 36)
    answer = await read(client, wallet, "application/xml")
    assert answer.headers["content-type"] == "application/xml"
    document = etree.fromstring(answer.content)
    SCHEMA.assertValid(document)

    def texts(path: str) -> list[str]:
        return [one.text for one in document.findall(f".//{path}", NAMES)]

    assert texts("c:Ntry/c:Amt") == ["5000", "1200", "50"]
    assert texts("c:Ntry/c:CdtDbtInd") == ["CRDT", "DBIT", "CRDT"]
    assert texts("c:Bal/c:Amt") == ["0", "3850"]
    assert texts("c:Acct/c:Ownr/c:Nm") == ["Aline Uwase"]
    assert "".join(texts("c:Ustrd")) == text.replace("\x01", "\ufffd") + "r" * 36
    assert texts("c:TtlCdtNtries/c:Sum") == ["5050"]


async def test_a_reference_is_the_end_to_end_identification(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client, reference="order-1001")
    document = etree.fromstring((await read(client, wallet, format="camt053")).content)
    SCHEMA.assertValid(document)
    assert [one.text for one in document.findall(".//c:EndToEndId", NAMES)] == ["order-1001"]


async def test_an_overdrawn_house_wallet_as_camt(client: httpx.AsyncClient) -> None:
    await wallet_with(client, "12.50", "USD")
    [house] = [
        one["id"]
        for one in (await client.get("/v1/wallets", params={"currency": "USD"})).json()["items"]
        if one["name"] == "settlement"
    ]
    document = etree.fromstring((await read(client, house, format="camt053")).content)
    SCHEMA.assertValid(document)
    balances = document.findall(".//c:Bal", NAMES)
    assert [one.find("c:CdtDbtInd", NAMES).text for one in balances] == ["CRDT", "DBIT"]
    assert [one.find("c:Amt", NAMES).text for one in balances] == ["0.00", "12.50"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV;q=0.5, application/json;q=0.4", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/xml, application/json", "application/json"),
        ("image/png", "application/json"),
        ("nonsense", "application/json"),
        ("application/xml;q=0.9, text/csv;q=0.95, */*;q=0.1", "text/csv"),
    ],
)
async def test_accept_decides_the_form(client: httpx.AsyncClient, accept: str | None, media_type: str) -> None:
    wallet = await wallet_with_history(client)
    answer = await read(client, wallet, accept)
    assert answer.headers["content-type"].partition(";")[0] == media_type


async def test_the_format_outranks_accept(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client)
    answer = await read(client, wallet, "application/xml", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert_problem(await read(client, wallet, format="docx"), 400, "invalid_request", "format")


async def test_what_is_refused(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client)
    later, earlier = "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"
    for form in ("json", "csv", "camt053", "pdf"):
        reversed_ = await read(client, wallet, format=form, to=earlier, **{"from": later})
        problem = assert_problem(reversed_, 400, "invalid_request", "to")
        assert "must not be before the period begins" in problem["errors"][0]["message"]
        assert_problem(await read(client, str(UNKNOWN_ID), format=form), 404, "not_found")
    assert_problem(await read(client, wallet, to="1990-01-01T00:00:00Z"), 400, "invalid_request", "to")
    assert_problem(await read(client, wallet, to="yesterday"), 400, "invalid_request", "to")
    assert_problem(await read(client, wallet, balance="1"), 400, "invalid_request", "balance")


async def test_without_the_key_provider_the_forms_without_names_go_on(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    wallet = await wallet_with_history(client)

    async def lost(*_: object) -> Any:
        raise KeyUnavailable("the key provider cannot be reached")

    reader = MemoryCustomers if store_url == "memory://" else PostgresCustomers
    monkeypatch.setattr(reader, "get", lost)
    for form in ("camt053", "pdf"):
        assert_problem(await read(client, wallet, format=form), 503, "unavailable")
    for form in ("json", "csv"):
        assert (await read(client, wallet, format=form)).status_code == 200


async def test_a_long_statement_is_complete(client: httpx.AsyncClient, app: Any) -> None:
    wallet = await wallet_with(client, "1")
    session = app.state.tekana.as_caller(LOCAL_OPERATOR)
    await asyncio.gather(*(session.execute(builders.deposit(UUID(wallet), "1")) for _ in range(450)))
    found = (await read(client, wallet)).json()
    assert [entry["version"] for entry in found["entries"]] == list(range(1, 452))
    rows = list(csv.DictReader(StringIO((await read(client, wallet, format="csv")).text)))
    assert len(rows) == 453
    document = etree.fromstring((await read(client, wallet, format="camt053")).content)
    SCHEMA.assertValid(document)
    assert len(document.findall(".//c:Ntry", NAMES)) == 451


async def test_a_statement_may_take_longer_than_other_answers(
    client: httpx.AsyncClient, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = await wallet_with(client, "1")
    session = app.state.tekana.as_caller(LOCAL_OPERATOR)
    await asyncio.gather(*(session.execute(builders.deposit(UUID(wallet), "1")) for _ in range(450)))
    at_once = Statement.pages

    async def slow(self: Statement) -> Any:
        async for lines in at_once(self):
            await asyncio.sleep(0.8)
            yield lines

    monkeypatch.setattr(Statement, "pages", slow)
    monkeypatch.setattr(middleware, "REQUEST_TIMEOUT_SECONDS", 2.0)
    for form in ("json", "pdf"):
        answer = await read(client, wallet, format=form)
        assert answer.status_code == 200
        assert answer.content.endswith({"json": b"]}", "pdf": b"%%EOF\n"}[form])


async def test_a_damaged_statement_is_not_sent_as_if_it_were_whole(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = await wallet_with_history(client)
    whole = Statement.__init__

    def damaged(self: Statement, summary: Any, *rest: Any) -> None:
        whole(self, summary._replace(closing_balance=summary.closing_balance + 1), *rest)

    monkeypatch.setattr(Statement, "__init__", damaged)
    for form in ("json", "csv", "camt053"):
        with pytest.raises(BrokenStatement):  # the response has begun: it is cut off
            await read(client, wallet, format=form)


async def test_the_trial_balance(client: httpx.AsyncClient) -> None:
    before = (await client.get("/v1/reports/trial-balance")).json()["at"]
    await wallet_with_history(client)
    found = (await client.get("/v1/reports/trial-balance")).json()
    balances = {(one["account"], one["currency"]): (one["debit"], one["credit"]) for one in found["accounts"]}
    assert balances["settlement", "RWF"] == ("5010", "0")
    assert balances["customers", "RWF"] == ("0", "5010")
    assert found["totals"] == [{"currency": "RWF", "debit": "5010", "credit": "5010"}]
    assert datetime.fromisoformat(found["at"]) >= datetime.fromisoformat(before)
    earlier = (await client.get("/v1/reports/trial-balance", params={"at": before})).json()
    assert {(one["debit"], one["credit"]) for one in earlier["accounts"]} <= {("0", "0")}
    assert_problem(await client.get("/v1/reports/trial-balance?at=now"), 400, "invalid_request", "at")
