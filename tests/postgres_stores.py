"""Stores on PostgreSQL, with the key file of the run, which the commands that tests start use too."""

from __future__ import annotations

import os
from typing import Any

from tekana_keyfile import KeyFile
from tekana_postgres import PostgresStore


def key_file() -> KeyFile:
    """Return the key provider of the run: see the fixture `key_folder`."""
    return KeyFile(os.environ["TEKANA_KEY_PROVIDER_URL"])


def postgres_store(url: str, **options: Any) -> PostgresStore:
    """Return a store that is not started. The options are those of PostgresStore."""
    return PostgresStore(url, **{"key_provider": key_file, **options})
