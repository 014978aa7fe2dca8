"""In-memory stores, each with one bug in its queue of webhook deliveries that the contract suite has to detect."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import NewWebhookDelivery
from tekana.ports.webhook_deliveries import DeliveryRun
from tekana_memory import MemoryStore
from tekana_memory.state import DeliveryStreamRow
from tekana_memory.webhook_deliveries import MemoryWebhookDeliveries


class BrokenWebhookStore(MemoryStore):
    """A store with a bug in its queue of deliveries."""

    deliveries: type[MemoryWebhookDeliveries] = MemoryWebhookDeliveries

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.webhook_deliveries = self.deliveries(self._state, self._clock)


class LosesADelivery(BrokenWebhookStore):
    """Of several deliveries that are queued together, the last one is lost."""

    class deliveries(MemoryWebhookDeliveries):  # noqa: N801
        async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
            await super().queue(new[:-1] if len(new) > 1 else new)


class DeliversToDisabledEndpoints(BrokenWebhookStore):
    """Deliveries that wait are claimed also while their endpoint is disabled."""

    class deliveries(MemoryWebhookDeliveries):  # noqa: N801
        def _is_active(self, endpoint_id: WebhookEndpointId) -> bool:
            return endpoint_id in self._state.webhook_endpoints


class ClaimsTwice(BrokenWebhookStore):
    """A claim excludes no other dispatcher."""

    class deliveries(MemoryWebhookDeliveries):  # noqa: N801
        def _claim(self, stream: DeliveryStreamRow, length: int, until: datetime) -> DeliveryRun:
            due_at = stream.next_attempt_at
            run = super()._claim(stream, length, until)
            stream.next_attempt_at = due_at
            return run
