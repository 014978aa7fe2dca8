"""Statements of wallets.

statement   the statement of a period, which is read while it is written
csv_form    as comma-separated values
camt_form   as an ISO 20022 camt.053 message
"""

from typing import Final

from tekana.application.statements.camt_form import CamtStatement
from tekana.application.statements.csv_form import CsvStatement
from tekana.application.statements.statement import Statement
from tekana.ports.statement_form import StatementForm

FORMS: Final[dict[str, type[StatementForm]]] = {"csv": CsvStatement, "camt053": CamtStatement}
"""The forms that need no adapter, by name."""

__all__ = ["FORMS", "Statement"]
