"""An example of each body and answer about webhooks, beside what `examples` has."""

from __future__ import annotations

from typing import Any, Final

from tekana_litestar import webhook_wire

WEBHOOK_ENDPOINT_ID: Final = "019a3c52-7f00-7000-8000-000000000006"
WEBHOOK_DELIVERY_ID: Final = "019a3c52-7f00-7000-8000-000000000007"
_CREATED: Final = "2026-01-31T12:00:00Z"
_SENT: Final = "2026-01-31T12:05:00.123456Z"

_WEBHOOK_ENDPOINT: Final[dict[str, Any]] = {
    "id": WEBHOOK_ENDPOINT_ID,
    "url": "https://example.com/hooks",
    "description": "Accounting",
    "event_types": ["FundsDeposited", "FundsTransferred"],
    "status": "active",
    "disabled_reason": None,
    "failing_since": None,
    "created_at": _CREATED,
    "updated_at": _CREATED,
}
_WEBHOOK_DELIVERY: Final[dict[str, Any]] = {
    "id": WEBHOOK_DELIVERY_ID,
    "endpoint_id": WEBHOOK_ENDPOINT_ID,
    "event_id": "019a3c52-7f00-7000-8000-000000000004:1",
    "event_type": "FundsTransferred",
    "status": "delivered",
    "attempts": [{"at": _SENT, "duration_ms": 37, "status_code": 200, "answer": "thanks", "error": None}],
    "created_at": _SENT,
    "ended_at": _SENT,
}


WEBHOOK_EXAMPLES: Final[dict[type, dict[str, Any]]] = {
    webhook_wire.NewWebhookEndpoint: {
        "url": "https://example.com/hooks",
        "description": "Accounting",
        "event_types": ["FundsDeposited", "FundsTransferred"],
    },
    webhook_wire.WebhookEndpointChanges: {"event_types": None, "status": "active"},
    webhook_wire.WebhookEndpoint: _WEBHOOK_ENDPOINT,
    webhook_wire.WebhookEndpointWithSecret: {
        **_WEBHOOK_ENDPOINT,
        "secret": "whsec_QW4gZXhhbXBsZSwgbm90IGEgc2VjcmV0Lg==",
    },
    webhook_wire.WebhookEndpointPage: {"items": [_WEBHOOK_ENDPOINT], "next_cursor": None},
    webhook_wire.WebhookDelivery: _WEBHOOK_DELIVERY,
    webhook_wire.WebhookDeliveryPage: {"items": [_WEBHOOK_DELIVERY], "next_cursor": None},
}
