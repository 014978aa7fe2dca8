"""A sender of messages for development: it writes each to a file, or to the console. Not for production."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tekana.domain.errors import invalid
from tekana.ports.message_sender import CodeMessage


class FileMessageSender:
    """Implements tekana.ports.message_sender.MessageSender for `file:///folder/name`: one line of JSON a message.

    Only the user of this process can read the file.
    """

    def __init__(self, url: str) -> None:
        path = unquote(urlsplit(url).path)
        if not path or path.endswith("/"):
            raise invalid("message_sender", "must name a file, such as file:///tmp/codes.jsonl")
        self._path = Path(path)

    async def send(self, message: CodeMessage) -> None:
        """Append a message."""
        line = f"{_as_json(message)}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    async def stop(self) -> None:
        """Do nothing: the file is closed."""


class ConsoleMessageSender:
    """Implements tekana.ports.message_sender.MessageSender for `console://`: one line on standard error a message."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def send(self, message: CodeMessage) -> None:
        """Print a message."""
        print(_as_json(message), file=sys.stderr, flush=True)

    async def stop(self) -> None:
        """Do nothing: there are no resources."""


def _as_json(message: CodeMessage) -> str:
    values = {name: getattr(message, name) for name in ("tenant", "channel", "recipient", "code")}
    return json.dumps({**values, "expires_at": message.expires_at.isoformat()})
