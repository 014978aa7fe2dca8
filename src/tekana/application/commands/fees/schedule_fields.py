"""The parts of a new fee schedule as they are given: amounts and percentages as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, TypeVar

import msgspec

from tekana.application.commands.validation import to_id
from tekana.domain.errors import FieldError, InvalidRequest, invalid
from tekana.domain.fees import ALL_PPM, FeeBand, FeeShare, format_percentage, parse_percentage
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Currency, Money

PartT = TypeVar("PartT")

BANDS_MAX: Final = 50
SHARES_MAX: Final = 10


def _said(description: str, example: str) -> msgspec.Meta:
    """Return what the documentation says about a field."""
    return msgspec.Meta(description=description, examples=[example])


class NewFeeBand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fee for amounts up to a bound.

    Attributes:
        up_to: the largest amount, in major units; left out for the last band, which has all larger amounts.
        flat: a fixed part, in major units.
        percentage: of the amount, with at most 4 decimals.
    """

    up_to: Annotated[str | None, _said("The largest amount, in major units; left out for the last band.", "10000")] = (
        None
    )
    flat: Annotated[str, _said("A fixed part, in major units.", "50")] = "0"
    percentage: Annotated[str, _said("Of the amount, with at most 4 decimals.", "1.5")] = "0"


class NewFeeShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of each fee goes into a wallet.

    Attributes:
        percentage: of the fee, with at most 4 decimals.
    """

    wallet_id: Annotated[WalletId, _said("A merchant's wallet.", "0198d2a0-0000-7000-8000-000000000004")]
    percentage: Annotated[str, _said("Of the fee, with at most 4 decimals.", "30")]


def to_structs(field: str, given: object, kind: type[PartT]) -> tuple[PartT, ...]:
    """Return parts that were given as Structs, or as plain mappings. Raises InvalidRequest."""
    try:
        return msgspec.convert(given, tuple[kind, ...])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise invalid(field, str(error)) from None


def parse_optional(field: str, text: str | None, currency: Currency) -> int | None:
    """Return an optional amount in minor units. Raises InvalidRequest."""
    return None if text is None else parse_money(field, text, currency)


def parse_money(field: str, text: str, currency: Currency) -> int:
    """Return an amount in minor units, which may be zero. Raises InvalidRequest."""
    try:
        if isinstance(text, str) and text and not text.strip("0."):
            Money.parse(f"1{text}", currency)  # as many decimals as the currency has
            return 0
        return Money.parse(text, currency).minor
    except InvalidRequest as error:
        raise invalid(field, error.errors[0].message) from None


def parse_bands(bands: Sequence[NewFeeBand], currency: Currency) -> tuple[FeeBand, ...]:
    """Return the bands. Raises InvalidRequest with everything that is wrong with them."""
    if not 1 <= len(bands) <= BANDS_MAX:
        raise invalid("bands", f"must be 1 to {BANDS_MAX}")
    errors: list[FieldError] = []
    parsed: list[FeeBand] = []
    for place, band in enumerate(bands):
        try:
            parsed.append(_parse_band(f"bands[{place}]", band, currency, is_last=place == len(bands) - 1))
        except InvalidRequest as error:
            errors += error.errors
    errors = errors or [*_misplaced(parsed)]
    if errors:
        raise InvalidRequest(*errors)
    return tuple(parsed)


def _parse_band(name: str, band: NewFeeBand, currency: Currency, *, is_last: bool) -> FeeBand:
    up_to = None
    if band.up_to is not None:
        up_to = parse_money(f"{name}.up_to", band.up_to, currency)
    if is_last != (up_to is None):
        raise invalid(f"{name}.up_to", "must be left out of the last band" if is_last else "is missing")
    flat = parse_money(f"{name}.flat", band.flat, currency)
    return FeeBand(up_to, flat, parse_percentage(f"{name}.percentage", band.percentage))


def _misplaced(bands: Sequence[FeeBand]) -> Iterator[FieldError]:
    """Yield an error for each band whose bound is not above the one before."""
    before = 0
    for place, band in enumerate(bands):
        if band.up_to is not None and band.up_to <= before:
            yield FieldError(
                f"bands[{place}].up_to", "must be above the band before: bands are in the order of amounts"
            )
        before = band.up_to or before


def parse_shares(shares: Sequence[NewFeeShare]) -> tuple[FeeShare, ...]:
    """Return the shares, which are at most the whole fee in sum. Raises InvalidRequest."""
    if len(shares) > SHARES_MAX:
        raise invalid("shares", f"must be at most {SHARES_MAX}")
    parsed = []
    for place, one in enumerate(shares):
        wallet_id = WalletId(to_id(f"shares[{place}].wallet_id", one.wallet_id))
        ppm = parse_percentage(f"shares[{place}].percentage", one.percentage)
        if ppm == 0:
            raise invalid(f"shares[{place}].percentage", "must be more than zero")
        parsed.append(FeeShare(wallet_id, ppm))
    if len({one.wallet_id for one in parsed}) < len(parsed):
        raise invalid("shares", "must name each wallet once")
    total = sum(one.percentage_ppm for one in parsed)
    if total > ALL_PPM:
        raise invalid("shares", f"must be at most 100 % of the fee together, not {format_percentage(total)} %")
    return tuple(parsed)
