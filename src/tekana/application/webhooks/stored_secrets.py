"""The secrets of webhook endpoints that an earlier version stored readable: encrypted by a worker, and the way back."""

from __future__ import annotations

import logging
from typing import Final

from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.application.workers.worker import PeriodicWorker
from tekana.ports.webhook_endpoints import WebhookEndpoints

_log = logging.getLogger("tekana.webhooks")

_PAUSE_SECONDS: Final = 600.0  # until it looks again for what a process of an earlier version has stored meanwhile


def secrets_worker(endpoints: WebhookEndpoints, secrets: EndpointSecrets) -> PeriodicWorker:
    """Create the worker that encrypts readable secrets. Any number of processes may run it."""

    async def run_once() -> float:
        count = await encrypt_stored_secrets(endpoints, secrets)
        if count:
            _log.info("webhooks: the secrets of %d endpoints were encrypted", count)
        return _PAUSE_SECONDS

    return PeriodicWorker("webhook encryption", run_once)


async def encrypt_stored_secrets(endpoints: WebhookEndpoints, secrets: EndpointSecrets) -> int:
    """Encrypt the readable secrets of all endpoints, and return of how many.

    It can be interrupted anywhere and called again. An endpoint that is changed meanwhile is left to the next call.

    Raises:
        Unavailable: the store or the key provider cannot be reached.
    """
    readable = await endpoints.stored_secrets(encrypted=False)
    if readable:
        await secrets.load()
    return sum([await endpoints.replace_secrets(one, secrets.encrypt_stored(one)) for one in readable])


async def decrypt_stored_secrets(endpoints: WebhookEndpoints, secrets: EndpointSecrets) -> int:
    """Replace all encrypted secrets by readable ones, and return of how many endpoints: before a downgrade.

    No process may run meanwhile that encrypts them again.

    Raises:
        Unavailable: the store or the key provider cannot be reached.
        DamagedText: a secret was changed, or belongs to another endpoint.
    """
    encrypted = await endpoints.stored_secrets(encrypted=True)
    return sum([await endpoints.replace_secrets(one, await secrets.decrypt_stored(one)) for one in encrypted])
