"""Commands about approvals. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.approvals.approve_request import ApproveRequest
from tekana.application.commands.approvals.reject_request import RejectRequest
from tekana.application.commands.group import CommandGroup

GROUP: Final = CommandGroup("approval", "transaction", (ApproveRequest, RejectRequest))

__all__ = ["ApproveRequest", "RejectRequest"]
