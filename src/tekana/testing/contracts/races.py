"""How long, and how hard, holds, reversals, limits and quotes are raced for."""

import os
from typing import Final

ROUNDS: Final = int(os.environ.get("TEKANA_TEST_RACE_ROUNDS", "5"))
"""How often a race is run."""

CONTESTANTS: Final = 32
"""How many commands come at once."""
