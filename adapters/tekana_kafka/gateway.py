"""A gateway's end of the bus: an engine and readers that ask the services, and keep nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from tekana.application import Batch, Webhooks
from tekana.application.commands.validation import check_key
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.domain.book import Answer
from tekana.domain.caller import LOCAL_OPERATOR, Caller
from tekana.domain.errors import Overloaded
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets
from tekana_kafka.address import Address, parse_address
from tekana_kafka.command_messages import AnyCommand, command_message
from tekana_kafka.query_messages import QUERIES, Previews
from tekana_kafka.reply_codec import OUTCOME, OUTCOMES
from tekana_kafka.rpc_client import RpcClient


class KafkaGateway:
    """Implements tekana.application.bus.Gateway. It is built from a URL without touching the world."""

    def __init__(self, url: str) -> None:
        address = parse_address(url)
        requests = RpcClient(address)
        self.engine = RemoteEngine(address, requests)
        self.readers = RemoteReaders(address, requests)
        self.webhooks = cast("Webhooks", _RemotePort("webhooks", address, requests, LOCAL_OPERATOR))


class RemoteEngine:
    """Implements tekana.application.Engine: commands are decided by the services."""

    def __init__(self, address: Address, requests: RpcClient) -> None:
        self._address = address
        self._requests = requests
        self._serving = False

    def start(self) -> None:
        """Begin to serve."""
        self._serving = True

    async def stop(self) -> None:
        """Take nothing new, and wait for the replies to what was asked."""
        self._serving = False
        await self._requests.settle()

    def check_serving(self) -> None:
        """Raises Overloaded unless commands are taken."""
        if not self._serving:
            raise Overloaded("not serving: starting up or shutting down")

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, for good."""
        body = await self._ask(envelope.command, envelope.caller, envelope.key, envelope.request_id)
        return cast("Outcome", OUTCOME.decode(body))

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Have a command decided, as `submit` does, for a caller without a task of its own."""
        return asyncio.ensure_future(self.submit(envelope))

    async def submit_batch(
        self, batch: Batch, *, caller: Caller, key: str | None = None, request_id: str | None = None
    ) -> list[Outcome]:
        """Have the movements of a batch decided, for good; gives the outcome of each."""
        return list(OUTCOMES.decode(await self._ask(batch, caller, key, request_id)))

    async def preview(self, envelope: Envelope) -> Answer:
        """What the command would lead to now. Nothing is kept."""
        previews = cast("Previews", _RemotePort("previews", self._address, self._requests, envelope.caller))
        return await previews.preview(cast("AnyCommand", envelope.command), envelope.caller)

    async def _ask(self, command: object, caller: Caller, key: str | None, request_id: str | None) -> bytes:
        self.check_serving()
        if key is None:
            key = f"once-{uuid.uuid4()}"  # the bus may deliver the message twice
        else:
            check_key(key)
        message = command_message(command, caller=caller, key=key, request_id=request_id)
        return await self._requests.ask(message, self._address.commands(message.aggregate))


class RemoteReaders:
    """Implements tekana.ports.store.Readers: what is read, the services read."""

    def __init__(self, address: Address, requests: RpcClient) -> None:
        self.location = f"the services behind Kafka at {', '.join(address.servers)}"
        self._address = address
        self._requests = requests

    def customers(self, caller: Caller) -> Customers:
        """Return a reader of customers that asks on behalf of the caller."""
        return cast("Customers", _RemotePort("customers", self._address, self._requests, caller))

    def wallets(self, caller: Caller) -> Wallets:
        """Return a reader of wallets that asks on behalf of the caller."""
        return cast("Wallets", _RemotePort("wallets", self._address, self._requests, caller))

    def transactions(self, caller: Caller) -> Transactions:
        """Return a reader of transactions that asks on behalf of the caller."""
        return cast("Transactions", _RemotePort("transactions", self._address, self._requests, caller))

    def events(self, caller: Caller) -> Events:
        """Return a reader of events that asks on behalf of the caller."""
        return cast("Events", _RemotePort("events", self._address, self._requests, caller))

    async def start(self) -> None:
        """Connect to the bus, which need not be there yet."""
        await self._requests.start()

    async def stop(self) -> None:
        """Let go of the bus."""
        await self._requests.stop()

    async def check_ready(self) -> Sequence[str]:
        """Raises Unavailable unless the bus answers. Whether the services do, they say themselves."""
        await self._requests.check_ready()
        return ()


class _RemotePort:
    """A port with every method that QUERIES has of it: each asks its question over the bus."""

    def __init__(self, port: str, address: Address, requests: RpcClient, caller: Caller) -> None:
        self._port = port
        self._caller = caller
        self._address = address
        self._requests = requests

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        try:
            query = QUERIES[f"{self._port}.{method}"]
        except KeyError:
            raise AttributeError(f"{self._port} has no {method}") from None

        async def ask(*given: Any, **named: Any) -> Any:
            message = query.message(self._caller, *given, **named)
            return query.answer.decode(await self._requests.ask(message, self._address.queries(query.aggregate)))

        return ask
