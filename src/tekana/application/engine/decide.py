"""Decide a group of commands on its Book: pure, each command in turn, an atomic batch all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from tekana.application.commands.batch import Batch
from tekana.application.commands.command import (
    ChargedCommand,
    Command,
    ExtendingCommand,
    MoneyCommand,
    decide_audited,
    record_refusal,
)
from tekana.application.engine.approvals import batch_error, request_approval
from tekana.application.engine.command_queue import QueuedBatch, QueuedCommand
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.domain.answer_reference import AnswerReference
from tekana.domain.answers import Answer, BatchMode, BatchRecord
from tekana.domain.book import Book
from tekana.domain.errors import IdempotencyKeyReused, InvalidRequest, Refused, RolledBack
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet, merge
from tekana.domain.quotes import QUOTES
from tekana.domain.transaction import Transaction
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def fingerprint(name: str, asked: object) -> int:
    """Return 64 bits (signed) that identify what was asked: a hash of what was decoded, not of the bytes.

    Args:
        name: the stable name of the command.
        asked: the command, or another value that can be encoded. One that is older than this rule has the method
            `fingerprinted`, which returns what its fingerprints are made of.
    """
    fingerprinted = getattr(asked, "fingerprinted", None)
    if fingerprinted is not None:
        name, asked = fingerprinted()
    return _hash_of([name, asked])


def fingerprint_under(key: IdempotencyKey, asked: Command[Answer] | Batch) -> int:
    """Return the fingerprint of a request under a key, as it is kept.

    That of a request with personal data also depends on the text of the key, which is not kept: otherwise a phone
    number could be found out by trying all of them, as the other parts of the request are in other tables.
    """
    if has_personal_data(asked):
        return _hash_of([asked.NAME, asked, key.key])
    return fingerprint(asked.NAME, asked)


def has_personal_data(asked: object) -> bool:
    """Return whether a command, or one of a batch, names a person or has free text about them."""
    return getattr(asked, "has_personal_data", False)


def _hash_of(parts: Sequence[object]) -> int:
    return int.from_bytes(blake2b(_encode(parts), digest_size=8).digest(), signed=True)


def is_of(record: IdempotencyRecord, asked: QueuedCommand | QueuedBatch) -> bool:
    """Return whether a record under the key of a request is of this request, and not of another one."""
    if record.fingerprint == asked.fingerprint:
        return True
    about = asked.batch if isinstance(asked, QueuedBatch) else asked.envelope.command
    # Release 0.1 kept all fingerprints without the text of the key.
    return has_personal_data(about) and record.fingerprint == fingerprint(about.NAME, about)


def key_reused() -> IdempotencyKeyReused:
    """Build the refusal of a request whose key was used for something else."""
    return IdempotencyKeyReused("this idempotency key was used before, for another request")


def all_keys(group: Sequence[QueuedCommand]) -> set[IdempotencyKey]:
    """Return the keys of a group's commands, and of the batches that they belong to."""
    return {one.key for one in group} | {one.batch.key for one in group if one.batch is not None}


def all_locks(group: Sequence[QueuedCommand], stripe: int) -> LockSet:
    """Return everything that a group needs locked."""
    return merge((one.envelope.command.locks() for one in group), stripe)


def with_further_locks(
    commands: Sequence[Command[Answer]], locks: LockSet, locked: LockedState, stripe: int
) -> LockSet | None:
    """Return a lock set with what the commands need besides, as the locked items show; None if that is nothing.

    The usage of limits is in a customer's first wallet, so another one needs that; and a fee needs the wallets that it
    is paid into.

    To be called again with what it returned and what that locked: a wallet leads to its customer, say, and the customer
    to something else.
    """
    sharing = {one.usage_wallet_id for one in locked.wallets.values()} - locked.wallets.keys() - {None}
    extends = any(map(is_extending, set(map(type, commands))))
    has_fees = bool(locked.terms.fees or locked.others.get(QUOTES.name))
    if not extends and not sharing and not has_fees:  # as in most groups
        return None
    extending: Any = [one for one in commands if extends and is_extending(type(one))]
    further = [one.further_locks(locked) for one in extending]
    if has_fees:
        charged: Any = [one for one in commands if is_charged(type(one))]
        further += [one.fee_locks(locked) for one in charged]
    further = [one for one in further if one != NO_LOCKS]
    if sharing:
        further.append(LockSet(tuple(one for one in sharing if one is not None)))
    if not further:
        return None
    more = merge([locks, *further], stripe)
    return more if len(more.wallets) + len(more.others) > len(locks.wallets) + len(locks.others) else None


@cache
def is_extending(kind: type[Command[Answer]]) -> bool:
    """Return whether commands of a class are ExtendingCommands. Remembered, as it is asked for every group."""
    return hasattr(kind, ExtendingCommand.further_locks.__name__)


@cache
def is_charged(kind: type[Command[Answer]]) -> bool:
    """Return whether commands of a class are ChargedCommands."""
    return hasattr(kind, ChargedCommand.fee_locks.__name__)


class Decided(NamedTuple):
    """What deciding a group led to.

    records: the record of every new key.
    invalid: the errors of the commands that turned out to be invalid, by the commands' identity. Nothing is kept of
        these commands.
    """

    records: dict[IdempotencyKey, IdempotencyRecord]
    invalid: dict[int, InvalidRequest]


