"""The secrets of webhook endpoints, encrypted at rest: with the data key `webhook-secrets`, for their endpoint only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tekana.application.secrets.data_keys import DataKeys
from tekana.application.secrets.encryption import decrypt, encrypt, key_id_of
from tekana.application.webhooks.signature import new_secret
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.webhook_endpoints import ENCRYPTED, StoredSecrets

PURPOSE: Final = "webhook-secrets"


class EndpointSecrets:
    """Encrypts and decrypts the secrets of webhook endpoints.

    A secret that an earlier version stored is readable until it is encrypted (see `encrypt_stored`), and used as it is.

    Args:
        data_keys: returns the data keys. Called when a secret is first needed.
    """

    def __init__(self, data_keys: Callable[[], DataKeys]) -> None:
        self._data_keys = data_keys

    async def load(self) -> None:
        """Load what `new` needs. No I/O once it is in memory.

        Raises:
            Unavailable: the key provider cannot be reached.
        """
        await self._data_keys().current(PURPOSE)

    def new(self, endpoint_id: WebhookEndpointId) -> str:
        """Return a random secret of an endpoint, encrypted.

        Raises:
            Unavailable: `load` did not succeed yet.
        """
        return self._encrypt(new_secret(), endpoint_id)

    async def decrypted(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Return the endpoint with readable secrets.

        Raises:
            Unavailable: a data key is not in memory, and the key provider cannot be reached.
            DamagedText: a secret was changed, or belongs to another endpoint.
        """
        stored = await self.decrypt_stored(StoredSecrets(endpoint.id, endpoint.secret, endpoint.previous_secret))
        return replace(endpoint, secret=stored.secret, previous_secret=stored.previous_secret)

    def encrypt_stored(self, stored: StoredSecrets) -> StoredSecrets:
        """Return the secrets of an endpoint, encrypted. Those that are encrypted already are returned as they are.

        Raises:
            Unavailable: `load` did not succeed yet.
        """
        previous = stored.previous_secret
        encrypted = None if previous is None else self._encrypt(previous, stored.endpoint_id)
        return StoredSecrets(stored.endpoint_id, self._encrypt(stored.secret, stored.endpoint_id), encrypted)

    async def decrypt_stored(self, stored: StoredSecrets) -> StoredSecrets:
        """Return the secrets of an endpoint, readable. Raises as `decrypted` does."""
        secret = await self._decrypt(stored.secret, stored.endpoint_id)
        previous = stored.previous_secret
        decrypted = None if previous is None else await self._decrypt(previous, stored.endpoint_id)
        return StoredSecrets(stored.endpoint_id, secret, decrypted)

    def _encrypt(self, text: str, endpoint_id: WebhookEndpointId) -> str:
        if text.startswith(ENCRYPTED):
            return text
        return ENCRYPTED + encrypt(self._data_keys().loaded(PURPOSE), text, _context(endpoint_id))

    async def _decrypt(self, text: str, endpoint_id: WebhookEndpointId) -> str:
        if not text.startswith(ENCRYPTED):
            return text
        encrypted = text.removeprefix(ENCRYPTED)
        key = await self._data_keys().get(PURPOSE, key_id_of(encrypted))
        return decrypt(key, encrypted, _context(endpoint_id))


def _context(endpoint_id: WebhookEndpointId) -> str:
    return f"webhook_endpoints {endpoint_id} secret"
