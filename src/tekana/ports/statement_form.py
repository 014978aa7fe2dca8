"""The form of a statement: what writes it as a document, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from tekana.domain.transaction import PostedEntry
from tekana.ports.wallets import StatementSummary


class StatementHeading(NamedTuple):
    """What a statement says beside its entries.

    Attributes:
        summary: the balances and totals.
        customer_name: the name of the wallet's customer; None for a house wallet, after an erasure, and for a form that
            does not name the customer.
        time_zone: the operator's, by its name, for documents that people read.
    """

    summary: StatementSummary
    customer_name: str | None
    time_zone: str


class StatementForm(Protocol):
    """Writes one statement. Its methods are called in this order, each in any thread: begin, write …, end.

    It keeps no more than a constant amount of data about the entries that it has written, so that statements of any
    length can be sent while they are made.

    Attributes:
        MEDIA_TYPE: the media type of the document.
        FILE_TYPE: the usual ending of the names of such files, without a dot.
        NAMES_CUSTOMER: whether the document has the name of the customer.
    """

    MEDIA_TYPE: ClassVar[str]
    FILE_TYPE: ClassVar[str]
    NAMES_CUSTOMER: ClassVar[bool]

    def __init__(self, heading: StatementHeading) -> None:
        """Create the writer of one statement."""

    def begin(self) -> bytes:
        """Return the beginning of the document."""
        ...

    def write(self, entries: Sequence[PostedEntry]) -> bytes:
        """Return what these entries add to the document, which may be nothing yet. They follow the earlier ones."""
        ...

    def end(self) -> bytes:
        """Return the end of the document."""
        ...
