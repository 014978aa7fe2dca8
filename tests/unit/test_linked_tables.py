"""The statements about rows that no link names: valid in the oldest PostgreSQL, not only in the one of the tests."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tekana_postgres.unlinked_rows import LINKED_TABLES, LinkedTable


class Recorder:
    """Records the statements that a connection is asked to execute."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    async def fetchval(self, statement: str, **_: object) -> int:
        self.statements.append(statement)
        return 0

    async def fetch(self, statement: str, **_: object) -> list[Any]:
        self.statements.append(statement)
        return []


@pytest.mark.parametrize("table", LINKED_TABLES, ids=lambda table: table.name)
async def test_every_subquery_has_an_alias(table: LinkedTable) -> None:
    """PostgreSQL 15 refuses a subquery in FROM without one."""
    connection: Any = Recorder()
    await table.count_rows(connection)
    await table.first_unlinked(connection, 20)
    for statement in connection.statements:
        assert re.search(r"FROM \([^()]*\)(?! \w)", statement) is None, statement
    assert len(connection.statements) == 2
