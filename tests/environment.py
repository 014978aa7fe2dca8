"""The environment of commands that tests start."""

from __future__ import annotations

import os

from tests.keys import KEY_FILE

KEY_PROVIDER = "TEKANA_KEY_PROVIDER_URL"


def environment(**variables: str) -> dict[str, str]:
    """Return the environment with `variables` and the key files of the test run, without other settings of tekana."""
    kept = {name: value for name, value in os.environ.items() if name == KEY_PROVIDER or not name.startswith("TEKANA_")}
    return kept | {"TEKANA_KEY_FILE": str(KEY_FILE)} | variables
