"""Put the folders of the examples on the path while their tests run, as they are not installed."""

import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

for _folder in (EXAMPLES, EXAMPLES / "bring_your_own_store"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
