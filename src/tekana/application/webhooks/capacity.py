"""How many deliveries are sent at a time: to each endpoint, and in all.

Endpoints that respond quickly and endpoints that do not have separate limits, so that those that never respond delay
only one another. Within a limit, places are dealt to the endpoints in turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt
from tekana.ports.webhook_endpoints import ActiveWebhookEndpoint

ENDPOINT_CONCURRENCY_MAX: Final = 8
"""The most deliveries to send to one endpoint at a time."""

CONCURRENCY_MAX: Final = 256
"""The most deliveries to send at a time in all."""

SLOW_CONCURRENCY_MAX: Final = 128
"""The most of these to send to endpoints that are slow or do not respond."""

SLOW_SECONDS: Final = 1.0
"""An attempt that takes longer makes its endpoint a slow one."""

SILENCE_PAUSE_SECONDS_MAX: Final = 5.0
"""The longest pause between two attempts at an endpoint that does not respond."""

RETRY_AFTER_MAX: Final = timedelta(hours=1)
"""The longest wait that a receiver can ask for with `Retry-After`."""

Speed = Literal["unknown", "quick", "slow", "silent"]


class Share(NamedTuple):
    """What may be started now: so many for each endpoint, and so many of these in all."""

    capacity: dict[WebhookEndpointId, int]
    limit: int


@dataclass(slots=True)
class _Load:
    """The attempts in flight to one endpoint, by the second of their start, and what the last ones showed."""

    speed: Speed = "unknown"
    started: dict[WebhookDeliveryId, float] = field(default_factory=dict)
    silences: int = 0
    paused_until: float = 0.0

    def is_slow(self, now: float) -> bool:
        overdue = bool(self.started) and now - next(iter(self.started.values())) > SLOW_SECONDS
        return overdue or self.speed in ("slow", "silent")

    def is_paused(self, now: float) -> bool:
        return now < self.paused_until

    def free(self, now: float) -> int:
        if self.is_paused(now):
            return 0
        most = ENDPOINT_CONCURRENCY_MAX if self.speed in ("quick", "slow") else 1
        return max(0, most - len(self.started))


class SendCapacity:
    """Counts the attempts in flight. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._loads: dict[WebhookEndpointId, _Load] = {}

    def shares(self, active: Sequence[ActiveWebhookEndpoint], now: float) -> Iterator[Share]:
        """Yield what may be started now: for the quick endpoints, then for the others.

        The caller starts what it claims of the first share before it asks for the second.
        """
        self._forget({one.id for one in active})
        for one in active:
            if one.id not in self._loads:
                self._loads[one.id] = _Load("silent" if one.failing else "unknown")
        for slow, most in ((False, CONCURRENCY_MAX - SLOW_CONCURRENCY_MAX), (True, SLOW_CONCURRENCY_MAX)):
            group = [load for load in self._loads.values() if load.is_slow(now) is slow]
            room = min(most - _in_flight(group), CONCURRENCY_MAX - _in_flight(self._loads.values()))
            loads = ((one.id, self._loads[one.id]) for one in active)
            capacity = {id_: load.free(now) for id_, load in loads if load.is_slow(now) is slow and load.free(now)}
            if capacity and room > 0:
                yield Share(capacity, room)

    def start(self, endpoint_id: WebhookEndpointId, delivery_id: WebhookDeliveryId, now: float) -> None:
        """Count an attempt that starts."""
        self._loads.setdefault(endpoint_id, _Load()).started[delivery_id] = now

    def is_paused(self, endpoint_id: WebhookEndpointId, now: float) -> bool:
        """Return whether nothing may be started for an endpoint, however little is in flight."""
        load = self._loads.get(endpoint_id)
        return load is not None and load.is_paused(now)

    def finish(
        self,
        endpoint_id: WebhookEndpointId,
        delivery_id: WebhookDeliveryId,
        attempt: DeliveryAttempt,
        retry_after: timedelta | None,
        now: float,
    ) -> None:
        """Count an attempt as finished, and adapt the endpoint's capacity to how it went."""
        load = self._loads.setdefault(endpoint_id, _Load())
        load.started.pop(delivery_id, None)
        if attempt.status_code is None:
            pause = min(2.0**load.silences, SILENCE_PAUSE_SECONDS_MAX)
            load.speed, load.silences, load.paused_until = "silent", load.silences + 1, now + pause
            return
        load.speed = "slow" if attempt.duration_ms > 1000 * SLOW_SECONDS else "quick"
        load.silences = 0
        if retry_after is not None:
            load.paused_until = max(load.paused_until, now + min(retry_after, RETRY_AFTER_MAX).total_seconds())

    def _forget(self, active: set[WebhookEndpointId]) -> None:
        for endpoint_id in [id_ for id_, load in self._loads.items() if id_ not in active and not load.started]:
            del self._loads[endpoint_id]


def _in_flight(loads: Iterable[_Load]) -> int:
    return sum(len(load.started) for load in loads)
