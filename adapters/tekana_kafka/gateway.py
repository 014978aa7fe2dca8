"""The gateway: an engine and readers that send commands and queries to the services, and store nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from tekana.application import Batch, BatchOutcome, Webhooks
from tekana.application.authentication import KeyVerifier
from tekana.application.commands.validation import check_key
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.sign_in.ports import SignInPorts
from tekana.domain.answers import Answer
from tekana.domain.caller import AUTHENTICATION, Caller
from tekana.domain.errors import Overloaded
from tekana.ports.audit_log import AuditRecords
from tekana.ports.readers import READERS, Readers
from tekana_kafka.address import Address, parse_address
from tekana_kafka.command_handlers import HANDLERS
from tekana_kafka.command_messages import command_message
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.query_messages import QUERIES
from tekana_kafka.rpc_client import RpcClient
from tekana_kafka.service_table import SIGN_IN_PORTS, AnyCommand, CoreCommand


class KafkaGateway:
    """Implements tekana.application.bus.Gateway. Built from a URL without connecting."""

    def __init__(self, url: str, secrets: Sequence[str]) -> None:
        address = parse_address(url)
        client = RpcClient(address, MessageCipher(secrets))
        self._requests = Requests(address, client)
        self.engine = RemoteEngine(self._requests, client)
        self.readers = cast("Readers", RemoteReaders(address, self._requests, client))
        self.key_verifier = cast("KeyVerifier", self._requests.port("key_verifier", AUTHENTICATION))
        self.audit_records = cast("AuditRecords", self._requests.port("audit_records", AUTHENTICATION))
        self.sign_in = SignInPorts(*(self._requests.port(name, AUTHENTICATION) for name in SIGN_IN_PORTS))

    def webhooks(self, caller: Caller) -> Webhooks:
        """Return a reader of webhooks that asks on behalf of the caller."""
        return cast("Webhooks", self._requests.port("webhooks", caller))


class Requests:
    """Sends commands and queries to the topics of `service_table`."""

    def __init__(self, address: Address, client: RpcClient) -> None:
        self._address = address
        self._client = client

    async def execute(
        self,
        command: AnyCommand,
        caller: Caller,
        key: str | None,
        request_id: str | None = None,
        address: str | None = None,
    ) -> Any:
        """Have a service execute a command, and return the answer. Without a key, a new one is used, as the bus may
        deliver the command twice.

        Raises:
            TekanaError: as `RpcClient.call` does.
        """
        if key is None:
            key = f"once-{uuid.uuid4()}"
        else:
            check_key(key)
        message = command_message(command, caller=caller, key=key, request_id=request_id, address=address)
        answer = HANDLERS[type(command)].answer
        return await self._client.call(message, self._address.commands(message.topic), answer)

    def port(self, name: str, caller: Caller) -> Any:
        """Return the port with this name for the caller: its query methods are executed over the bus."""
        return _RemotePort(name, caller, self._address, self._client)


class RemoteEngine:
    """Implements tekana.application.Engine: the services execute the commands."""

    def __init__(self, requests: Requests, client: RpcClient) -> None:
        self._requests = requests
        self._client = client
        self._serving = False

    def start(self) -> None:
        """Begin to serve."""
        self._serving = True

    async def stop(self) -> None:
        """Accept no more commands, and wait for the replies to sent ones."""
        self._serving = False
        await self._client.settle()

    def check_serving(self) -> None:
        """Raise Overloaded unless commands are accepted."""
        if not self._serving:
            raise Overloaded("not serving: starting up or shutting down")

    def check_alive(self) -> None:
        """As `check_serving`: the client of the bus connects again by itself."""
        self.check_serving()

    def statistics(self) -> None:
        """Return None: the services have the statistics."""

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a service execute a command."""
        self.check_serving()
        command = cast("CoreCommand", envelope.command)
        outcome = await self._requests.execute(
            command, envelope.caller, envelope.key, envelope.request_id, envelope.address
        )
        return cast("Outcome", outcome)

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Have a service execute a command like `submit`, without a task of its own."""
        return asyncio.ensure_future(self.submit(envelope))

    async def submit_batch(
        self,
        batch: Batch,
        *,
        caller: Caller,
        key: str | None = None,
        request_id: str | None = None,
        address: str | None = None,
    ) -> list[Outcome]:
        """Have a service execute a batch, and return the outcome of each command."""
        self.check_serving()
        return list(await self._requests.execute(batch, caller, key, request_id, address))

    async def preview(self, envelope: Envelope) -> Answer:
        """Return the answer that the command would have now. Nothing is stored."""
        answer: Answer = await self._requests.port("previews", envelope.caller).preview(envelope.command)
        return answer

    async def preview_batch(self, batch: Batch, caller: Caller) -> Sequence[Answer]:
        """Return the answers that the commands of a batch would have now. Nothing is stored."""
        outcome: BatchOutcome = await self._requests.port("previews", caller).preview_batch(batch)
        return outcome.transactions


class RemoteReaders:
    """Implements tekana.ports.readers.Readers with queries to the services: a method for each of READERS."""

    def __init__(self, address: Address, requests: Requests, client: RpcClient) -> None:
        self.location = f"the services behind Kafka at {', '.join(address.servers)}"
        self._client = client
        for reader in READERS:
            setattr(self, reader.name, partial(requests.port, reader.name))

    async def start(self) -> None:
        """Connect to the bus, which need not be reachable yet."""
        await self._client.start()

    async def stop(self) -> None:
        """Disconnect from the bus."""
        await self._client.stop()

    async def check_ready(self) -> Sequence[str]:
        """Raise Unavailable if the bus cannot be reached. The services report their own readiness."""
        await self._client.check_ready()
        return ()


class _RemotePort:
    """A port with its methods in QUERIES, without their parameter `caller`."""

    def __init__(self, port: str, caller: Caller, address: Address, client: RpcClient) -> None:
        self._port = port
        self._caller = caller
        self._address = address
        self._client = client

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        try:
            query = QUERIES[f"{self._port}.{method}"]
        except KeyError:
            raise AttributeError(f"{self._port} has no {method}") from None

        async def call(*positional: Any, **named: Any) -> Any:
            message = query.message(self._caller, *positional, **named)
            return await self._client.call(message, self._address.queries(message.topic), query.answer)

        return call
