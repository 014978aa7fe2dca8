"""Validation of input. Every check raises InvalidRequest with the name of the field."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tekana.domain.errors import FieldError, InvalidRequest, invalid
from tekana.domain.iso4217 import WITHDRAWN
from tekana.domain.money import Currency, Money, parse_currency
from tekana.domain.wallet_kinds import WALLET_KINDS, WalletKind
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest
from tekana.ports.unit_of_work import KEY_SEPARATOR

T = TypeVar("T")

if TYPE_CHECKING:
    Time = datetime
else:
    Time = Annotated[Any, msgspec.Meta(extra_json_schema={"type": "string", "format": "date-time"})]
"""The type of a field with a time: decoders leave its text to `to_time`, as msgspec's own decoder rounds up."""

if TYPE_CHECKING:
    MetadataField = dict[str, str | int | float | bool | None]
else:
    MetadataField = dict[str, Any]
"""The type of a field with metadata: with `read_number` as its `float_hook`, a decoder keeps every digit."""

if TYPE_CHECKING:
    WalletKindField = WalletKind
else:
    WalletKindField = Annotated[
        WalletKind, msgspec.Meta(description="`merchant`: of a business, which payments for goods and services go to.")
    ]
"""The type of a field with a kind of wallets."""

_KEY_LENGTH_MAX = 255
_METADATA_NAMES_MAX = 50
_INTEGER_MAX = 2**53 - 1  # beyond it, JSON readers that use floats lose digits
_FIRST_YEAR, _LAST_YEAR = 1000, 9998
_BEYOND_MICROSECONDS = re.compile(r"(?<=\.[0-9]{6})[0-9]+", re.ASCII)

_JOINERS = "\u200c\u200d"
"""The zero-width non-joiner and joiner: the spelling of names in Persian, Bengali and other languages needs them."""

_INVISIBLE = re.compile(
    r"[\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]*"
)
"""Spaces, joiners, variation selectors and fillers: a name of these alone is invisible."""


def check_all(*checks: Callable[[], object]) -> None:
    """Run every check, and raise one InvalidRequest with all their errors."""
    errors: list[FieldError] = []
    for check in checks:
        try:
            check()
        except InvalidRequest as error:
            errors += error.errors
    if errors:
        raise InvalidRequest(*errors)


def check_optional(value: T | UnsetType | None, check: Callable[[T], object]) -> None:
    """Run a check unless the value is left out or None."""
    if value is not None and value is not UNSET:
        check(value)


def to_id(field: str, value: object) -> UUID:
    """Convert an identifier to a UUID, if it is text."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise invalid(field, "must be a UUID") from None


def to_time(field: str, value: object) -> datetime:
    """Convert an RFC 3339 time, given as text or a datetime, to an aware datetime.

    Digits beyond microseconds are truncated, never rounded: the last moment of a day stays on that day.
    """
    if isinstance(value, str):
        try:
            value = msgspec.convert(_BEYOND_MICROSECONDS.sub("", value), datetime)
        except (msgspec.ValidationError, UnicodeError):
            value = None
    if not isinstance(value, datetime):
        raise invalid(field, "must be a time in RFC 3339 form with its offset, such as 2026-01-31T12:00:00Z")
    check_moment(field, value)
    return value


def check_text(field: str, value: str, *, most: int, one_line: bool = False) -> None:
    """Check text of 1 to `most` characters that any database and driver can store.

    Args:
        field: the name of the field.
        value: the text.
        most: the largest number of characters.
        one_line: whether to refuse control characters, spaces other than U+0020, and invisible characters except
            joiners.
    """
    _check_storable(field, value, most)
    if not value or value.isspace():
        raise invalid(field, "must not be empty")
    if one_line:
        _check_visible(field, value)


def _check_storable(field: str, value: str, most: int) -> None:
    """Check for a length of at most `most` characters, no NUL, and no lone surrogate."""
    if not isinstance(value, str):
        raise invalid(field, f"must be text, not {type(value).__name__}")
    if len(value) > most:
        raise invalid(field, f"must be at most {most} characters")
    if "\x00" in value:
        raise invalid(field, "must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be valid Unicode text") from None


def _check_visible(field: str, value: str) -> None:
    if not value.isprintable() and not value.translate(dict.fromkeys(map(ord, _JOINERS))).isprintable():
        raise invalid(field, "must not contain control characters, nor other invisible ones")
    if _INVISIBLE.fullmatch(value):
        raise invalid(field, "must have a character that can be seen")


def with_plain_spaces(value: str) -> str:
    """Replace all space characters (Unicode category Zs) by U+0020."""
    if value.isascii():
        return value
    return "".join(" " if unicodedata.category(one) == "Zs" else one for one in value)


def check_key(key: str) -> None:
    """Check a caller's idempotency key: text of 1 to 255 characters, without KEY_SEPARATOR."""
    is_text = type(key) is str and 1 <= len(key) <= _KEY_LENGTH_MAX
    if is_text and key.isascii() and key.isprintable() and not key.isspace():  # as it mostly is
        return
    check_text("key", key, most=_KEY_LENGTH_MAX)
    if KEY_SEPARATOR in key:
        raise invalid("key", "must not contain the character U+001F")


