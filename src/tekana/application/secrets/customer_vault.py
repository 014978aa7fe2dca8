"""Customers' personal data, encrypted: each customer has a key of their own, without which nothing of it is readable.

    master key ─> data key `customers` ─> the customer's key ─> their details, and the answers with their data

A contact is found, and is unique, by its blind index: a keyed hash (HMAC-SHA256) with the data key `contact-index`,
which reveals nothing without the key but whether two contacts are equal.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from tekana.application.secrets.data_keys import DataKey, DataKeys
from tekana.application.secrets.encryption import DamagedText, decrypt, encrypt, key_id_of
from tekana.domain.customer import Contact, Customer
from tekana.domain.errors import KeyUnavailable, Unavailable
from tekana.domain.identifiers import CustomerId
from tekana.ports.data_keys import DataKeyId

_log = logging.getLogger("tekana.secrets")

CUSTOMERS: Final = "customers"
"""The purpose of the data key that encrypts customers' keys."""

_CONTACT_INDEX: Final = "contact-index"
_KEY_BYTES: Final = 32
_LOG_INTERVAL_SECONDS: Final = 10.0

PERSONAL_FIELDS: Final = ("full_name", "email", "phone_number", "external_id", "metadata", "suspension_reason")
"""The fields of a customer that are encrypted: those that identify a person, and free text about them."""


class CustomerVault:
    """Encrypts and decrypts customers' personal data.

    Every method raises KeyUnavailable if a data key is not in memory, and the key provider cannot be reached; and
    DamagedText if what is decrypted was changed, or belongs to another customer.

    Args:
        data_keys: returns the data keys. Called when one is first needed.
    """

    def __init__(self, data_keys: Callable[[], DataKeys]) -> None:
        self._data_keys = data_keys
        self._quiet_until = 0.0

    async def new_key(self, customer_id: CustomerId) -> str:
        """Return a new key of a customer, encrypted, to be stored."""
        key = b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
        return encrypt(await self._latest(), key, _key_context(customer_id))

    async def wrap_again(self, key: str, customer_id: CustomerId) -> str:
        """Encrypt a customer's key with the current data key. Return it as it is if that is done already."""
        current = await self._latest()
        if key_id_of(key) == current.id:
            return key
        value = (await self._key(key, customer_id)).value
        return encrypt(current, b64encode(value).decode(), _key_context(customer_id))

    @property
    def data_keys(self) -> DataKeys:
        """The data keys."""
        return self._data_keys()

    async def encrypt_details(self, key: str, customer: Customer) -> str:
        """Encrypt the personal data of a customer with their key, as `new_key` returned it."""
        values = [getattr(customer, name) for name in PERSONAL_FIELDS]
        return await self.encrypt_text(key, customer.id, msgspec.json.encode(values).decode(), "details")

    async def decrypt_details(self, key: str, customer: Customer, details: str) -> Customer:
        """Return the customer with their personal data."""
        values: list[Any] = msgspec.json.decode(await self.decrypt_text(key, customer.id, details, "details"))
        return replace(customer, **dict(zip(PERSONAL_FIELDS, values, strict=True)))

    async def encrypt_text(self, key: str, customer_id: CustomerId, text: str, place: str) -> str:
        """Encrypt a text with a customer's key. `place` is where it is stored; it is authenticated."""
        return encrypt(await self._key(key, customer_id), text, place)

    async def decrypt_text(self, key: str, customer_id: CustomerId, encrypted: str, place: str) -> str:
        """Decrypt a text with a customer's key."""
        try:
            return decrypt(await self._key(key, customer_id), encrypted, place)
        except DamagedText as error:
            raise DamagedText(f"customer {customer_id}: {error}") from None

    async def index_key_id(self) -> DataKeyId:
        """Return the id of the data key of blind indexes."""
        return (await self._current(_CONTACT_INDEX)).id

    async def index(self, contact: Contact) -> bytes:
        """Return the blind index of a contact."""
        key = await self._current(_CONTACT_INDEX)
        return hmac.digest(key.value, f"{contact.field}\0{contact.value}".encode(), hashlib.sha256)

    async def _current(self, purpose: str) -> DataKey:
        try:
            return await self._data_keys().current(purpose)
        except Unavailable as error:
            raise self._unavailable(error) from error

    async def _latest(self) -> DataKey:
        try:
            return await self._data_keys().latest(CUSTOMERS)
        except Unavailable as error:
            raise self._unavailable(error) from error

    async def _key(self, key: str, customer_id: CustomerId) -> DataKey:
        try:
            data_key = await self._data_keys().get(CUSTOMERS, key_id_of(key))
        except Unavailable as error:
            raise self._unavailable(error) from error
        value = b64decode(decrypt(data_key, key, _key_context(customer_id)))
        return DataKey(DataKeyId(customer_id), "customer", value)

    def _unavailable(self, cause: Unavailable) -> KeyUnavailable:
        """Build the error for callers, and log the cause, which is for operators, at most once in an interval."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_INTERVAL_SECONDS
            _log.warning("the keys of personal data cannot be reached now: %s", cause)
        return KeyUnavailable("personal data cannot be read or written now: their keys cannot be reached")


def _key_context(customer_id: CustomerId) -> str:
    return f"customer_details {customer_id} key"
