"""Identifiers: UUIDv7, with a separate range for house wallets."""

from itertools import product

import pytest
from uuid_utils.compat import uuid7

from tekana import Currency, WalletId, house_wallet_id
from tekana.domain.identifiers import HOUSE_ROLES, is_house_wallet
from tekana.domain.iso4217 import EXPONENTS


def test_every_house_wallet_has_a_unique_id() -> None:
    ids = [house_wallet_id(role, Currency(code)) for role, code in product(HOUSE_ROLES, EXPONENTS)]
    assert len(set(ids)) == len(HOUSE_ROLES) * len(EXPONENTS)
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert all(map(is_house_wallet, ids))


def test_ids_of_house_wallets_never_change() -> None:
    assert str(house_wallet_id("settlement", Currency("RWF"))) == "00000000-0000-7001-8000-000000525746"
    assert str(house_wallet_id("fees", Currency("USD"))) == "00000000-0000-7002-8000-000000555344"
    assert str(house_wallet_id("exchange", Currency("KWD"))) == "00000000-0000-7003-8000-0000004b5744"
    assert str(house_wallet_id("suspense", Currency("CZK"))) == "00000000-0000-7004-8000-000000435a4b"


def test_new_ids_are_never_ids_of_house_wallets() -> None:
    for _ in range(100):
        assert not is_house_wallet(WalletId(uuid7()))


def test_new_ids_sort_by_creation_time() -> None:
    ids = [uuid7() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        house_wallet_id("vault", Currency("RWF"))  # type: ignore[arg-type]
