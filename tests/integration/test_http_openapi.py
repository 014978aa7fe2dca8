"""The OpenAPI document: valid, complete, and true."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator

from tekana import RuleRefused, SameWallet
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_error, example_of
from tekana_litestar.fields import PATH_EXAMPLES, PATH_SCHEMAS
from tekana_litestar.openapi import document
from tekana_litestar.operation import Operation
from tekana_litestar.problems import Problem
from tekana_litestar.resources import ROUTERS
from tests.integration.http_support import UNKNOWN_ID, client, move, register, store_url, wallet_with
from tests.integration.http_support import restarted_app as app
from tests.tools import run_tool
from tests.unit.golden_rows import GOLDEN

__all__ = ["app", "client", "store_url"]

DOCUMENT: dict[str, Any] = json.loads(document())

OPERATIONS = [
    (method, path, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]

DECLARED: list[Operation] = [
    handler.opt["operation"]
    for router in ROUTERS
    for route in router.routes
    for handler in getattr(route, "route_handlers", ())
    if "operation" in handler.opt
]

EXAMPLES = {
    (returns.kind.__name__, returns.status): (returns.kind, returns.example or example_of(returns.kind))
    for operation in DECLARED
    for returns in operation.returns
    if returns.kind
}

BODY_EXAMPLES = [
    pytest.param(operation.body, example, id=name)
    for operation in DECLARED
    if operation.body
    for name, example in operation.body.examples().items()
]

each_operation = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[operation["operationId"] for *_, operation in OPERATIONS]
)

LIMITED = {
    *("get_recipient", "create_token", "request_code", "set_password_by_code", "change_password"),
    "set_customer_password",
}
"""The operations with a rate limit of their own."""

WAITING = ("reactivate_customer", "set_limits", "override_limits")
"""The operations whose command can need an approval, beside that of transactions."""

NAMES = {
    *("register_customer", "list_customers", "get_customer", "update_customer", "verify_customer"),
    *("suspend_customer", "reactivate_customer", "close_customer", "erase_customer", "export_customer"),
    *("open_wallet", "list_wallets", "get_wallet"),
    *("list_limits", "set_limits", "get_customer_limits", "override_limits"),
    *("list_rates", "get_rate", "set_rate", "reverse_transaction", "create_quote"),
    *("create_fee_schedule", "list_fee_schedules", "get_fee_schedule", "end_fee_schedule"),
    *("list_wallet_entries", "get_wallet_balance", "get_wallet_statement"),
    *("freeze_wallet", "unfreeze_wallet", "update_wallet", "close_wallet"),
    *("create_transaction", "list_transactions", "get_transaction", "create_batch", "list_events", "check_live"),
    *("capture_hold", "void_hold", "change_hold"),
    *("check_ready", "get_metrics", "get_outcome", "get_recipient"),
    *("create_webhook_endpoint", "list_webhook_endpoints", "get_webhook_endpoint", "update_webhook_endpoint"),
    *("delete_webhook_endpoint", "rotate_webhook_secret", "test_webhook_endpoint", "list_webhook_deliveries"),
    *("resend_webhook_delivery", "create_api_key", "list_api_keys", "get_api_key", "rotate_api_key", "revoke_api_key"),
    *("list_audit_entries", "export_audit_log", "get_trial_balance", "get_exchange_positions"),
    *("create_token", "sign_out", "request_code", "set_password_by_code", "change_password", "get_signing_keys"),
    *("set_customer_password", "add_identity", "list_identities", "remove_identity"),
    *("get_recipient", "list_approvals", "get_approval", "approve_request", "reject_request"),
}

SIGN_IN = {
    "create_token": (200, {401}),
    "sign_out": (204, set()),
    "request_code": (202, set()),
    "set_password_by_code": (204, {401}),
    "change_password": (204, {401}),
    "get_signing_keys": (200, set()),
    "set_customer_password": (204, {401, 403, 404, 409}),
    "add_identity": (201, {401, 403, 404, 409}),
    "list_identities": (200, {401, 403, 404}),
    "remove_identity": (204, {401, 403, 404}),
}
"""The success of each operation of sign-in, and the failures beside those of any request and any body."""

CODES = {*GOLDEN["codes"].values(), "idempotency_key_required", "rate_limited"} - {"internal", "approval_pending"}
"""The codes of problems. Those of errors that are not raised themselves are internal, and what waits is no problem."""


def _resolved(node: Any) -> Any:
    while "$ref" in node:
        target: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _validator(schema: Any) -> Draft202012Validator:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_document_is_valid(tmp_path: Path) -> None:
    """The validator finds no error in the document, and the planted one in another."""
    for name, content, valid in (("whole", DOCUMENT, True), ("broken", DOCUMENT | {"paths": {"/": {"get": 1}}}, False)):
        (tmp_path / name).write_text(json.dumps(content))
        done = run_tool("openapi_spec_validator", "--schema", "3.1", name, folder=tmp_path)
        assert (done.returncode == 0) == valid, done.stdout + done.stderr
        assert ("OK" if valid else "Validation Error") in done.stdout + done.stderr


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == DOCUMENT


def test_operations_keep_their_names() -> None:
    assert {operation["operationId"] for *_, operation in OPERATIONS} == NAMES
    assert len(OPERATIONS) == len(NAMES) == len(DECLARED)


def test_what_does_not_work_yet_is_not_promised() -> None:
    kinds = DOCUMENT["paths"]["/v1/transactions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert kinds["discriminator"]["propertyName"] == "type"
    assert set(kinds["discriminator"]["mapping"]) == GOLDEN["transaction_types"].keys() - {
        "capture",
        "reversal",
    }  # have routes


@each_operation
def test_each_operation_is_described(method: str, path: str, operation: Any) -> None:
    for words in ("summary", "description"):
        assert operation[words]
    assert [tag for tag in operation["tags"] if tag not in {one["name"] for one in DOCUMENT["tags"]}] == []
    in_path = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    assert all("schema" in one for one in operation["parameters"])


NOT_FOUND = {
    *("open_wallet", "create_transaction", "create_webhook_endpoint", "get_outcome", "get_recipient"),
    *("create_fee_schedule", "create_quote", "get_rate"),
}
"""The operations whose bodies or parameters name what may not exist."""


def _expected_statuses(method: str, path: str, operation: Any) -> Iterator[set[int]]:
    if not path.startswith("/health/"):
        yield {429}
    if operation["operationId"] in SIGN_IN:
        yield {400, 408, 431, 503} | SIGN_IN[operation["operationId"]][1]
        yield {413, 415} if "requestBody" in operation else set()
        return
    headers = {one["name"]: one for one in operation["parameters"] if one["in"] == "header"}
    yield {400, 408, 431, 503}
    if path.startswith("/v1/"):
        yield {401, 403}
    if "requestBody" in operation:
        yield {413, 415}
    if "_id}" in path:
        yield {404}
    if "Idempotency-Key" in headers:
        yield {422}
    if "If-Match" in headers:
        yield {412, 428}
    moves_nothing = path.startswith(
        ("/v1/webhook", "/v1/batches", "/v1/api-keys")
    )  # in a batch, each movement has its own
    if (method in ("post", "patch") and not moves_nothing) or operation["operationId"] in (
        "override_limits",
        "set_rate",
    ):
        yield {409}
    if operation["operationId"] in ("test_webhook_endpoint", "resend_webhook_delivery", "rotate_api_key"):
        yield {409}
    if operation["operationId"] in NOT_FOUND:
        yield {404}
    if operation["operationId"] == "list_events":
        yield {410}


@each_operation
def test_each_operation_lists_its_statuses(method: str, path: str, operation: Any) -> None:
    listed = {int(status) for status in operation["responses"]}
    failures = {status for status in listed if status >= 400}
    assert failures == set().union(*_expected_statuses(method, path, operation))
    assert 500 not in listed
    created = method == "post" and re.fullmatch(r"/v1/[\w-]+", path)
    special = {"create_batch": {200, 201, 207}, "delete_webhook_endpoint": {204}}
    special |= {"test_webhook_endpoint": {202}, "resend_webhook_delivery": {202}}
    special |= {name: {status} for name, (status, _) in SIGN_IN.items()}
    special |= {"create_transaction": {200, 201, 202}} | {name: {200, 202} for name in WAITING}
    special |= {name: {200, 201} for name in ("capture_hold", "reverse_transaction")}
    assert listed - failures == special.get(operation["operationId"], {201} if created else {200})


@each_operation
def test_each_answer_has_its_headers(method: str, path: str, operation: Any) -> None:
    keyed = any(one["name"] == "Idempotency-Key" for one in operation["parameters"])
    for status, response in operation["responses"].items():
        headers = set(response["headers"])
        assert "X-Request-ID" in headers
        assert ("Retry-After" in headers) == (status in ("429", "503"))
        assert ("RateLimit" in headers) == ("RateLimit-Policy" in headers)
        assert ("RateLimit" in headers) == (status == "429" or operation["operationId"] in LIMITED)
        has_no_address = operation["operationId"] in ("create_batch", "add_identity", "create_quote")
        waits = operation["operationId"] in ("create_transaction", *WAITING) and status == "202"
        assert ("Location" in headers) == (waits or (status == "201" and not has_no_address))
        assert ("Idempotency-Replayed" in headers) <= keyed
        assert all(_resolved(header)["description"] for header in response["headers"].values())
    without_etag = ("list_customers", "erase_customer", "export_customer", *SIGN_IN)
    without_etag += ("get_customer_limits", "override_limits")
    one_customer = path.startswith("/v1/customers") and operation["operationId"] not in without_etag
    success = min(operation["responses"])
    assert ("ETag" in operation["responses"][success]["headers"]) == one_customer


@each_operation
def test_each_body_and_answer_has_a_true_example(method: str, path: str, operation: Any) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for status, response in [("body", one) for one in bodies] + list(operation["responses"].items()):
        for media_type, content in response["content"].items():
            answers_a_batch = (operation["operationId"], status) == ("create_batch", "422")
            if media_type == "text/event-stream":
                assert operation["operationId"] == "list_events"
                continue
            if media_type in ("text/csv", "application/xml", "application/pdf"):
                assert operation["operationId"] == "get_wallet_statement"
                assert bool(content) == (media_type != "application/pdf")  # binary data have no schema
                continue
            if media_type == "application/x-ndjson":
                assert operation["operationId"] == "export_audit_log"
                assert [json.loads(line) for line in content["examples"]["Text"]["value"].splitlines()]
                continue
            if (operation["operationId"], status) == ("get_metrics", "200"):
                assert media_type == "text/plain"
                continue
            expected = "application/problem+json" if status >= "4" and status != "body" else "application/json"
            assert media_type == expected or (answers_a_batch and media_type == "application/json")
            assert content["examples"]
            for example in content["examples"].values():
                _validator(content["schema"]).validate(example["value"])
                if media_type == "application/problem+json":
                    assert example["value"]["status"] == int(status)
                    assert f"`{example['value']['code']}`" in response["description"]
                    assert example["value"]["code"] in CODES


@pytest.mark.parametrize("name", EXAMPLES, ids=str)
def test_examples_are_what_the_code_takes_and_gives(name: tuple[str, Any]) -> None:
    kind, example = EXAMPLES[name]
    decoded = msgspec.json.decode(msgspec.json.encode(example), type=kind)
    assert msgspec.to_builtins(decoded).keys() >= example.keys()


@each_operation
def test_dry_runs_are_mentioned_where_they_are_possible(method: str, path: str, operation: Any) -> None:
    names = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    assert ("dry run" in json.dumps(operation).lower()) == ("dry_run" in names)


@pytest.mark.parametrize(("body", "example"), BODY_EXAMPLES)
def test_examples_of_bodies_are_what_the_code_takes(body: Body, example: dict[str, Any]) -> None:
    assert bool(example) != body.may_be_absent
    texts = {name: PATH_EXAMPLES[name] for name in body.without if name in PATH_SCHEMAS}
    in_path = texts | {name: UNKNOWN_ID for name in body.without if name.endswith("_id")}
    assert body.decode(msgspec.json.encode(example), in_path)


class AccountOfAMinor(RuleRefused):
    """A minor's wallet sends no money abroad.

    Their parents' wallets do.
    """

    code = "account_of_a_minor"


def test_the_docstring_of_an_error_is_its_example() -> None:
    error = example_error(AccountOfAMinor)
    assert type(error) is AccountOfAMinor
    assert str(error) == "a minor's wallet sends no money abroad"
    assert str(example_error(SameWallet)) == "a wallet cannot pay itself"


def test_the_examples_of_a_batch_fit_their_status() -> None:
    responses = DOCUMENT["paths"]["/v1/batches"]["post"]["responses"]
    for status, wanted in [("201", {201}), ("207", {201, 422}), ("422", {422})]:
        [example] = responses[status]["content"]["application/json"]["examples"].values()
        results = example["value"]["results"]
        assert {one["status"] for one in results} == wanted
        for index, one in enumerate(results):
            assert one["index"] == index
            assert ("transaction" in one, "problem" in one) == (one["status"] == 201, one["status"] == 422)
    own = [one for one in results if one["problem"]["code"] != "rolled_back"]
    assert [one["index"] for one in own] == [example["value"]["failed_index"]]


def test_the_size_limits_are_documented() -> None:
    for *_, operation in OPERATIONS:
        if "requestBody" in operation:
            cap = "1 MiB" if operation["operationId"] == "create_batch" else "64 KiB"
            assert cap in operation["requestBody"]["description"]
            [example] = operation["responses"]["413"]["content"]["application/problem+json"]["examples"].values()
            assert cap in example["value"]["detail"]


def test_every_code_is_listed_somewhere() -> None:
    text = json.dumps(DOCUMENT["paths"])
    assert {code for code in CODES if f"`{code}`" in text} == CODES


def _properties() -> Iterator[tuple[str, str, Any]]:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, own in schema.get("properties", {}).items():
            yield name, field, own


def test_amounts_and_balances_are_decimal_strings() -> None:
    seen = set()
    for _, field, schema in _properties():
        if field in ("amount", "ledger_balance", "held", "available_balance", "ledger_balance_after"):
            seen.add(field)
            kinds = [one["type"] for one in schema.get("anyOf", [schema])]  # without one, a hold's whole amount
            assert kinds in (["string"], ["string", "null"])
            assert re.fullmatch(schema["pattern"], "12.50")
            assert not re.fullmatch(schema["pattern"], "1e2")
    assert len(seen) == 5


def test_times_ids_and_enumerations_say_what_they_are() -> None:
    for _, field, schema in _properties():
        text = json.dumps(schema)
        if field.endswith("_at") or field == "at":
            assert '"date-time"' in text
        if field.endswith("_id") and field not in ("request_id", "external_id", "event_id"):
            assert '"uuid"' in text
        if '"enum"' in text:
            assert '"type"' in text


def test_bodies_refuse_unknown_fields() -> None:
    for *_, operation in OPERATIONS:
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for one in schema.get("anyOf", [schema]):
                assert _resolved(one)["additionalProperties"] is False


async def test_real_answers_match_their_schemas(client: httpx.AsyncClient) -> None:
    customer = await register(client, metadata={"a": 1})
    wallet = await wallet_with(client, "100")
    refused = await move(client, {"type": "withdrawal", "wallet_id": wallet, "amount": "101", "currency": "RWF"})
    transaction = refused.json()["transaction_id"]
    paths = {
        "/v1/customers": "CustomerPage",
        f"/v1/customers/{customer['id']}": "Customer",
        "/v1/wallets": "WalletPage",
        f"/v1/wallets/{wallet}": "Wallet",
        f"/v1/wallets/{wallet}/entries": "EntryPage",
        f"/v1/wallets/{wallet}/balance": "Balance",
        f"/v1/wallets/{wallet}/statement": "Statement",
        "/v1/reports/trial-balance": "TrialBalance",
        "/v1/reports/exchange-positions?currency=RWF": "ExchangePositions",
        "/v1/transactions": "TransactionPage",
        f"/v1/transactions/{transaction}": "Transaction",
        "/v1/events": "EventPage",
        "/health/live": "Alive",
        "/health/ready": "Ready",
        "/v1/nothing": "Problem",
        "/v1/customers?x=1": "Problem",
    }
    for path, name in paths.items():
        body = (await client.get(path)).json()
        schema = DOCUMENT["components"]["schemas"][name]
        _validator({"$ref": f"#/components/schemas/{name}"}).validate(body)
        assert set(body) <= set(schema["properties"])
        assert set(body) >= set(schema["required"])


def test_problems_have_no_other_fields() -> None:
    assert set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]) == set(typing.get_type_hints(Problem))
