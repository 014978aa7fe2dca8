"""Encryption of texts: what was encrypted comes back, in its place only, and shows nothing."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tekana.application.secrets.data_keys import DataKey
from tekana.application.secrets.encryption import DamagedText, decrypt, encrypt, is_encrypted, key_id_of
from tekana.ports.data_keys import DataKeyId


def new_key(purpose: str = "a purpose") -> DataKey:
    return DataKey(DataKeyId(uuid7()), purpose, secrets.token_bytes(32))


KEY = new_key()


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_comes_back(text: str, context: str) -> None:
    encrypted = encrypt(KEY, text, context)
    assert decrypt(KEY, encrypted, context) == text
    assert (is_encrypted(encrypted), key_id_of(encrypted), encrypted.isascii()) == (True, KEY.id, True)
    assert len(text) < 4 or text not in encrypted
    assert encrypt(KEY, text, context) != encrypted


def test_it_is_refused_in_another_place_and_with_another_key() -> None:
    encrypted = encrypt(KEY, "a text", "table 1 column")
    for key, context in (
        (KEY, "table 2 column"),
        (new_key(), "table 1 column"),
        (DataKey(KEY.id, "another purpose", KEY.value), "table 1 column"),
        (DataKey(KEY.id, KEY.purpose, secrets.token_bytes(32)), "table 1 column"),
    ):
        with pytest.raises(DamagedText, match="was changed, or belongs to another place"):
            decrypt(key, encrypted, context)


@pytest.mark.parametrize("text", ["", "a", "a text", "whsec_" + "A" * 44])
def test_every_change_is_refused(text: str) -> None:
    encrypted = encrypt(KEY, text, "a place")
    changed = [
        encrypted[:index] + ("A" if one != "A" else "B") + encrypted[index + 1 :] for index, one in enumerate(encrypted)
    ]
    for one in (
        *changed,
        "",
        encrypted[:-1],
        encrypted + "A",
        encrypted + "=",
        encrypted * 2,
        f" {encrypted}",
        "enc1..",
    ):
        with pytest.raises(DamagedText):
            decrypt(KEY, one, "a place")


def test_the_error_shows_neither_text_nor_key() -> None:
    encrypted = encrypt(KEY, "a secret text", "a place")
    with pytest.raises(DamagedText) as refused:
        decrypt(KEY, encrypted, "another place")
    assert not any(one in repr(refused.value) for one in ("secret", encrypted[50:], KEY.value.hex()))
