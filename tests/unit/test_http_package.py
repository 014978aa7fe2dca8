"""The structure of the HTTP adapter: no import cycles, short files and short functions."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp

import tekana_litestar

PACKAGE = Path(tekana_litestar.__file__).parent


def test_there_are_no_import_cycles() -> None:
    graph = grimp.build_graph("tekana_litestar", exclude_type_checking_imports=True)
    circles = [
        (one, other)
        for one in graph.modules
        for other in graph.find_modules_directly_imported_by(one)
        if one != "tekana_litestar" != other and graph.chain_exists(other, one)
    ]
    assert circles == []


def test_files_and_functions_are_short() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, (path, node.name)
