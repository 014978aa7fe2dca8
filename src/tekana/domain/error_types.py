"""The base classes of errors: what all errors of a kind have in common. See errors.py for the tree of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from tekana.domain.limits import ReachedLimit
    from tekana.domain.transaction import Rejection, Transaction


class FieldError(NamedTuple):
    """One invalid field of the input: its dotted name, and what is wrong with it."""

    field: str
    message: str


_KINDS: dict[str, type[Refused]] = {}


class TekanaError(Exception):
    """The base class of all errors that tekana raises deliberately."""

    code: str = "internal"


class InvalidRequest(TekanaError, ValueError):
    """The input is invalid in any state of the ledger. Nothing was stored."""

    code = "invalid_request"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def invalid(field: str, message: str) -> InvalidRequest:
    """Build an InvalidRequest about one field."""
    return InvalidRequest(FieldError(field, message))


class Refused(TekanaError):
    """A valid command was decided and refused. The refusal is stored as the answer under its key.

    Attributes:
        NAME: the stable name under which it is stored; defaults to the code for classes outside tekana.domain.
        transaction: the rejected transaction of a money command; None for other commands.
        limit: the limit that refused it; None if there is none, or it is one of a customer whom the caller only pays.
        request_id: the id of the request that was refused first.
        replayed: whether this request repeats that one.
    """

    NAME: ClassVar[str] = "Refused"
    transaction: Transaction | None = None
    limit: ReachedLimit | None = None
    request_id: str | None = None
    replayed: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "NAME" not in cls.__dict__:
            cls.NAME = cls.code
        _KINDS[cls.NAME] = cls

    @classmethod
    def stored_family(cls) -> str | None:
        """Return the name of the direct child of Refused that a class outside tekana.domain descends from.

        None for the classes of tekana.domain, which every version and every process has.
        """
        if cls.__module__.startswith("tekana.domain."):
            return None
        families = (kind for kind in cls.__mro__ if issubclass(kind, Refused) and Refused in kind.__bases__)
        return next(families, RuleRefused).NAME


class NotFound(Refused):
    """The named object does not exist."""

    NAME = "NotFound"
    code = "not_found"


class StateConflict(Refused):
    """The request is valid; the present state forbids it."""

    NAME = "StateConflict"


class RuleRefused(Refused):
    """A rule about money or keys forbids it."""

    NAME = "RuleRefused"


class Unavailable(TekanaError):
    """The outcome is unknown: the command may or may not have been executed. Retry with the same key.

    `retry_after` is in seconds.
    """

    code = "unavailable"
    retry_after: ClassVar[int] = 1


def rebuild_refusal(rejection: Rejection) -> Refused:
    """Build the error of a stored refusal.

    If its class is unknown here, the error has the class of its family and the stored code.
    """
    kind = _KINDS.get(rejection.error) or _KINDS.get(rejection.family or "", RuleRefused)
    error = kind.__new__(kind, rejection.detail)  # not by its own __init__, which may need other arguments
    error.code = rejection.code
    if rejection.limit is not None:
        error.limit = rejection.limit
    error.request_id = rejection.request_id
    return error
