"""Deciding a group on its Book: pure, each command in turn, an atomic batch all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import cast

import msgspec

from tekana.application.commands.batch import AnyMoneyCommand
from tekana.application.commands.command import MoneyCommand
from tekana.application.engine.command_queue import Envelope, Outcome, QueuedBatch, QueuedCommand
from tekana.domain.book import Answer, BatchRecord, Book, LockSet
from tekana.domain.customer import Contact
from tekana.domain.errors import IdempotencyKeyReused, Refused, RolledBack
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.transaction import Transaction
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def fingerprint(asked: object) -> int:
    """64 bits (signed) that tell what was asked from anything else: a hash of what was decoded, not of the bytes."""
    return int.from_bytes(blake2b(_encode([type(asked).__name__, asked]), digest_size=8).digest(), signed=True)


def key_reused() -> IdempotencyKeyReused:
    """The refusal of a request whose key led to something else."""
    return IdempotencyKeyReused("this idempotency key was used before, for another request")


def all_keys(group: Sequence[QueuedCommand]) -> set[IdempotencyKey]:
    """The keys of a group's commands, and of the batches that they belong to."""
    return {one.key for one in group} | {one.batch.key for one in group if one.batch is not None}


def all_locks(group: Sequence[QueuedCommand]) -> LockSet:
    """Everything that a group needs locked."""
    wallets: set[WalletId] = set()
    customers: set[CustomerId] = set()
    contacts: set[Contact] = set()
    for one in group:
        touched = one.envelope.command.locks()
        wallets.update(touched.wallets)
        customers.update(touched.customers)
        contacts.update(touched.contacts)
    return LockSet(tuple(wallets), tuple(customers), tuple(contacts))


def decide_group(
    group: Sequence[QueuedCommand], known: Mapping[IdempotencyKey, IdempotencyRecord], book: Book
) -> dict[IdempotencyKey, IdempotencyRecord]:
    """Decide whatever has not been decided before; gives what every new key leads to.

    A batch whose key was used for something else is left out whole.
    """
    new: dict[IdempotencyKey, IdempotencyRecord] = {}
    for batch, members in groupby(group, key=attrgetter("batch")):
        if batch is None:
            for one in members:
                if one.key not in new:  # the same key twice in one group: the second is a replay
                    new[one.key] = IdempotencyRecord(one.fingerprint, decide(one.envelope, book))
        else:
            _decide_batch(batch, list(members), known, new, book)
    return new


def decide(envelope: Envelope, book: Book) -> Answer:
    """Decide one command. A refusal is an answer, too: for money, a rejected transaction."""
    book.caller = envelope.caller
    book.request_id = envelope.request_id
    try:
        return envelope.command.decide(book)
    except Refused as refusal:
        if isinstance(envelope.command, MoneyCommand):
            return book.reject(envelope.command.to_request(), refusal)
        return book.rejection(refusal)


def _decide_batch(
    asked: QueuedBatch,
    members: list[QueuedCommand],
    known: Mapping[IdempotencyKey, IdempotencyRecord],
    new: dict[IdempotencyKey, IdempotencyRecord],
    book: Book,
) -> None:
    about = BatchRecord(asked.batch.mode, len(asked.batch.transactions))
    claimed = known.get(asked.key) or new.setdefault(asked.key, IdempotencyRecord(asked.fingerprint, about))
    members = [one for one in members if one.key not in new]  # none are left if the batch is in the group twice
    if claimed.fingerprint != asked.fingerprint or not members:
        return
    answers: Iterable[Answer]
    if about.mode == "atomic":
        book.caller, book.request_id = asked.key.caller, members[0].envelope.request_id
        answers = _decide_all_or_none(asked.batch.transactions, book)
    else:
        answers = [decide(one.envelope, book) for one in members]
    for one, answer in zip(members, answers, strict=True):
        new[one.key] = IdempotencyRecord(one.fingerprint, answer)


def _decide_all_or_none(movements: Sequence[AnyMoneyCommand], book: Book) -> list[Transaction]:
    """Post all; or keep all as rejected, the one that was refused with its reason, the others as rolled back."""
    savepoint = book.savepoint({wallet_id for one in movements for wallet_id in one.locks().wallets})
    posted: list[Transaction] = []
    try:
        for one in movements:
            posted.append(one.decide(book))  # noqa: PERF401 - how far it came tells which one was refused
    except Refused as refusal:
        book.rollback_to(savepoint)
        failed = len(posted)
        others = RolledBack(f"transactions[{failed}] was refused, so nothing of the batch was done")
        return [
            book.reject(one.to_request(), refusal if index == failed else others) for index, one in enumerate(movements)
        ]
    return posted


def outcome_of(
    one: QueuedCommand, known: Mapping[IdempotencyKey, IdempotencyRecord], seen: set[IdempotencyKey]
) -> Outcome | Refused:
    """What came of one command of a group; a key that was `seen` before makes it a replay."""
    whole = one.batch or one
    if known[whole.key].fingerprint != whole.fingerprint:
        return key_reused()
    replayed = one.key in seen
    seen.add(one.key)
    return Outcome(cast("Answer", known[one.key].answer), replayed)  # to the same command: the fingerprint says so
