"""Sends generated requests to a running server, with schemathesis, and checks each answer with the OpenAPI document.

    python -m tests.fuzz.run SCHEMATHESIS [OPTION ...]    SCHEMATHESIS is its program; the options are of its `run`

The server has a PostgreSQL of its own. Requests have the API key of one partner; a second partner reads what the first
one made, and must not find it. At the end the ledger is audited.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tekana import LOCAL_OPERATOR, SCOPES, KeyProperties, Settings, Tekana, create_api_key
from tekana.application.sign_in import sign_in
from tekana_litestar import create_app
from tekana_postgres import PostgresStore
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.http_support import assert_whole
from tests.integration.raw_http import listening

PARTNERS: Final = ("north", "south")
CONFIG: Final = """\
[auth.wfc]
path = "{users}"
user = "north"
peers = ["north", "south"]

# Some rules are no part of the document: cursors, decimals of currencies, that one of two fields is given.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 410, 412, 422, 429]
"""
ALWAYS: Final = (
    "--checks",
    "all",
    "--continue-on-failure",
    "--generation-database",
    "none",
    "--request-timeout",
    "60",
    "--suppress-health-check",
    "all",
)


def main(program: str, options: list[str]) -> int:
    """Run schemathesis on a new server, and return its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-fuzz-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        with EmbeddedPostgres(folder / "data", durable=False) as url:
            return asyncio.run(_run(program, options, url, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(program: str, options: list[str], url: str, folder: Path) -> int:
    sign_in.REFUSAL_STEP_SECONDS = 0.01  # thousands of sign-ins are refused
    await PostgresStore(url).migrate()
    settings = Settings(
        database_url=url,
        key_provider_url=f"file://{folder}/master-keys.json",
        message_sender="memory://",
        webhooks_allow_private=True,
    )
    app = create_app(settings)
    async with listening(app) as port:
        users = [await _user(app.state.tekana, name) for name in PARTNERS]
        file, config = folder / "users.json", folder / "schemathesis.toml"
        file.write_text(json.dumps({"auth": users}))
        config.write_text(CONFIG.format(users=file))
        document = f"http://127.0.0.1:{port}/api/openapi.json"
        words = [program, "--config-file", str(config), "run", document, *ALWAYS, *options]
        done = await asyncio.create_subprocess_exec(*words, cwd=folder)  # it leaves files there
        code = await done.wait()
        await assert_whole(app.state.tekana)
    return code


async def _user(tekana: Tekana, name: str) -> dict[str, object]:
    """Return an entry of a Web Fuzzing Commons document: a partner with all scopes of their tenant."""
    properties = KeyProperties(name, "partner", tuple(SCOPES - {"tenants:all"}), name)
    issued = await create_api_key(tekana.as_caller(LOCAL_OPERATOR), properties)
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {issued.text}"}]}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
