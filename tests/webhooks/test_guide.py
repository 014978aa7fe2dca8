"""The guide's own code verifies what is sent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tekana.application.webhooks.attempt import REQUEST_TIMEOUT_SECONDS, RETRY_DELAYS
from tekana.application.webhooks.capacity import ENDPOINT_CONCURRENCY_MAX, RETRY_AFTER_MAX
from tekana.application.webhooks.signature import new_secret, signature_headers
from tekana.application.workers.webhook_dispatcher import DISABLE_AFTER, LOG_RETENTION

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "receive-webhooks.md").read_text("utf-8")
BODY = b'{"name":"\xc3\xa9"}'


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def cases() -> list[tuple[dict[str, str], bytes, str, bool]]:
    """Return headers, body, secret, and whether these are genuine."""
    secret, before, now = new_secret(), new_secret(), datetime.now(UTC)
    signed = signature_headers("a:1", now, BODY, (secret, before))
    return [
        (signed, BODY, secret, True),
        (signed, BODY, before, True),
        (signed, BODY, new_secret(), False),
        (signed, BODY + b" ", secret, False),
        ({**signed, "webhook-id": "a:2"}, BODY, secret, False),
        ({**signed, "webhook-timestamp": str(int(time.time()) + 1)}, BODY, secret, False),
        (signature_headers("a:1", now - timedelta(minutes=6), BODY, [secret]), BODY, secret, False),
    ]


def test_in_python() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - our own code
    for headers, body, secret, genuine in cases():
        assert names["is_genuine"](headers, body, secret) is genuine


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_in_javascript() -> None:
    given = [(headers, body.decode(), secret) for headers, body, secret, _ in cases()]
    program = f"{block('js')}\nconsole.log(JSON.stringify({json.dumps(given)}.map((one) => isGenuine(...one))))"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, True, False, False, False, False, False]


def test_the_figures_are_those_of_the_code() -> None:
    words = " ".join(GUIDE.split())
    hours = [delay.total_seconds() / 3600 for delay in RETRY_DELAYS[5:]]
    assert ", ".join(f"{one:g}" for one in hours[:-1]) + f" and {hours[-1]:g} hours" in words
    assert [delay.total_seconds() for delay in RETRY_DELAYS[:5]] == [5, 30, 120, 600, 1800]
    assert f"for {DISABLE_AFTER.days} days is **disabled**" in words
    assert f"Deliveries are kept for {LOG_RETENTION.days} days" in words
    assert f"within {REQUEST_TIMEOUT_SECONDS:g} seconds" in words
    assert f"up to {ENDPOINT_CONCURRENCY_MAX} at a time" in words
    assert f"at most {RETRY_AFTER_MAX.total_seconds() / 3600:g} hour" in words
