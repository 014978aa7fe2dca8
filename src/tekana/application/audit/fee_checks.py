"""The check of fees: the entries of a transaction with a charge are its amount and its charge, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tekana.application.audit.snapshot import Snapshot
from tekana.domain.fees import Charge
from tekana.domain.identifiers import WalletId, house_role
from tekana.domain.transaction import TRANSACTION_TYPES, ExchangeDetails, ReversalDetails, TransactionRequest


def fee_breaches(snapshot: Snapshot) -> Iterator[str]:
    """Yield transactions with a charge whose wallets got something else than the amount and the charge say.

    House wallets are named by their roles. What went through the exchange wallets follows from the rest, as entries sum
    to zero.
    """
    for one in snapshot.transactions:
        charge = one.request.charge
        if charge is None:
            continue
        rules = TRANSACTION_TYPES.get(one.request.type)
        may_cost = rules is not None and rules.fee_payers and not one.request.gives_back
        is_charged = one.request.type == "reversal" or may_cost
        if one.status != "posted" or not is_charged:
            yield f"transaction {one.id}: a {one.status} {one.request.type} with a fee"
        posted: Counter[str] = Counter()
        for entry in one.entries:
            posted[_name(entry.wallet_id)] += entry.amount_minor
        expected = _expected(one.request, charge)
        for wallet in posted.keys() | expected.keys():
            if wallet != "exchange" and posted[wallet] != expected[wallet]:
                yield (
                    f"transaction {one.id}: {posted[wallet]} in wallet {wallet}, where its amount and its fee are "
                    f"{expected[wallet]}"
                )


def _expected(request: TransactionRequest, charge: Charge) -> Counter[str]:
    """Return what each wallet should have got. A reversal gives back: the one who was paid pays."""
    payer, payee, amount, details = request.from_wallet_id, request.to_wallet_id, request.amount.minor, request.details
    sign, paid, received = 1, amount, amount
    if isinstance(details, ExchangeDetails):
        received = details.received
    if isinstance(details, ReversalDetails):
        sign, payer, payee, paid = -1, payee, payer, details.of_original
    expected: Counter[str] = Counter()
    expected[_name(payer)] -= sign * paid
    expected[_name(payee)] += sign * received
    expected[_name(payer if charge.paid_by == "payer" else payee)] -= sign * charge.total
    expected["fees"] += sign * charge.operators_part
    expected["taxes"] += sign * charge.tax
    for wallet_id, share in charge.shares:
        expected[_name(wallet_id)] += sign * share
    return expected


def _name(wallet_id: WalletId) -> str:
    return house_role(wallet_id) or str(wallet_id)