def read_number(text: str) -> float | Decimal:
    """Parse a JSON number with a fraction or an exponent: the `float_hook` of decoders of commands.

    Returns:
        A float if it is written with the same digits, in its shortest form or with 17 digits; else a Decimal, which
        `check_metadata` refuses.
    """
    nearest = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:  # its exponent has more than 18 digits
        return Decimal("Infinity")
    return nearest if exact in (Decimal(repr(nearest)), Decimal(f"{nearest:.17g}")) else exact


def check_metadata(metadata: Mapping[str, object]) -> None:
    """Check metadata: at most 50 names of at most 64 characters, with plain values; texts of at most 500 characters."""
    if not isinstance(metadata, Mapping):
        raise invalid("metadata", "must be names with plain values")
    if len(metadata) > _METADATA_NAMES_MAX:
        raise invalid("metadata", f"must have at most {_METADATA_NAMES_MAX} names")
    for name, value in metadata.items():
        check_text("metadata", name, most=64)
        field = f"metadata.{name}"
        match value:
            case str():
                _check_storable(field, value, 500)
            case bool() | None:
                pass
            case int():
                if abs(value) > _INTEGER_MAX:
                    raise invalid(field, "is too large for a JSON number: send it as text")
            case Decimal():
                raise invalid(field, "is a number that cannot be kept exactly: send it as text")
            case float():
                if not math.isfinite(value):
                    raise invalid(field, "must be a finite number")
            case _:
                raise invalid("metadata", "must have text, numbers, true, false or null as values")


def check_moment(field: str, moment: datetime) -> None:
    """Check a time: aware, in the years 1000 to 9998, as databases read the extremes as infinite."""
    if moment.tzinfo is None:
        raise invalid(field, "must say its offset from UTC, such as 2026-01-31T12:00:00Z")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise invalid(field, f"must be of the years {_FIRST_YEAR} to {_LAST_YEAR}")


def check_range(low_field: str, high_field: str, low: Money | None, high: Money | None) -> None:
    """Check that a range of amounts is not reversed. A bound may be left out; two currencies are not compared.

    Args:
        low_field, high_field: the names of the bounds, as the caller knows them.
        low, high: the bounds. Equal ones are a range.

    Raises:
        InvalidRequest: the lower bound is above the upper one.
    """
    if low is not None and high is not None and low.currency == high.currency and low.minor > high.minor:
        raise invalid(low_field, f"must be at most {high_field}, but {low} is more than {high}")


def check_period(start: datetime | None, end: datetime | None) -> None:
    """Check that a period does not end before it begins. A bound may be left out; an empty period is one.

    Raises:
        InvalidRequest: it ends before it begins.
    """
    for name, moment in (("from", start), ("to", end)):
        if moment is not None:
            check_moment(name, moment)
    if start is not None and end is not None and end < start:
        raise invalid("to", f"must not be before the period begins, at {start.isoformat()}")


def check_page(page: PageRequest) -> PageRequest:
    """Return a page as it is. Raises InvalidRequest if its limit is out of range."""
    if not isinstance(page.limit, int) or not 1 <= page.limit <= PAGE_SIZE_MAX:
        raise invalid("limit", f"must be a whole number from 1 to {PAGE_SIZE_MAX}")
    return page


def require_active_currency(code: str) -> Currency:
    """Return a currency that a new wallet may have.

    Called by `decide`, not when a command is built, so that stored answers in a withdrawn currency can be replayed.

    Raises:
        InvalidRequest: the currency is withdrawn from ISO 4217; existing wallets in it can still be used.
    """
    currency = parse_currency(code)
    if currency in WITHDRAWN:
        raise invalid(
            "currency", f"{currency} is withdrawn from ISO 4217: open a wallet in the currency that follows it"
        )
    return currency


def check_wallet_kind(kind: str) -> None:
    """Check the name of a kind of wallets."""
    if not isinstance(kind, str) or kind not in WALLET_KINDS:
        raise invalid("kind", f"must be one of: {', '.join(WALLET_KINDS)}")


def normal_name(field: str, value: str, *, most: int) -> str:
    """Return a name in its normal form: visible, on one line, with plain spaces only."""
    if isinstance(value, str):
        value = with_plain_spaces(value)
    check_text(field, value, most=most, one_line=True)
    return value
