"""Rotation of the master key: data keys are wrapped with a new one, while processes go on.

    add a master key ─> wrap each data key with it ─> retire the earlier master keys

It can be interrupted anywhere. The next call completes it: while two master keys are not retired, none is added.
Data keys themselves do not change, so nothing that they encrypt is touched, and running processes go on with those they
have in memory.
"""

from __future__ import annotations

from typing import NamedTuple

from tekana.application.secrets.data_keys import context_of
from tekana.ports.data_keys import WrappedDataKeys
from tekana.ports.key_provider import RotatesMasterKeys


class Rotation(NamedTuple):
    """What was done: the id of the active master key, the number of data keys wrapped, the ids of those retired."""

    active: str
    wrapped: int
    retired: tuple[str, ...]


async def rotate_master_key(provider: RotatesMasterKeys, data_keys: WrappedDataKeys) -> Rotation:
    """Rotate the master key, or complete a rotation that was interrupted.

    Args:
        provider: the provider of the master keys.
        data_keys: the data keys of the store.

    Raises:
        Unavailable: the master keys or the store cannot be reached. Call it again.
        UnknownMasterKey: the data keys are those of another provider. Nothing was changed.
    """
    for record in await data_keys.list():  # nothing is changed at a provider with other master keys
        await provider.unwrap(record.wrapped, context_of(record.purpose, record.id))
    if len(await provider.master_keys()) == 1:
        await provider.add_master_key()
    wrapped = await _wrap_all(provider, data_keys)
    retired = await provider.retire_master_keys()
    # A process may have added a data key meanwhile, wrapped with the master key that was active when it began.
    wrapped += await _wrap_all(provider, data_keys)
    return Rotation((await provider.master_keys())[-1], wrapped, retired)


async def _wrap_all(provider: RotatesMasterKeys, data_keys: WrappedDataKeys) -> int:
    """Wrap each data key with the active master key, and return how many were not."""
    count = 0
    for record in await data_keys.list():
        if not await provider.is_active(record.wrapped):
            context = context_of(record.purpose, record.id)
            after = await provider.wrap(await provider.unwrap(record.wrapped, context), context)
            count += await data_keys.replace_wrapped(record.id, record.wrapped, after)
    return count
