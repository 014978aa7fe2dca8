"""The parameter types of steps, and the decorators that define steps."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from pytest_bdd import given, parsers, then, when

from tekana.application.commands import MONEY_COMMANDS
from tekana.domain.events import EVENT_TYPES
from tekana.domain.limits import LIMIT_NAMES
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.testing.steps.scenario_context import Request, ScenarioContext

REASONS = {
    "not enough money": "insufficient_funds",
    "it is above a limit": "limit_exceeded",
    "it is another currency": "currency_mismatch",
    "it is more than the hold": "capture_exceeds_hold",
    "the hold is not open any more": "hold_not_open",
    "a wallet cannot pay itself": "same_wallet",
    "it is no merchant's wallet": "payee_not_merchant",
    "the wallet does not allow it now": "wallet_not_active",
    "there is still money in the wallet": "wallet_not_empty",
    "the customer is not active": "customer_not_active",
    "the customer cannot be erased yet": "customer_not_erasable",
    "another customer has it": "customer_exists",
    "there is no such customer or wallet": "not_found",
    "another of them was refused": "rolled_back",
    "it changed meanwhile": "concurrent_update",
    "this does not sign in": "sign_in_refused",
    "they asked for it themselves": "own_approval",
    "it was decided before": "approval_decided",
    "it is too late": "approval_expired",
    "more than what is left of it": "reversal_exceeds_original",
    "it cannot be reversed": "not_reversible",
    "there is no rate now": "rate_unavailable",
    "it is less than the smallest amount of the other currency": "amount_too_small",
    "the pair has a rate the other way round": "inverse_rate_exists",
    "the quote was used": "quote_used",
    "the quote has expired": "quote_expired",
    "the quote is for something else": "quote_mismatch",
    "there is no such quote": "quote_not_found",
    "the fee is above the amount": "fee_exceeds_amount",
    "another schedule is for the same": "fee_schedule_overlaps",
    "the fee schedule has ended": "fee_schedule_ended",
    "the request was used for something else": "idempotency_key_reused",
}
"""Every reason for a refusal, as the features word it, with its stable code."""

MODES = {"all or none": "atomic", "each on its own": "independent"}

SCOPES = {"money going out": "debits", "all movements": "all"}


class _Word:
    """A kind of word: what it looks like, and what it stands for."""

    def __init__(self, pattern: str, meaning: Callable[[str], Any] = str) -> None:
        self.pattern = pattern
        self._port_error = meaning

    def __call__(self, text: str) -> Any:
        return self._port_error(text)


_PRICE = (
    r"(?:[\d.,]+ [A-Z]{3}|[\d.]+ % of the amount)(?:, at least [\d.,]+ and at most [\d.,]+ [A-Z]{3})?"
    r"(?: with [\d.]+ % tax)?"
)
"""What a fee is: `99 RWF with 18 % tax`, or `1 % of the amount, at least 50 and at most 500 RWF`."""


def _price(text: str) -> dict[str, Any]:
    """Return the fields of a fee schedule with one band."""
    numbers = [one.replace(",", "") for one in re.findall(r"[\d,.]*\d", text)]
    fields: dict[str, Any] = {"bands": [{"percentage" if "% of" in text else "flat": numbers.pop(0)}]}
    if "at least" in text:
        fields |= {"minimum": numbers.pop(0), "maximum": numbers.pop(0)}
    if "tax" in text:
        fields["tax_percentage"] = numbers.pop(0)
    return fields


def _money(text: str) -> tuple[str, str]:
    amount, currency = text.split()
    return amount.replace(",", ""), currency


def moment(text: str) -> str:
    """Convert a UTC time in the format of the features to the one of the HTTP contract."""
    return f"{text.replace(' ', 'T')}{'' if text.count(':') == 2 else ':00'}Z"


def event_type(text: str) -> str:
    """Return the event type of lowercase words, such as `wallet opened`."""
    name = text.title().replace(" ", "")
    assert name in EVENT_TYPES, f"{text!r} is not a type of event"
    return name


_WORDS = {
    "Person": _Word(r"[A-Z][a-z]+|a stranger"),
    "Wallet": _Word(r"[A-Z][a-z]+'s (?:[a-z]+ )?wallet|a missing wallet"),
    "Money": _Word(r"-?[\d,.]+ [A-Z]{3}", _money),
    "TransactionType": _Word(
        rf"an? (?:{'|'.join(MONEY_COMMANDS).replace('_', ' ')})",
        lambda text: text.partition(" ")[2].replace(" ", "_"),
    ),
    "Office": _Word(r"the [a-z ]+"),
    "Field": _Word(
        r"full name|email|phone number|external id|country|currency|tier|reference|description|amount|reason|address|"
        rf"password|duration|bid|ask|until|kind|paid by|transaction type|valid from|valid until|"
        rf"shares\[\d\].wallet_id|shares|bands\[\d\].up_to|{'|'.join(name.replace('_', ' ') for name in LIMIT_NAMES)}",
        lambda text: {"address": "url", "duration": "expires_in"}.get(text, text.replace(" ", "_")),
    ),
    "Charged": _Word("|".join(f"{name}s" for name in TRANSACTION_TYPES), lambda text: text.removesuffix("s")),
    "Cost": _Word("cost|are to cost"),
    "Price": _Word(_PRICE, _price),
    "Shares": _Word(
        r"[\d.]+ % are [A-Z][a-z]+'s(?: and [\d.]+ % [A-Z][a-z]+'s)*",
        lambda text: re.findall(r"([\d.]+) % (?:are )?([A-Z][a-z]+)'s", text),
    ),
    "Limit": _Word("|".join(name.replace("_", " ") for name in LIMIT_NAMES), lambda text: text.replace(" ", "_")),
    "Number": _Word(r"[\d.]+"),
    "Event": _Word(r"[a-z ]+", event_type),
    "That": _Word("that|the transfer|the deposit|the exchange", lambda text: text.removeprefix("the ")),
    "Text": _Word(r"[^\"]*"),
    "Reason": _Word("|".join(REASONS), REASONS.__getitem__),
    "Mode": _Word("|".join(MODES), MODES.__getitem__),
    "Scope": _Word("|".join(SCOPES), SCOPES.__getitem__),
    "Moment": _Word(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?", moment),
}


def words(text: str) -> Any:
    """Return a parser for a step's text with parameters of the types above, such as {who:Person}."""
    return parsers.cfparse(text, extra_types=_WORDS)


def action(text: str) -> Callable[[Callable[..., Request]], Callable[..., Request]]:
    """Define a step that sends a request: as a Given it must succeed, as a When it may be refused."""

    def register(function: Callable[..., Request]) -> Callable[..., Request]:
        @functools.wraps(function)
        def as_given(scene: ScenarioContext, **found: Any) -> None:
            scene.given(function(scene=scene, **found))

        @functools.wraps(function)
        def as_when(scene: ScenarioContext, **found: Any) -> None:
            scene.when(function(scene=scene, **found))

        given(words(text), stacklevel=2)(as_given)
        when(words(text), stacklevel=2)(as_when)
        return function

    return register


def state(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Define a step that checks a state."""
    return then(words(text), stacklevel=1)


__all__ = ["MODES", "REASONS", "SCOPES", "action", "event_type", "given", "moment", "state", "then", "when", "words"]
