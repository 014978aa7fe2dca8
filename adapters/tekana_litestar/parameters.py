"""Query parameters: each with how it is read and how it is documented, side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import parse_qsl

import msgspec

from tekana import InvalidRequest, PageRequest
from tekana.application.commands.validation import check_moment, check_text, normal_email, normal_phone_number
from tekana.domain.customer import CustomerStatus
from tekana.domain.errors import FieldError, invalid
from tekana.domain.money import parse_currency
from tekana.domain.transaction import TRANSACTION_TYPES, TransactionStatus
from tekana.ports.page import PAGE_SIZE_MAX
from tekana_litestar.identifiers import canonical_uuid

_MOST_PARAMETERS: Final = 50
_EXAMPLE_ID: Final = "019a3c52-7f00-7000-8000-000000000001"
_EXAMPLE_TIME: Final = "2026-01-31T12:00:00Z"

# A plus that nobody percent-encoded arrives as a space.
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[ +-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)

Schema = dict[str, Any]


class Parameter(NamedTuple):
    """A query parameter. `read` gets the name and the text, and raises InvalidRequest for what it cannot be.

    `example` is None where the schema says enough.
    """

    name: str
    description: str
    schema: Schema
    example: str | None
    read: Callable[[str, str], Any]


def read_query(query_string: bytes, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The parameters that are given, by name.

    Raises:
        InvalidRequest: one is unknown, empty, given twice, or not what it should be; names all of them.
    """
    if not query_string:
        return {}
    known = {parameter.name: parameter for parameter in parameters}
    given: dict[str, Any] = {}
    wrong: list[FieldError] = []
    for name, text in _pairs(query_string):
        if name not in known:
            wrong.append(FieldError(name[:64] or "query", "is not a parameter of this route"))
        elif name in given:
            wrong.append(FieldError(name, "is given more than once"))
        else:
            given[name] = None
            try:
                given[name] = _read(known[name], text)
            except InvalidRequest as error:
                wrong.extend(error.errors)
    if wrong:
        raise InvalidRequest(*wrong)
    return given


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeError:
        raise invalid("query", "is not valid UTF-8, percent-encoded") from None
    except ValueError:
        raise invalid("query", f"must have at most {_MOST_PARAMETERS} parameters") from None
    if any("\x00" in text for pair in pairs for text in pair):
        raise invalid("query", "must not contain NUL characters")
    return pairs


def _read(parameter: Parameter, text: str) -> Any:
    if not text:
        raise invalid(parameter.name, "must not be empty")
    return parameter.read(parameter.name, text)


# ---------------------------------------------------------------------- how each kind is read


def _uuid(name: str, text: str) -> Any:
    return canonical_uuid(name, text)


def _text(name: str, text: str) -> str:
    check_text(name, text, most=200, one_line=True)
    return text


def _email(_: str, text: str) -> str:
    return normal_email(text.replace(" ", "+"))  # a plus that nobody percent-encoded arrives as a space


def _phone_number(_: str, text: str) -> str:
    return normal_phone_number(f"+{text[1:]}" if text.startswith(" ") else text)


def _currency(_: str, text: str) -> str:
    return parse_currency(text)


def _limit(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= PAGE_SIZE_MAX:
        raise invalid(name, f"must be a whole number from 1 to {PAGE_SIZE_MAX}")
    return int(text)


def _cursor(name: str, text: str) -> str:
    if not re.fullmatch("[!-~]{1,500}", text):
        raise invalid(name, "is not one that this list gave out")
    return text


def _moment(name: str, text: str) -> datetime:
    refusal = invalid(name, f"must be a time in RFC 3339 form with its offset, such as {_EXAMPLE_TIME}")
    if not _RFC_3339.fullmatch(text):
        raise refusal
    try:
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
    except ValueError:
        raise refusal from None
    check_moment(name, moment)
    return moment


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise invalid(name, "must be true or false")
    return text == "true"


def _one_of(choices: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in choices:
            raise invalid(name, f"must be one of: {', '.join(choices)}")
        return text

    return read


# ---------------------------------------------------------------------- the parameters


def _identifier(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string", "format": "uuid"}, _EXAMPLE_ID, _uuid)


def _choice(name: str, description: str, literal: Any) -> Parameter:
    choices = literal if isinstance(literal, tuple) else get_args(literal)
    return Parameter(name, description, {"type": "string", "enum": list(choices)}, None, _one_of(choices))


def _time(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string", "format": "date-time"}, _EXAMPLE_TIME, _moment)


def _a_cursor(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string", "minLength": 1, "maxLength": 500}, None, _cursor)


_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}

EMAIL = Parameter("email", "Only the customer with this email.", _TEXT, "aline@example.com", _email)
PHONE_NUMBER = Parameter(
    "phone_number", "Only the customer with this phone number.", _TEXT, "+250788123456", _phone_number
)
EXTERNAL_ID = Parameter("external_id", "Only the customer with this name of your own.", _TEXT, "crm-4711", _text)
CUSTOMER_STATUS = _choice("status", "Only customers in this status.", CustomerStatus)
CUSTOMER_ID = _identifier("customer_id", "Only what belongs to this customer.")
WALLET_ID = _identifier("wallet_id", "Only transactions that were to move money into or out of this wallet.")
CURRENCY = Parameter(
    "currency", "Only wallets in this ISO 4217 currency.", {"type": "string", "pattern": "^[A-Z]{3}$"}, "RWF", _currency
)
TRANSACTION_TYPE = _choice("type", "Only transactions of this type.", tuple(TRANSACTION_TYPES))
TRANSACTION_STATUS = _choice("status", "Only transactions in this status.", TransactionStatus)
REFERENCE = Parameter("reference", "Only transactions with this reference of yours.", _TEXT, "order-1001", _text)
FROM = _time("from", "Only transactions created at this time or later.")
TO = _time("to", "Only transactions created before this time.")
AT = _time("at", "The moment to look at; without it, now.")
DRY_RUN = Parameter(
    "dry_run",
    "Tell what would happen, and keep nothing. No key is needed.",
    {"type": "boolean", "default": False},
    None,
    _boolean,
)
LIMIT = Parameter(
    "limit",
    "How many items at most.",
    {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PageRequest().limit},
    None,
    _limit,
)
CURSOR = _a_cursor("cursor", "Where the page begins: the `next_cursor` of the page before.")
AFTER = _a_cursor("after", "Only events after this one: the `cursor` of the last event you have.")

PAGE: Final = (LIMIT, CURSOR)
