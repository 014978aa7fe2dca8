"""A progress bar on stderr, for people only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tekana.ports.history import Progress as Report


@contextmanager
def progress_bar(subject: str) -> Iterator[Report]:
    """Draw a bar while the context lasts; yield what reports the number done, and the number of all.

    It vanishes at the end. Nothing is drawn if stderr is not a terminal.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(subject, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
