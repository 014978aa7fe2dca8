"""Validation of the details of a customer. Every check raises InvalidRequest with the name of the field."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from tekana.application.commands.validation import check_text, normal_name, with_plain_spaces
from tekana.domain.errors import invalid
from tekana.domain.iso3166 import COUNTRIES

_PHONE_NUMBER = re.compile(r"\+?[0-9 ().\-/]{3,32}", re.ASCII)  # no letters, extensions or URIs
_LOCAL_PART_LENGTH_MAX = 64  # RFC 5321


def check_country(value: str) -> None:
    """Check an ISO 3166-1 alpha-2 code."""
    if not isinstance(value, str) or value not in COUNTRIES:
        raise invalid("country", "must be an ISO 3166 country code of two letters, such as RW")


def check_external_id(value: str) -> None:
    """Check the caller's own name for a customer: 1 to 200 characters on one line. It is stored unchanged."""
    check_text("external_id", value, most=200, one_line=True)


def normal_full_name(value: str) -> str:
    """Return a person's name in its normal form, without spaces at both ends."""
    return normal_name("full_name", value, most=200).strip()


def normal_email(value: str) -> str:
    """Return an email address in its normal form. The syntax is checked, not whether the mailbox exists.

    The normal form has one case, and one form of each letter, such as the three of sigma.
    """
    wrong = invalid("email", "must be an email address, such as aline@example.com")
    if not isinstance(value, str):
        raise wrong
    value = _without_pasted(value)
    if len(value.partition("@")[0]) > _LOCAL_PART_LENGTH_MAX:
        raise wrong
    try:
        address = validate_email(value, check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        raise wrong from None
    if address.isascii():
        return address.lower()
    local_part, at, domain = address.rpartition("@")
    return _fold_case(local_part) + at + domain.lower()


_FINAL_SIGMA = re.compile(r"(?<=[^\W\d_])\u03c3(?![^\W\d_])")


def _fold_case(text: str) -> str:
    """Fold case letter by letter, with the final sigma at the end of a word.

    Letters that fold to two, such as the German sharp s, are unchanged: the result would be another mailbox.
    """
    folded = "".join(one if len(one.casefold()) > 1 else one.casefold() for one in text).lower()
    return _FINAL_SIGMA.sub("\u03c2", folded)


def normal_phone_number(value: str, country: str | None = None, *, field: str = "phone_number") -> str:
    """Return a phone number in E.164 form.

    Args:
        value: the number; without a leading +, a national number of the country.
        country: an ISO 3166-1 alpha-2 code; None if it is unknown.
        field: the name of the field with the number.

    Raises:
        InvalidRequest: the number cannot be called from any country: it is a local one, for example.
    """
    wrong = invalid(field, "must be a phone number, such as +250788123456")
    if not isinstance(value, str):
        raise wrong
    value = _without_pasted(value)
    if not _PHONE_NUMBER.fullmatch(value):
        raise wrong
    try:
        number = phonenumbers.parse(value, country if isinstance(country, str) else None)
    except phonenumbers.NumberParseException:
        raise wrong from None
    if not _can_be_called_from_anywhere(number) or number.extension:
        raise wrong
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national_number(value: object) -> str | None:
    """Return a phone number that is complete only with a country, without pasted characters; None if it is not one."""
    if not isinstance(value, str) or "+" in value:
        return None
    number = _without_pasted(value)
    return number if _PHONE_NUMBER.fullmatch(number) else None


def _can_be_called_from_anywhere(number: phonenumbers.PhoneNumber) -> bool:
    """Return whether the number has the length of one with an area code, which service numbers may lack."""
    whole, local = phonenumbers.ValidationResult.IS_POSSIBLE, phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    reasons = [phonenumbers.is_possible_number_for_type_with_reason(number, kind) for kind in kinds]
    is_local = local in reasons and whole not in reasons
    return phonenumbers.is_possible_number_with_reason(number) == whole and not is_local


def _without_pasted(value: str) -> str:
    """Remove what copy and paste adds: format characters (Unicode category Cf), and spaces at both ends."""
    if value.isascii():
        return value.strip(" ")
    visible = "".join(one for one in value if unicodedata.category(one) != "Cf")
    return with_plain_spaces(visible).strip(" ")
