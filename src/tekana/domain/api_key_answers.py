"""Answers to commands about API keys, as kept under idempotency keys: references to the keys as they are later."""

from __future__ import annotations

from dataclasses import dataclass

from tekana.domain.answer_reference import AnswerReference
from tekana.domain.api_keys import API_KEYS, ApiKey, api_key_not_found
from tekana.domain.errors import ApiKeyNotFound
from tekana.domain.identifiers import ApiKeyId
from tekana.domain.lock_set import Ref


@dataclass(frozen=True, slots=True)
class ConfiguredApiKey(AnswerReference):
    """Stands for the answer to a command about a key: the key without its hashes."""

    key_id: ApiKeyId

    @property
    def ref(self) -> Ref:
        return API_KEYS.ref(self.key_id)

    def resolve(self, item: object) -> ApiKey | ConfiguredApiKey:
        return item.without_hashes() if isinstance(item, ApiKey) else self

    def not_found(self) -> ApiKeyNotFound:
        return api_key_not_found(self.key_id)


def api_key_reference(key: ApiKey) -> ConfiguredApiKey:
    """Return what to keep under the idempotency key of a command with this answer."""
    return ConfiguredApiKey(key.id)
