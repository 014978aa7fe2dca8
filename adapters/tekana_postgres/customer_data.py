"""Customers' personal data in the table `customer_details`, and in the answers under idempotency keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.customer import Contact, Customer
from tekana.domain.identifiers import CustomerId
from tekana.ports.data_keys import DataKeyId
from tekana_postgres.history import History
from tekana_postgres.rows import Row, customer_of

INDEX_COLUMNS: Final = {
    "email": "email_index",
    "phone_number": "phone_number_index",
    "external_id": "external_id_index",
}
"""The column with the blind index of each kind of contact."""

_KEYS = "SELECT id, key FROM customer_details WHERE id = ANY($1) AND key IS NOT NULL"


class DetailsRow(NamedTuple):
    """A row of `customer_details`. Its fields are the columns."""

    id: CustomerId
    key: str | None
    details: str | None
    index_key_id: DataKeyId | None
    email_index: bytes | None
    phone_number_index: bytes | None
    external_id_index: bytes | None
    closed: bool
    version: int
    tenant: str


async def details_row(vault: CustomerVault, customer: Customer, key: str | None = None) -> DetailsRow:
    """Encrypt the personal data of a customer with their key, or with a new one."""
    key = key or await vault.new_key(customer.id)
    indexes = {contact.field: await vault.index(contact) for contact in customer.contacts}
    return DetailsRow(
        customer.id,
        key,
        await vault.encrypt_details(key, customer),
        await vault.index_key_id(),
        indexes.get("email"),
        indexes.get("phone_number"),
        indexes.get("external_id"),
        customer.status == "closed",
        customer.version,
        customer.tenant,
    )


async def whole_customer(vault: CustomerVault, row: Row) -> Customer:
    """Read a row of `customers` joined with `customer_details`: `key` and `details` are NULL after an erasure."""
    customer = customer_of(row)
    if row["key"] is None or row["details"] is None:
        return customer
    return await vault.decrypt_details(row["key"], customer, row["details"])


async def indexes_of(vault: CustomerVault, contacts: Iterable[Contact]) -> Mapping[bytes, Contact]:
    """Return the contacts by their blind indexes."""
    return {await vault.index(contact): contact for contact in contacts}


async def with_encrypted_answers(
    connection: asyncpg.Connection,
    vault: CustomerVault,
    history: History,
    answers: Sequence[tuple[str, CustomerId, str]],
) -> History:
    """Add answers with customers' data to the history, encrypted with their keys, which are read on the connection.

    An answer about a customer who was erased before has no personal data, and becomes part of the row of its key.

    Args:
        connection: a connection, in the transaction that has saved new customers.
        vault: encrypts.
        history: what the unit of work adds.
        answers: the digest of a key, the customer whose data the answer holds, and the answer.
    """
    if not answers:
        return history
    keys = await customer_keys(connection, {customer_id for _, customer_id, _ in answers})
    encrypted: list[tuple[Any, ...]] = []
    readable: dict[str, str] = {}
    for digest, customer_id, answer in answers:
        if customer_id in keys:
            text = await vault.encrypt_text(keys[customer_id], customer_id, answer, answer_place(digest))
            encrypted.append((digest, customer_id.hex, text))
        else:
            readable[digest] = answer
    rows = [(*row[:-1], readable.get(row[0], row[-1])) for row in history.keys] if readable else history.keys
    return history._replace(keys=rows, customer_answers=encrypted)


async def customer_keys(connection: asyncpg.Connection, ids: Collection[CustomerId]) -> Mapping[CustomerId, str]:
    """Return the encrypted keys of those of the customers who were not erased."""
    return {row["id"]: row["key"] for row in await connection.fetch(_KEYS, list(ids))}


def answer_place(digest: str) -> str:
    """Return the place of an encrypted answer, which is authenticated with it."""
    return f"customer_answers {digest}"
