"""The quick check for duplicate names never accepts a body with a duplicate name or a non-canonical UUID."""

from __future__ import annotations

import json
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tekana import AnyMoneyCommand, Batch, InvalidRequest, VerifyCustomer
from tekana_litestar.bodies import Body, has_each_name_once
from tekana_litestar.resources.webhook_endpoints import NewWebhookEndpoint

WALLET = "019a3c52-7f00-7000-8000-000000000001"
_decoder = msgspec.json.Decoder(AnyMoneyCommand)

texts = st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=6) | st.sampled_from(
    ["-", "----", "a-b", WALLET, WALLET.replace("-", ""), ""]
)
times = st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00-02:00"])
values = st.one_of(
    texts,
    times,
    st.none(),
    st.integers(-9, 9),
    st.dictionaries(texts, texts | st.none() | st.integers(-9, 9), max_size=3),
    st.sampled_from([WALLET, WALLET.replace("-", ""), WALLET.upper(), "5", "RWF", "deposit"]),
)
names = st.sampled_from(
    ["type", "wallet_id", "amount", "currency", "description", "reference", "metadata", "effective_at"]
)
complete = [("type", "deposit"), ("wallet_id", WALLET), ("amount", "5"), ("currency", "RWF")]
pairs = st.lists(st.tuples(names, values), max_size=4).map(lambda more: [*complete, *more])


def as_json(members: list[tuple[str, object]], *, ascii_only: bool) -> bytes:
    inside = ", ".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=ascii_only)}" for name, value in members)
    return ("{" + inside + "}").encode("utf-8", "replace")


@given(pairs, st.booleans(), st.randoms())
@example([*complete, ("amount", "5")], False, None)
@example([*complete, ("description", None), ("description", "d")], False, None)
@example([*complete, ("description", "----"), ("wallet_id", WALLET.replace("-", ""))], False, None)
@example([*complete, ("metadata", {"a": "-"}), ("metadata", {})], False, None)
@example(
    [*complete, ("metadata", {"a": -1, "b": -2, "c": -3, "d": -4}), ("wallet_id", WALLET.replace("-", ""))], False, None
)
def test_the_quick_check_never_accepts_duplicates(
    members: list[tuple[str, object]], ascii_only: bool, order: object
) -> None:
    if order is not None:
        order.shuffle(members)  # type: ignore[attr-defined]
    body = as_json(members, ascii_only=ascii_only)
    try:
        decoded = _decoder.decode(body)
    except (msgspec.DecodeError, InvalidRequest, UnicodeError):
        return
    if has_each_name_once(body, decoded):
        assert len({name for name, _ in members}) == len(members)
        assert all(len(str(value)) == 36 for name, value in members if name == "wallet_id")


@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=4))
def test_duplicate_names_in_metadata_are_not_accepted(members: list[tuple[str, str]]) -> None:
    inner = as_json(list(members), ascii_only=False)
    body = as_json(list(complete), ascii_only=False)[:-1] + b', "metadata": ' + inner + b"}"
    try:
        decoded = _decoder.decode(body)
    except (msgspec.DecodeError, InvalidRequest, UnicodeError):
        return
    if has_each_name_once(body, decoded):
        assert len({name for name, _ in members}) == len(members)


@given(st.lists(pairs, min_size=1, max_size=5))
@example(
    [[*complete, ("effective_at", "2026-01-31T12:00:00-00:00")]] * 4
    + [[("wallet_id", WALLET.replace("-", "")), *complete[2:], complete[0]]]
)
def test_the_quick_check_never_accepts_duplicates_in_a_batch(movements: list[list[tuple[str, object]]]) -> None:
    inside = b", ".join(as_json(members, ascii_only=False) for members in movements)
    body = b'{"mode": "atomic", "transactions": [' + inside + b"]}"
    try:
        decoded = msgspec.json.decode(body, type=Batch)
    except (msgspec.DecodeError, InvalidRequest, UnicodeError):
        return
    if has_each_name_once(body, decoded):
        for members in movements:
            assert len({name for name, _ in members}) == len(members)
            assert all(len(str(value)) == 36 for name, value in members if name == "wallet_id")


def test_usual_bodies_pass_the_quick_check() -> None:
    usual = [*complete, ("description", "tea - green"), ("metadata", {"order-id": "7", "note": "x"})]
    for members in (complete, usual):
        body = as_json(list(members), ascii_only=False)
        assert has_each_name_once(body, _decoder.decode(body))
        assert Body(AnyMoneyCommand).decode(body).wallet_id == UUID(WALLET)  # type: ignore[union-attr]


def test_fields_of_the_path_do_not_hide_duplicate_names() -> None:
    body = Body(VerifyCustomer, without=("customer_id",))
    with pytest.raises(InvalidRequest, match="tier: is given twice"):
        body.decode(b'{"tier": "a----", "tier": "b----"}', {"customer_id": UUID(WALLET)})


def test_defaults_that_are_encoded_do_not_hide_duplicate_names() -> None:
    body = Body(NewWebhookEndpoint)
    with pytest.raises(InvalidRequest, match="url: is given twice"):
        body.decode(b'{"url": "https://a.example", "url": "https://b.example"}')
