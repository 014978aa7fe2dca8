"""What an operator can set: each setting is a field here, a flag of the command and a TEKANA_ variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tekana.domain.errors import invalid
from tekana.domain.money import Currency, parse_currency

DEFAULT_CURRENCY = Currency("RWF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How tekana is set up.

    database_url: where everything is kept, `memory://` (gone at the end), `postgresql+asyncpg://…`, or
        `embedded:///folder`, a PostgreSQL of tekana's own; `embedded://` takes the user's data folder.
    currency: the currency of a first wallet when a registration does not say.
    """

    database_url: str = "embedded://"
    currency: Currency = DEFAULT_CURRENCY

    def __post_init__(self) -> None:
        parse_currency(self.currency)
        if "://" not in self.database_url:
            raise invalid("database_url", "must be a URL, such as postgresql+asyncpg://user@host/name")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, given: Mapping[str, str | None] | None = None
    ) -> Settings:
        """The settings given (not None), else those of the TEKANA_ variables (not empty), else the defaults."""
        values = {}
        for field in fields(cls):
            value = (given or {}).get(field.name)
            if value is None:
                value = environment.get(f"TEKANA_{field.name.upper()}") or None
            if value is not None:
                values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]
