"""Commands about webhooks. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.webhooks.create_webhook_endpoint import CreateWebhookEndpoint
from tekana.application.commands.webhooks.delete_webhook_endpoint import DeleteWebhookEndpoint
from tekana.application.commands.webhooks.resend_webhook_delivery import ResendWebhookDelivery
from tekana.application.commands.webhooks.rotate_webhook_secret import RotateWebhookSecret
from tekana.application.commands.webhooks.send_webhook_test import SendWebhookTest
from tekana.application.commands.webhooks.update_webhook_endpoint import UpdateWebhookEndpoint

GROUP: Final = CommandGroup(
    "webhook",
    "transaction",
    (
        CreateWebhookEndpoint,
        UpdateWebhookEndpoint,
        RotateWebhookSecret,
        DeleteWebhookEndpoint,
        SendWebhookTest,
        ResendWebhookDelivery,
    ),
)

__all__ = [
    "CreateWebhookEndpoint",
    "DeleteWebhookEndpoint",
    "ResendWebhookDelivery",
    "RotateWebhookSecret",
    "SendWebhookTest",
    "UpdateWebhookEndpoint",
]
