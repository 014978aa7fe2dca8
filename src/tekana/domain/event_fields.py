"""The fields that several events have, and the declaration of what a field of an event means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tekana.domain.money import Currency


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What a field of an event means, as metadata of its type (`Annotated`).

    Attributes:
        description: for the schemas of events.
        is_amount: an amount in minor units of the event's `currency`; outside, a decimal string in major units.
        may_be_negative: whether the amount may be below zero.
    """

    description: str
    is_amount: bool = False
    may_be_negative: bool = False


Amount = Annotated[
    int, FieldMeaning("How much, in major units, with all the decimals of the currency.", is_amount=True)
]
BalanceAfter = Annotated[
    int,
    FieldMeaning(
        "What was in the wallet then, in major units. An operator's wallet may be below zero.",
        is_amount=True,
        may_be_negative=True,
    ),
]
CurrencyCode = Annotated[Currency, FieldMeaning("ISO 4217 code.")]
ChangedFields = Annotated[tuple[str, ...], FieldMeaning("The names of the fields that changed; never what they hold.")]
TypeOfTransaction = Annotated[
    str, FieldMeaning("The type of the transaction, as at `POST /v1/transactions`. More of them come.")
]
LimitAmount = Annotated[
    int | None, FieldMeaning("The limit in major units; null if the tier's is in force.", is_amount=True)
]
LimitCount = Annotated[int | None, FieldMeaning("The limit, as a number; null if the tier's is in force.")]
