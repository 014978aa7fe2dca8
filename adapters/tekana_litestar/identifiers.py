"""Reading identifiers strictly."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from tekana.domain.errors import invalid

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def canonical_uuid(field: str, text: str) -> UUID:
    """Read a UUID in its usual form: 32 hexadecimal digits, with hyphens after 8, 12, 16 and 20.

    Raises:
        InvalidRequest: it has another form.
    """
    if not _CANONICAL.fullmatch(text):
        raise invalid(field, "must be a UUID, such as 019a3c52-7f00-7000-8000-000000000001")
    return UUID(text)
