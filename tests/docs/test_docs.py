"""The documentation is correct: its code runs, its lists match the code, and its links have targets."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import rich_click as click

from tekana import Settings
from tekana.application.audit.checks import INVARIANTS
from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.cli import command
from tekana.cli.audit import SIGNED
from tekana.domain.errors import TekanaError
from tekana.domain.events import EVENT_TYPES
from tekana_litestar.openapi import document
from tekana_postgres.chain_audit import CHECKPOINTS, LINKED, LINKS, ROWS
from tekana_postgres.invariants import SCHEMA
from tests.serving import free_port

ROOT = Path(__file__).resolve().parents[2]
CATALOG = "docs/reference/catalog.md"
PROGRAMS = Path(sys.executable).parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "features/**/*.md", "docker/**/*.md")
    for page in ROOT.glob(pattern)
)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the content of each fenced block, in order."""
    return _BLOCK.findall(text_of(page))


def rows(page: str, *header: str) -> list[list[str]]:
    """Return the cells of the tables whose header begins with these columns."""
    found: list[list[str]] = []
    inside = False
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[: len(header)] == list(header):
            inside = True
        elif inside and not set(cells[0]) <= {"-", " "}:
            found.append(cells)
    assert found, f"{page} has no table that begins with {header}"
    return found


def in_order(wanted: str, output: str) -> str | None:
    """Return the first line of `wanted` that is missing in `output` in this order, or None. … matches any text."""
    lines = iter(output.replace("\r", "").splitlines())
    for line in filter(None, wanted.splitlines()):
        pattern = re.compile(".*".join(map(re.escape, line.rstrip().split("…"))))
        if not any(pattern.fullmatch(one.rstrip()) for one in lines):
            return line
    return None


def test_in_order_finds_the_first_missing_line() -> None:
    output = 'HTTP/1.1 201 Created\r\nvia: x\r\n\r\n{"id":"1","status":"posted"}\n'
    assert in_order('HTTP/1.1 201 Created\n{"id":"…","status":"posted"}\n', output) is None
    assert in_order('{"id":"…","status":"rejected"}', output) == '{"id":"…","status":"rejected"}'
    assert in_order("{…\nHTTP…", output) == "HTTP…"  # in the wrong order
    assert in_order("HTTP/1.1 422…", output) == "HTTP/1.1 422…"


# ---------------------------------------------------------------------- code that runs


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Path]]:
    """Run `tekana serve` on a free port and a new data folder."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-docs-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    port = free_port()
    words = [str(PROGRAMS / "tekana"), "serve", "--port", str(port), "--data-dir", str(folder)]
    with (folder / "log").open("w+b") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, env=_environment(folder))
        try:
            _wait_until_ready(server, port, folder / "log")
            yield port, folder
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
    output = (folder / "log").read_text()
    shutil.rmtree(folder, ignore_errors=True)
    assert code == 0, output


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user whose home is the folder, so that the server makes a key there."""
    return {name: value for name, value in os.environ.items() if name != "TEKANA_KEY_FILE"} | {"HOME": str(folder)}


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 240
    while server.poll() is None and time.monotonic() < end:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/ready"):
                return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"tekana serve did not get ready: {log.read_text()}")


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="not here: bash and curl")
def test_the_curl_session_prints_the_documented_output(served: tuple[int, Path]) -> None:
    port, folder = served
    steps: list[list[str]] = []  # each with its documented output
    for language, content in blocks("README.md"):
        if language == "bash":
            steps.append([content, ""])
        elif language == "text" and steps:
            steps[-1][1] += content
        elif language == "python":
            break
    assert sum("curl" in step for step, _ in steps) >= 6
    assert sum(bool(documented_output) for _, documented_output in steps) >= 6
    script = "\n".join(f"echo '=== {number}'\n{step}\necho" for number, (step, _) in enumerate(steps))
    script = 'uv() { shift; command "$@"; }\n' + script.replace(":3333", f":{port}")  # `uv run tekana` is `tekana`
    environment = {
        **_environment(folder),
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "TEKANA_DATA_DIR": str(folder),
        "no_proxy": "127.0.0.1",
    }
    for time_ in ("once", "twice"):  # the README states that it can be repeated
        done = subprocess.run(
            ["bash", "-eu"], input=script, env=environment, capture_output=True, check=False, text=True, timeout=60
        )
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
        outputs = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
        for (step, documented_output), output in zip(steps, outputs, strict=True):
            assert (line := in_order(documented_output, output)) is None, f"{time_}: {step}\nlacks {line}\n{output}"
            assert time_ == "once" or "transactions" not in step or "idempotency-replayed: true" in output


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_python_examples_print_the_documented_output(page: str, tmp_path: Path) -> None:
    all_blocks = blocks(page)
    [place] = [index for index, (language, _) in enumerate(all_blocks) if language == "python"]
    (tmp_path / "example.py").write_text(all_blocks[place][1], encoding="utf-8")
    words = [sys.executable, "-W", "error", "example.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert all_blocks[place + 1] == ("text", done.stdout)


_MEMORY = (
    "from tekana_memory import MemoryStore as MyStore",
    '"memory://"',
)
_SQLITE = (
    "from tekana_sqlite import SqliteStore as MyStore",
    "f\"sqlite://{__import__('tempfile').mkdtemp()}/wallets.db\"",
)


@pytest.mark.parametrize("store", [_MEMORY, _SQLITE], ids=["as written", "with the store of the example"])
def test_the_code_of_the_adapter_guide_passes_its_tests(tmp_path: Path, store: tuple[str, str]) -> None:
    suite, conftest, features = (
        content for language, content in blocks("docs/how-to/write-an-adapter.md") if language == "python"
    )
    for name, content in {"test_suite.py": suite, "conftest.py": conftest, "test_features.py": features}.items():
        for written, used in zip(_MEMORY, store, strict=True):
            content = content.replace(written, used)  # noqa: PLW2901
        (tmp_path / name).write_text(content, encoding="utf-8")
    _run_pytest_without_settings(tmp_path, "spenders or transfer")


def test_the_example_of_a_store_passes_its_tests(tmp_path: Path) -> None:
    text = text_of("examples/bring_your_own_store/README.md")
    [block] = re.findall(r"^   ```python\n(.*?)^   ```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_suite.py").write_text(textwrap.dedent(block), encoding="utf-8")
    _run_pytest_without_settings(tmp_path, "spenders or another or persist")


def _run_pytest_without_settings(folder: Path, picked: str) -> None:
    """Run pytest in a folder with only the files of a guide, as a partner would."""
    words = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), "-p", "no:cacheprovider", "-k", picked]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples" / "bring_your_own_store")}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout), done.stdout


