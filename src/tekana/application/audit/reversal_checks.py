"""The check of reversals: each is the mirror image of its original, and together they are at most that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tekana.application.audit.snapshot import Snapshot
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.transaction import REVERSES, TRANSACTION_TYPES, ReversalDetails, Transaction


def reversal_breaches(snapshot: Snapshot) -> Iterator[str]:
    """Yield reversals that are not of a transaction, and transactions of which more was reversed than was moved."""
    transactions = {one.id: one for one in snapshot.transactions}
    amounts: Counter[TransactionId] = Counter()
    returned: dict[TransactionId, Counter[WalletId]] = {}
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
        for wallet_id, amount in sums.items():
            if amount * moved[wallet_id] > 0 or abs(amount) > abs(moved[wallet_id]):
                yield f"transaction {original_id}: moved {moved[wallet_id]} in wallet {wallet_id}, reversed {amount}"
        if amounts[original_id] > transactions[original_id].request.amount.minor:
            yield f"transaction {original_id}: {amounts[original_id]} of its amount was reversed"
    for original_id in {*amounts, *snapshot.reversed_amounts}:
        kept = snapshot.reversed_amounts.get(original_id, 0)
        if kept != amounts[original_id]:
            yield f"transaction {original_id}: {kept} counts as reversed, its reversals are of {amounts[original_id]}"


def _is_reversible(original: Transaction) -> bool:
    rules = TRANSACTION_TYPES.get(original.request.type)
    return rules is not None and rules.is_reversible and original.status == "posted"


def _sums(transaction: Transaction) -> Counter[WalletId]:
    """Return what a transaction moved in each wallet."""
    sums: Counter[WalletId] = Counter()
    for entry in transaction.entries:
        sums[entry.wallet_id] += entry.amount_minor
    return sums
