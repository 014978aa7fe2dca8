"""The errors about who a caller is and what they may do: credentials, sign-in, API keys, approvals.

They are part of the tree in errors.py, from which all are imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tekana.domain.error_types import NotFound, RuleRefused, StateConflict, TekanaError, Unavailable

if TYPE_CHECKING:
    from tekana.domain.approvals import Approval


class Unauthenticated(TekanaError):
    """No valid credential came with the request. The message is the same whatever is wrong with the credential."""

    code = "unauthenticated"

    def __init__(self, message: str = "a valid API key or access token is required") -> None:
        super().__init__(message)


class SignInRefused(Unauthenticated):
    """A password, code or refresh token is not right, or not at present. The message gives no reason.

    The same for an unknown phone number or email, a customer without a password, a wrong password, a locked one, and a
    suspended or closed customer.
    """

    code = "sign_in_refused"

    def __init__(self, message: str = "the password, code or token is not right, or cannot be used now") -> None:
        super().__init__(message)


class SignInUnavailable(Unavailable):
    """This process signs no customers in, or sends no codes. Nothing was begun."""


class Forbidden(TekanaError):
    """The caller lacks the required scope. Nothing was done, and nothing is stored under the key."""

    code = "forbidden"


class ApiKeyNotFound(NotFound):
    """No API key that the caller may manage has this id."""

    NAME = "ApiKeyNotFound"


class ApiKeyNotActive(StateConflict):
    """The API key is revoked or has expired."""

    NAME = "ApiKeyNotActive"
    code = "api_key_not_active"


class GrantForbidden(RuleRefused):
    """The caller may not give an API key a right that they do not have themselves."""

    NAME = "GrantForbidden"
    code = "forbidden"


class HouseForbidden(RuleRefused):
    """The command changes what is common to all tenants, and the caller has no access to all of them."""

    NAME = "HouseForbidden"
    code = "forbidden"


class WalletKindForbidden(RuleRefused):
    """The caller may not open wallets of this kind, or change the kind of one."""

    NAME = "WalletKindForbidden"
    code = "forbidden"


class IdentityNotFound(NotFound):
    """The customer has no identity of this id."""

    NAME = "IdentityNotFound"


class IdentityExists(StateConflict):
    """The subject of the outside issuer is linked with another customer."""

    NAME = "IdentityExists"
    code = "identity_exists"


class ApprovalNotFound(NotFound):
    """No approval that the caller has access to has this id."""

    NAME = "ApprovalNotFound"


class ApprovalDecided(StateConflict):
    """The approval was decided before: each is decided once."""

    NAME = "ApprovalDecided"
    code = "approval_decided"


class ApprovalExpired(StateConflict):
    """The approval was not decided in time: ask again."""

    NAME = "ApprovalExpired"
    code = "approval_expired"


class OwnApproval(RuleRefused):
    """The caller asked for the command themselves: another one has to decide on it."""

    NAME = "OwnApproval"
    code = "own_approval"


class ApproverForbidden(RuleRefused):
    """The caller lacks the scope of the command that waits for an approval."""

    NAME = "ApproverForbidden"
    code = "forbidden"


class ApprovalPending(TekanaError):
    """The command was not executed: it waits for the approval of a second person. Stored as the answer under its key.

    Attributes:
        approval: the approval as it was asked for.
        replayed: whether this request repeats the one that asked.
    """

    code = "approval_pending"

    def __init__(self, approval: Approval, *, replayed: bool = False) -> None:
        super().__init__(f"{approval.command} waits for the approval of a second person: {approval.id}")
        self.approval = approval
        self.replayed = replayed
