"""The log of a process: lines of JSON in production, readable lines in development, on stderr.

All modules log with the standard library; structlog renders their records. A line that belongs to a request has its
`request_id`, which the code that handles the request binds with `structlog.contextvars`. Logs have no personal data.
"""

from __future__ import annotations

import logging
from typing import Final

_LOGGERS: Final = {"tekana": logging.INFO, "asyncio": logging.WARNING, "uvicorn": logging.WARNING}
"""The loggers whose lines are written, from which level on. Others are off: tekana logs their exceptions, once."""


def configure_logs(*, is_production: bool) -> None:
    """Write the log of this process to stderr. Called again, it replaces what it set up before.

    Args:
        is_production: whether lines are JSON.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(is_production=is_production))
    handler.set_name(__name__)
    for name, level in _LOGGERS.items():
        logger = logging.getLogger(name)
        logger.handlers = [one for one in logger.handlers if one.get_name() != __name__]
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())


def _formatter(*, is_production: bool) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - commands that do not log need not load it
    from structlog.dev import Column, KeyValueColumnFormatter  # noqa: PLC0415

    def column(prefix: str = "", key_style: str | None = None) -> KeyValueColumnFormatter:
        return KeyValueColumnFormatter(
            key_style=key_style, value_style="", reset_style="", value_repr=str, prefix=prefix
        )

    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars]
    last: list[structlog.typing.Processor]
    if is_production:
        shared += [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ]
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        columns = [Column("event", column("tekana: ")), Column("", column(key_style=""))]
        last = [structlog.dev.ConsoleRenderer(columns=columns, exception_formatter=structlog.dev.plain_traceback)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
