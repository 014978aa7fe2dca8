"""The kinds of customers' wallets, and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from tekana.domain.caller import Caller, CallerKind
from tekana.domain.errors import WalletKindForbidden

WalletKind = Literal["personal", "merchant"]
"""`personal`: of a person, for themselves. `merchant`: of a business, which is paid for goods and services."""


class WalletKindRules(NamedTuple):
    """What wallets of a kind may do.

    Attributes:
        not_paid_by: the types of transactions that cannot pay into one.
        opened_by: the kinds of callers that may open one.
        gets_fee_shares: whether a fee schedule may pay shares of fees into one.
    """

    not_paid_by: frozenset[str]
    opened_by: frozenset[CallerKind]
    gets_fee_shares: bool


WALLET_KINDS: Final[Mapping[WalletKind, WalletKindRules]] = {
    "personal": WalletKindRules(
        not_paid_by=frozenset({"payment"}),
        opened_by=frozenset({"operator", "partner", "customer"}),
        gets_fee_shares=False,
    ),
    "merchant": WalletKindRules(
        not_paid_by=frozenset(), opened_by=frozenset({"operator", "partner"}), gets_fee_shares=True
    ),
}
"""Every kind of wallet, by its stored name."""


def require_may_open(caller: Caller, kind: WalletKind) -> None:
    """Raise WalletKindForbidden if a caller may not open wallets of a kind."""
    if caller.kind not in WALLET_KINDS[kind].opened_by:
        raise WalletKindForbidden(f"a {caller.kind} cannot open a {kind} wallet")


def require_may_set(caller: Caller) -> None:
    """Raise WalletKindForbidden if a caller may not change the kind of a wallet: operators may."""
    if caller.kind != "operator":
        raise WalletKindForbidden("the kind of a wallet is changed by operators only")
