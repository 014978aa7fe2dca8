"""References that are kept under idempotency keys instead of answers, so that no key holds a secret."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tekana.domain.errors import Refused
from tekana.domain.lock_set import Ref


class AnswerReference(ABC):
    """Kept under a key instead of an answer that it refers to.

    A repeated request is answered with the item as it is then. If that is gone by then, the request is refused, as one
    that is not a repeated one.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def ref(self) -> Ref:
        """Return the reference to the item, by which a store finds it."""

    @abstractmethod
    def resolve(self, item: object) -> object:
        """Return the answer that it stands for now, given the item as it is or None; the reference if that is gone."""

    @abstractmethod
    def not_found(self) -> Refused:
        """Build the refusal of a repeated request whose item is gone."""
