"""The log of a process: JSON in production, readable in development, each line with its request."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from structlog.contextvars import bound_contextvars

from tekana.bootstrap import logs
from tekana.bootstrap.logs import configure_logs


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """Return what reads the lines on stderr."""
    before = {name: (one := logging.getLogger(name), [*one.handlers], one.level, one.propagate) for name in _names()}
    yield lambda: capsys.readouterr().err.splitlines()
    for logger, handlers, level, propagate in before.values():
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def _names() -> list[str]:
    return [*logs._LOGGERS]


def test_lines_in_production_are_json_with_the_request(written: Callable[[], list[str]]) -> None:
    configure_logs(is_production=True)
    with bound_contextvars(request_id="a request"):
        logging.getLogger("tekana.engine").warning("%d commands wait: %s", 3, "Müller\nline")
    logging.getLogger("tekana.engine").info("later")
    first, second = [json.loads(line) for line in written()]
    assert datetime.fromisoformat(first.pop("time")).utcoffset() is not None
    assert first == {
        "event": "3 commands wait: Müller\nline",
        "level": "warning",
        "logger": "tekana.engine",
        "request_id": "a request",
    }
    assert "request_id" not in second


def test_an_exception_is_one_line_in_production(written: Callable[[], list[str]]) -> None:
    configure_logs(is_production=True)
    try:
        int("wrong")
    except ValueError:
        logging.getLogger("tekana.http").exception("failed")
    [line] = written()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_lines_in_development_are_readable(written: Callable[[], list[str]]) -> None:
    configure_logs(is_production=False)
    logging.getLogger("tekana.relay").info("the relay works")
    with bound_contextvars(request_id="a-request"):
        logging.getLogger("tekana.http").warning("slow")
    assert written() == ["tekana: the relay works", "tekana: slow request_id=a-request"]


def test_a_second_call_replaces_the_first(written: Callable[[], list[str]]) -> None:
    configure_logs(is_production=False)
    configure_logs(is_production=True)
    logging.getLogger("tekana").warning("once")
    [line] = written()
    assert json.loads(line)["event"] == "once"