# ---------------------------------------------------------------------- lists


def operations() -> dict[str, dict[str, Any]]:
    """Return the operations of the OpenAPI document, by method and path."""
    paths = json.loads(document())["paths"]
    return {f"{method.upper()} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def fields(schema: dict[str, Any]) -> set[str]:
    """Return the fields of a body; optional ones end with ?."""
    schema = json.loads(document())["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    return {name if name in required else f"{name}?" for name in schema["properties"] if name != "type"}


def listed(cell: str) -> set[str]:
    return set(re.findall(r"\w+\??", "".join(re.findall(r"{(.*?)}", cell))))


def test_the_reference_lists_every_route_with_parameters_and_statuses() -> None:
    documented = {cells[0].strip("`"): cells for cells in rows("docs/reference/http.md", "Route", "Takes")}
    assert documented.keys() == operations().keys()
    for route, (_, takes, key, answer) in documented.items():
        operation = operations()[route]
        parameters = operation["parameters"]
        assert set(re.findall(r"\?(\w+)(?:\[name\])?=", takes)) == {
            one["name"] for one in parameters if one["in"] == "query"
        }, route
        keys = ["required" if one["required"] else "optional" for one in parameters if one["name"] == "Idempotency-Key"]
        assert [key] == (keys or [""]), route
        assert ("If-Match" in answer) == any(one["name"] == "If-Match" for one in parameters), route
        assert set(re.findall(r"\b2\d\d\b", answer)) == {
            status for status in operation["responses"] if status < "300"
        }, route
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            assert listed(takes) == fields(schema), route


def test_the_reference_lists_every_transaction_type() -> None:
    body = operations()["POST /v1/transactions"]["requestBody"]["content"]["application/json"]["schema"]
    documented = {cells[0].strip("`"): listed(cells[1]) for cells in rows(CATALOG, "`type`", "Takes")}
    common = {"description?", "reference?", "metadata?", "effective_at?", "quote_id?"}
    kinds = body["discriminator"]["mapping"].items()
    assert documented == {kind: fields({"$ref": reference}) - common for kind, reference in kinds}
    assert all(f"`{field.strip('?')}`" in text_of("docs/reference/http.md") for field in common)


def test_the_reference_lists_every_problem_with_its_status() -> None:
    documented = {(code.strip("`"), int(status)) for code, status, *_ in rows(CATALOG, "Code", "Status")}
    problems = {
        (example["value"]["code"], int(status))
        for operation in operations().values()
        for status, response in operation["responses"].items()
        for example in response["content"].get("application/problem+json", {}).get("examples", {}).values()
    }
    results = operations()["POST /v1/batches"]["responses"]["422"]["content"]["application/json"]["examples"]
    for example in results.values():  # some problems occur only in the results of a batch
        problems |= {(one["problem"]["code"], one["problem"]["status"]) for one in example["value"]["results"]}
    assert documented == problems
    # Some error classes never reach a client: abstract roots, and errors for the operator. Refusals that tests
    # define as partners are left out.
    ours = {kind.code for kind in _kinds(TekanaError) if not kind.__module__.startswith(("tekana.testing.", "tests."))}
    assert ours - {code for code, _ in problems} <= {
        *("internal", "missing_adapter", "history_changed", "history_sealed", "approval_pending"),
    }


def _kinds(kind: type[TekanaError]) -> Iterator[type[TekanaError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)


def test_the_reference_lists_every_type_of_event() -> None:
    names = [re.findall(r"\[(\w+)\]", cells[0]) for cells in rows(CATALOG, "Event", "Topic")]
    assert names == [[name] for name in EVENT_TYPES]


OTHER_ROUTES = {"SendWebhookTest": "test_webhook_endpoint"}
"""The operations that are named otherwise than their commands."""


def test_the_reference_lists_the_codes_that_a_command_is_refused_with() -> None:
    """Those that the operation of its route has in the OpenAPI document."""
    documented = {cells[0]: set(re.findall(r"`(\w+)`", cells[4])) for cells in rows(CATALOG, "Command", "Does")}
    assert documented.keys() == COMMANDS.keys()
    responses = {operation["operationId"]: operation["responses"] for operation in operations().values()}
    for name, kind in COMMANDS.items():
        route = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        route = "create_transaction" if kind in MONEY_COMMANDS.values() else OTHER_ROUTES.get(name, route)
        refusals = " ".join(one["description"] for status, one in responses[route].items() if status >= "4")
        assert {code for code in documented[name] if f"`{code}`" not in refusals} == set(), name


def test_the_documented_settings_match_the_options() -> None:
    documented = {
        cells[0].strip("`"): (cells[1].strip("`"), set(cells[2].split(", ")), cells[3].strip("`"))
        for cells in rows("docs/how-to/run-it.md", "Flag", "Variable")
    }
    real: dict[str, tuple[str, set[str]]] = {}
    for name, verb in command.commands.items():
        parts = verb.commands.values() if isinstance(verb, click.Group) else ()
        settings = [one for part in parts for one in part.params if isinstance(one, click.Option) and one.envvar]
        for option in (*verb.params, *settings):
            assert isinstance(option, click.Option)
            assert option.name
            variable = option.envvar or ""
            real.setdefault(option.opts[0], (str(variable), set()))[1].add(name)
            if option.default and not option.is_flag and isinstance(option.default, str | int):
                assert documented[option.opts[0]][2] == str(option.default)
    assert {flag: cells[:2] for flag, cells in documented.items()} == real
    assert {cells[0] for cells in rows("docs/how-to/run-it.md", "Command")} == {
        f"`tekana {one}`" for one in command.commands
    }


def test_every_documented_variable_is_read_by_the_code() -> None:
    code = "".join(
        path.read_text("utf-8") for room in ("src", "adapters", "tests") for path in (ROOT / room).rglob("*.py")
    )
    settings = {cells[1].strip("`") for cells in rows("docs/how-to/run-it.md", "Flag", "Variable")}
    named = {name for page in PAGES for name in re.findall(r"\bTEKANA_[A-Z_]*[A-Z]", page.read_text("utf-8"))}
    fields_of_settings = {f"TEKANA_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    assert {name for name in named - settings - fields_of_settings if name not in code} == set()


def test_the_documented_invariants_match_the_audit() -> None:
    documented = [
        (int(number), line) for number, line, *_ in rows("docs/explanation/invariants.md", "No.", "Line of the audit")
    ]
    assert documented == sorted(tuple(invariant) for invariant in (*INVARIANTS, SCHEMA))


def test_the_documented_checks_of_links_match_the_audit() -> None:
    table = rows("docs/explanation/invariants.md", "No.", "Line of the audit with `--chain`")
    documented = [(int(number), line) for number, line, *_ in table]
    assert documented == [tuple(invariant) for invariant in (ROWS, LINKS, LINKED, CHECKPOINTS, SIGNED)]


def test_every_decision_record_is_in_the_index() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    index = rows("docs/adr/README.md", "No.", "Decision")
    assert [cells[0] for cells in index] == [f"[{path.name[:4]}]({path.name})" for path in records]
    for path in records:
        text = path.read_text("utf-8")
        assert re.findall(r"^##? (.*)$", text, re.MULTILINE)[1:] == ["Context", "Decision", "Consequences"], path


def test_every_nox_session_is_documented() -> None:
    sessions = re.findall(r"^@nox\.session.*\ndef (\w+)", text_of("noxfile.py"), re.MULTILINE)
    assert [cells[0] for cells in rows("CONTRIBUTING.md", "Session")] == [f"`uv run nox -s {one}`" for one in sessions]


# ---------------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_have_targets(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []
