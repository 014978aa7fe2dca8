"""Error messages of commands, as one sentence without passwords."""

from __future__ import annotations

import os
import sys
from typing import Final

import rich_click as click

from tekana.bootstrap.hidden_secrets import hide_secrets
from tekana.domain.errors import TekanaError

COULD_NOT_RUN: Final = 2
INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended, as in shells."""


def explain(error: BaseException) -> str:
    """Describe why a command could not run: the error and its root cause."""
    text = _one_line(error)
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if cause is error and not isinstance(error, TekanaError):
        text = f"unexpected error: {type(error).__name__}: {text}"
    elif (detail := _one_line(cause)) not in text:
        text = f"{text}: {detail}"
    return hide_secrets(text)


def explain_usage(error: click.ClickException) -> str:
    """Describe what is wrong with the arguments, with a reference to --help."""
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return hide_secrets(f"{text} See {context.command_path} --help." if context is not None else text)


def ignore_output() -> None:
    """Discard further output, as its reader has closed the pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    lines = text.splitlines()  # PostgreSQL's later lines may contain the data of a row
    return lines[0] if lines else "there was no answer in time" if isinstance(error, TimeoutError) else str(type(error))
