"""The sender of messages to customers: an SMS or email service of the partner's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

Channel = Literal["sms", "email"]


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A one-time code on its way to a customer. Its representation holds neither the code nor the address.

    Attributes:
        tenant: the tenant of the customer, for senders with a text or a sender's name for each.
        channel: whether the recipient is a phone number or an email address.
        recipient: the phone number in E.164 form, or the email address.
        code: the digits.
        expires_at: when the code ends.
    """

    tenant: str
    channel: Channel
    recipient: str = field(repr=False)
    code: str = field(repr=False)
    expires_at: datetime


@runtime_checkable
class MessageSender(Protocol):
    """Sends messages. Built from a URL without I/O. Safe for many tasks at once.

    An error that it raises is logged by its class alone, as its text may hold the recipient.
    """

    async def send(self, message: CodeMessage) -> None:
        """Send a message. Returns when the service has accepted it."""
        ...

    async def stop(self) -> None:
        """Release all resources."""
        ...
