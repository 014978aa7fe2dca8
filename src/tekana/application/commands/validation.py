"""Checks of input. Every check raises InvalidRequest, naming the field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from msgspec import UNSET, UnsetType

from tekana.domain.errors import FieldError, InvalidRequest, invalid

T = TypeVar("T")

KEY_SEPARATOR = "\x1f"
"""Stands between a batch's key and the place of one of its movements. No caller's own key has it."""

_MOST_METADATA = 50
_LARGEST_INTEGER = 2**53 - 1  # beyond it, JSON readers that use floats lose digits
_FIRST_YEAR, _LAST_YEAR = 1000, 9998
_PHONE_NUMBER = re.compile(r"\+?[0-9 ().\-/]{3,32}", re.ASCII)  # no letters, extensions or URIs
_LONGEST_LOCAL_PART = 64  # RFC 5321
_REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)


def check_all(*checks: Callable[[], object]) -> None:
    """Run every check, and raise one InvalidRequest that names everything they found."""
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
    """Return an identifier as a UUID, also where it was given as text."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise invalid(field, "must be a UUID") from None


def check_text(field: str, value: str, *, most: int, one_line: bool = False) -> None:
    """Text of 1 to `most` characters that any database and driver can keep: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        raise invalid(field, f"must be text, not {type(value).__name__}")
    if not value or value.isspace():
        raise invalid(field, "must not be empty")
    if len(value) > most:
        raise invalid(field, f"must be at most {most} characters")
    if "\x00" in value:
        raise invalid(field, "must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be valid Unicode text") from None
    if one_line and not value.isprintable():
        raise invalid(field, "must not contain control characters")


def check_key(key: str) -> None:
    """An idempotency key of a caller's own: text of 1 to 255 characters, without the one that separates (U+001F)."""
    check_text("key", key, most=255)
    if KEY_SEPARATOR in key:
        raise invalid("key", "must not contain the character U+001F")


def check_metadata(metadata: Mapping[str, object]) -> None:
    """At most 50 names of at most 64 characters, with plain values; texts of at most 500 characters."""
    if not isinstance(metadata, Mapping):
        raise invalid("metadata", "must be names with plain values")
    if len(metadata) > _MOST_METADATA:
        raise invalid("metadata", f"must have at most {_MOST_METADATA} names")
    for name, value in metadata.items():
        check_text("metadata", name, most=64)
        field = f"metadata.{name}"
        match value:
            case str():
                if value:
                    check_text(field, value, most=500)
            case bool() | None:
                pass
            case int():
                if abs(value) > _LARGEST_INTEGER:
                    raise invalid(field, "is too large for a JSON number: send it as text")
            case float():
                if not math.isfinite(value):
                    raise invalid(field, "must be a finite number")
            case _:
                raise invalid(field, "must be text, a number, true, false or null")


def check_moment(field: str, moment: datetime) -> None:
    """A moment with its offset from UTC, of the years 1000 to 9998: the ends of time mean "for ever" to databases."""
    if moment.tzinfo is None:
        raise invalid(field, "must say its offset from UTC, such as 2026-01-31T12:00:00Z")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise invalid(field, f"must be of the years {_FIRST_YEAR} to {_LAST_YEAR}")


def check_country(value: str) -> None:
    """An ISO 3166-1 alpha-2 code."""
    if not isinstance(value, str) or value not in _REGIONS:
        raise invalid("country", "must be an ISO 3166 country code of two letters, such as RW")


def check_external_id(value: str) -> None:
    """The caller's own name for a customer: text of 1 to 200 characters on one line."""
    check_text("external_id", value, most=200, one_line=True)


def normal_full_name(value: str) -> str:
    """Return a person's name as it is kept, without blanks around it."""
    check_text("full_name", value, most=200, one_line=True)
    return value.strip()


def normal_email(value: str) -> str:
    """The address as it is kept and compared: normalised, in lower case. Its syntax is checked, not its mailbox."""
    wrong = invalid("email", "must be an email address, such as aline@example.com")
    if not isinstance(value, str) or len(value.partition("@")[0]) > _LONGEST_LOCAL_PART:
        raise wrong
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        raise wrong from None


def normal_phone_number(value: str, country: str | None = None) -> str:
    """Return the number in E.164 form. Without a leading +, it is read as one of the country, if there is such one."""
    wrong = invalid("phone_number", "must be a phone number, such as +250788123456")
    if not isinstance(value, str) or not _PHONE_NUMBER.fullmatch(value):
        raise wrong
    try:
        number = phonenumbers.parse(value, country if isinstance(country, str) else None)
    except phonenumbers.NumberParseException:
        raise wrong from None
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise wrong
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
