"""Reading identifiers strictly."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from tekana import CustomerId, TransactionId, WalletId, WebhookDeliveryId, WebhookEndpointId
from tekana.domain.errors import invalid
from tekana_litestar.request import Request

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def canonical_uuid(field: str, text: str) -> UUID:
    """Raises InvalidRequest for anything but the usual form: 32 hexadecimal digits, hyphens after 8, 12, 16 and 20."""
    if not _CANONICAL.fullmatch(text):
        raise invalid(field, "must be a UUID, such as 019a3c52-7f00-7000-8000-000000000001")
    return UUID(text)


def customer_id(request: Request) -> CustomerId:
    """The customer that the path names."""
    return CustomerId(canonical_uuid("customer_id", request.path_params["customer_id"]))


def wallet_id(request: Request) -> WalletId:
    """The wallet that the path names."""
    return WalletId(canonical_uuid("wallet_id", request.path_params["wallet_id"]))


def transaction_id(request: Request) -> TransactionId:
    """The transaction that the path names."""
    return TransactionId(canonical_uuid("transaction_id", request.path_params["transaction_id"]))


def webhook_endpoint_id(request: Request) -> WebhookEndpointId:
    """The webhook endpoint that the path names."""
    return WebhookEndpointId(canonical_uuid("webhook_endpoint_id", request.path_params["webhook_endpoint_id"]))


def webhook_delivery_id(request: Request) -> WebhookDeliveryId:
    """The delivery that the path names."""
    return WebhookDeliveryId(canonical_uuid("webhook_delivery_id", request.path_params["webhook_delivery_id"]))
