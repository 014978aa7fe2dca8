"""The check of reversals: each is the mirror image of its original, and together they are at most that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tekana.application.audit.snapshot import Snapshot
from tekana.domain.holds import Hold
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.transaction import REVERSES, TRANSACTION_TYPES, Direction, ReversalDetails, Transaction

_Side = tuple[WalletId, Direction]


def reversal_breaches(snapshot: Snapshot) -> Iterator[str]:
    """Yield reversals that are not of a transaction, and transactions of which more was reversed than was moved.

    What is held for the payer of a transaction counts with that.
    """
    transactions = {one.id: one for one in snapshot.transactions}
    amounts: Counter[TransactionId] = Counter()
    returned: dict[TransactionId, Counter[_Side]] = {}
    for one in snapshot.transactions:
        relation, details = one.request.relates_to, one.request.details
        if one.status != "posted" or one.request.type != "reversal":
            continue
        original = None if relation is None else transactions.get(relation.transaction_id)
        if original is None or relation is None or relation.kind != REVERSES or not _is_reversible(original):
            yield f"transaction {one.id}: reverses nothing that can be reversed"
            continue
        amounts[original.id] += details.of_original if isinstance(details, ReversalDetails) else 0
        returned.setdefault(original.id, Counter()).update(_sums(one))
    for original_id, sums in returned.items():
        moved = _sums(transactions[original_id])
        for (wallet_id, direction), amount in sums.items():
            most = moved[wallet_id, "debit" if direction == "credit" else "credit"]
            if amount > most:
                yield f"transaction {original_id}: moved {most} in wallet {wallet_id}, reversed {amount}"
        if amounts[original_id] > transactions[original_id].request.amount.minor:
            yield f"transaction {original_id}: {amounts[original_id]} of its amount was reversed"
    yield from _held_too_much(snapshot, transactions, amounts)
    for original_id in {*amounts, *snapshot.reversed_amounts}:
        kept = snapshot.reversed_amounts.get(original_id, 0)
        if kept != amounts[original_id]:
            yield f"transaction {original_id}: {kept} counts as reversed, its reversals are of {amounts[original_id]}"


def _held_too_much(
    snapshot: Snapshot, transactions: Mapping[TransactionId, Transaction], reversed_minor: Mapping[TransactionId, int]
) -> Iterator[str]:
    """Yield holds that are not for the payer of a transaction, and transactions that hold more than what is left."""
    held: Counter[TransactionId] = Counter()
    for hold in snapshot.holds().values():
        relation = hold.request.relates_to
        original = None if relation is None else transactions.get(relation.transaction_id)
        if original is not None and _is_mirrored(hold, original):
            held[original.id] += hold.state.captured_minor + hold.state.left_minor
        elif relation is not None:
            yield f"hold {hold.id}: is for the payer of nothing that can be reversed, or in other wallets"
    for original_id, amount in held.items():
        returned = reversed_minor[original_id]
        if returned + amount > transactions[original_id].request.amount.minor:
            yield f"transaction {original_id}: {returned} of its amount was reversed, {amount} is held for its payer"


def _is_mirrored(hold: Hold, original: Transaction) -> bool:
    """Return whether a hold is of what a transaction has moved, for the one who paid."""
    wallets = hold.request.to_wallet_id, hold.request.from_wallet_id
    return _is_reversible(original) and wallets == (original.request.from_wallet_id, original.request.to_wallet_id)


def _is_reversible(original: Transaction) -> bool:
    rules = TRANSACTION_TYPES.get(original.request.type)
    is_possible = rules is not None and rules.is_reversible and not original.request.gives_back
    return is_possible and original.status == "posted"


def _sums(transaction: Transaction) -> Counter[_Side]:
    """Return what a transaction moved into each wallet, and out of it: a fee goes out where the amount came in."""
    sums: Counter[_Side] = Counter()
    for entry in transaction.entries:
        sums[entry.wallet_id, entry.direction] += abs(entry.amount_minor)
    return sums