def decide_group(
    group: Sequence[QueuedCommand], known: Mapping[IdempotencyKey, IdempotencyRecord], book: Book
) -> Decided:
    """Decide what has not been decided before.

    A batch whose key was used for something else is left out whole.
    """
    decided = Decided({}, {})
    for batch, members in groupby(group, key=attrgetter("batch")):
        if batch is None:
            for one in members:
                if one.key not in decided.records:  # the same key twice in one group: the second is a replay
                    _decide_single(one, decided, book)
        else:
            _decide_batch(batch, list(members), known, decided, book)
    return decided


def _decide_single(one: QueuedCommand, decided: Decided, book: Book) -> None:
    happened = len(book.outbox)
    try:
        decided.records[one.key] = IdempotencyRecord(one.fingerprint, decide(one.envelope, book))
    except InvalidRequest as error:
        if len(book.outbox) > happened:  # it changed something before: the group must not be saved with that
            raise
        decided.invalid[id(one)] = error


def decide(envelope: Envelope, book: Book) -> Answer:
    """Decide one command, or have its approval asked for if it needs one.

    A refusal is an answer, too: for money, a rejected transaction.

    Raises:
        InvalidRequest: the command turned out to be invalid.
        TypeError: the command posted a transaction that is not its answer: a key would not lead to it.
    """
    _begin(envelope, book)
    if envelope.command.NAME in book.approval_rules.commands:
        return request_approval(envelope.command, book)
    return _decide_now(envelope.command, book)


def _begin(envelope: Envelope, book: Book) -> None:
    """Have the Book record what follows as what the sender of the envelope does."""
    book.caller = envelope.caller
    book.request_id = envelope.request_id
    book.address = envelope.address


def _decide_now(command: Command[Answer], book: Book) -> Answer:
    decided = len(book.outbox)
    try:
        answer = decide_audited(command, book) if command.AUDITED else command.decide(book)
    except Refused as refusal:
        return record_refusal(command, refusal, book)
    _require_one_transaction(command, answer, book, decided)
    return answer


def _require_one_transaction(command: Command[Answer], answer: Answer, book: Book, decided: int) -> None:
    if len(book.outbox) == decided + 1 and book.outbox[decided] is answer:  # as after most commands
        return
    for one in book.outbox[decided:]:
        if isinstance(one, Transaction) and one is not answer:
            raise TypeError(f"{command.NAME} posted a transaction that is not its answer: give each one a command")


def _decide_batch(
    asked: QueuedBatch,
    members: list[QueuedCommand],
    known: Mapping[IdempotencyKey, IdempotencyRecord],
    decided: Decided,
    book: Book,
) -> None:
    new = decided.records
    if asked.key not in known and asked.key not in new:
        error = batch_error(asked.batch.transactions, book.approval_rules)
        if error is not None:
            decided.invalid.update((id(one), error) for one in members)
            return
    about = BatchRecord(asked.batch.mode, len(asked.batch.transactions))
    claimed = known.get(asked.key) or new.setdefault(asked.key, IdempotencyRecord(asked.fingerprint, about))
    members = [one for one in members if one.key not in new]  # none are left if the batch is in the group twice
    if not is_of(claimed, asked) or not members:
        return
    _begin(members[0].envelope, book)  # all members have the same sender
    answers = _decide_members(about.mode, [one.envelope.command for one in members], book)
    for one, answer in zip(members, answers, strict=True):
        new[one.key] = IdempotencyRecord(one.fingerprint, answer)


def decide_batch(batch: Batch, book: Book) -> Sequence[Answer]:
    """Decide all commands of a batch as the Book's caller, and return their answers.

    Raises:
        InvalidRequest: a command needs the approval of a second person.
    """
    error = batch_error(batch.transactions, book.approval_rules)
    if error is not None:
        raise error
    return _decide_members(batch.mode, batch.transactions, book)


def _decide_members(mode: BatchMode, commands: Sequence[Any], book: Book) -> Sequence[Answer]:
    if mode == "atomic":
        return _decide_all_or_none(commands, book)
    return [_decide_now(one, book) for one in commands]


def _decide_all_or_none(commands: Sequence[MoneyCommand], book: Book) -> Sequence[Answer]:
    """Post all; or keep all as rejected, the one that was refused with its reason, the others as rolled back."""
    savepoint = book.savepoint(_wallets_to_restore(commands, book))
    posted: list[Answer] = []
    try:
        for one in commands:
            answer = decide_audited(one, book) if one.AUDITED else one.decide(book)
            posted.append(answer)  # how many were posted is which one was refused
    except Refused as refusal:
        book.rollback_to(savepoint)
        failed = len(posted)
        others = RolledBack(f"transactions[{failed}] was refused, so nothing of the batch was done")
        return [record_refusal(one, refusal if index == failed else others, book) for index, one in enumerate(commands)]
    return posted


def _wallets_to_restore(commands: Sequence[MoneyCommand], book: Book) -> Iterable[WalletId]:
    """Return the wallets that the commands may change: those that they name, or all, if other items lead to some."""
    locks = merge((one.locks() for one in commands), book.stripe)
    only_named = not (locks.others or book.locked.terms.fees or any(is_extending(type(one)) for one in commands))
    return locks.wallets if only_named else book.locked.wallets


def outcome_of(
    one: QueuedCommand, known: Mapping[IdempotencyKey, IdempotencyRecord], seen: set[IdempotencyKey]
) -> Outcome | Refused:
    """Return the outcome of one command of a group; a key that was `seen` before makes it a replay."""
    whole = one.batch or one
    if not is_of(known[whole.key], whole):
        return key_reused()
    replayed = one.key in seen
    seen.add(one.key)
    answer = known[one.key].answer
    if isinstance(answer, AnswerReference):  # what it stands for is gone
        return answer.not_found()
    return Outcome(answer, replayed)
