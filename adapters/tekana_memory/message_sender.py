"""The sender that keeps messages, for tests and demonstrations."""

from __future__ import annotations

from tekana.ports.message_sender import CodeMessage


class MemoryMessageSender:
    """Implements tekana.ports.message_sender.MessageSender."""

    def __init__(self, url: str = "memory://") -> None:
        self.url = url
        self.messages: list[CodeMessage] = []

    async def send(self, message: CodeMessage) -> None:
        """Keep a message."""
        self.messages.append(message)

    async def stop(self) -> None:
        """Do nothing: there are no resources."""
