"""Sends generated requests to a running server, with schemathesis, and checks each answer with the OpenAPI document.

    python -m tests.fuzz.run [OPTION ...]    the options are of `schemathesis run`

The server has a PostgreSQL of its own. Requests have the API key of one partner; a second partner reads what the first
one made, and must not find it. At the end the keys still work, and the ledger is audited.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tekana import LOCAL_OPERATOR, SCOPES, KeyProperties, Settings, Tekana, create_api_key
from tekana.application.authentication import IssuedKey
from tekana.application.sign_in import sign_in
from tekana.testing import builders
from tekana_litestar import create_app
from tekana_postgres import PostgresStore
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.http_support import assert_whole
from tests.integration.raw_http import listening
from tests.tools import SEARCHED

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = "TEKANA_FUZZ_KEPT"
"""The environment variable with the ids of what requests use and may not end, in JSON, for the hooks."""

PARTNERS: Final = ("north", "south")
CONFIG: Final = """\
[phases.stateful]
max-steps = 30

[auth.wfc]
path = "{users}"
user = "north"
peers = ["north", "south"]

# Some rules are no part of the document: cursors, decimals of currencies, that one of two fields is given.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 410, 412, 422, 429]

# 428 says that it is missing. A dry run needs no key.
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 406, 415, 422, 428, 429]

[[operations]]
include-path-regex = "^/v1/(transactions|batches)$"
checks.missing_required_header.enabled = false
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


def main(options: list[str]) -> int:
    """Run schemathesis on a new server, and return its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-fuzz-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        with EmbeddedPostgres(folder / "data", durable=False) as url:
            return asyncio.run(_run(options, url, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(options: list[str], url: str, folder: Path) -> int:
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
        keys = [await _new_key(app.state.tekana, name) for name in PARTNERS]
        users = [_user(name, key) for name, key in zip(PARTNERS, keys, strict=True)]
        file, config = folder / "users.json", folder / "schemathesis.toml"
        file.write_text(json.dumps({"auth": users}))
        config.write_text(CONFIG.format(users=file))
        document = f"http://127.0.0.1:{port}/api/openapi.json"
        words = ["-m", "schemathesis.cli", "--config-file", str(config), "run", document, *ALWAYS, *options]
        kept = await _new_customers(app.state.tekana, keys[0]) | {"api_key_id": [str(one.key.id) for one in keys]}
        hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": f"{ROOT}:{SEARCHED}", KEPT: json.dumps(kept)}
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, *words), cwd=folder, env=os.environ | hooks
        )  # it leaves files there
        code = await done.wait()
        for one in keys:
            await app.state.tekana.authenticator.authenticate(one.text or "")  # else most requests were refused
        await assert_whole(app.state.tekana)
    return code


async def _new_key(tekana: Tekana, name: str) -> IssuedKey:
    """Create the key of a partner with all scopes of their tenant."""
    properties = KeyProperties(name, "partner", tuple(SCOPES - {"tenants:all"}), name)
    return await create_api_key(tekana.as_caller(LOCAL_OPERATOR), properties)


async def _new_customers(tekana: Tekana, key: IssuedKey) -> dict[str, list[str]]:
    """Register customers with money for a partner, and return what identifies them and their wallets."""
    session = tekana.as_caller(await tekana.authenticator.authenticate(key.text or ""))
    kept: dict[str, list[str]] = {"customer_id": [], "wallet_id": [], "phone_number": []}
    for _ in range(3):
        person = builders.person()
        registered = await session.execute(person)
        await session.execute(builders.deposit(registered.wallets[0].id, "500000"))
        kept["customer_id"].append(str(registered.customer.id))
        kept["wallet_id"].append(str(registered.wallets[0].id))
        kept["phone_number"].append(person.phone_number)
    return kept


def _user(name: str, key: IssuedKey) -> dict[str, object]:
    """Return an entry of a Web Fuzzing Commons document."""
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key.text}"}]}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
