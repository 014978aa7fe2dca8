"""Identities: the links between subjects of outside OpenID Connect issuers and customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tekana.domain.identifiers import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A link: within a tenant, the subject of an issuer is this customer. A customer may have several."""

    id: UUID
    tenant: str
    issuer: str
    subject: str
    customer_id: CustomerId
    created_by: str
    created_at: datetime
