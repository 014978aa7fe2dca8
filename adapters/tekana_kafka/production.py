"""The checks of a bus for production: no connection to another machine is without TLS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from tekana.domain.errors import FieldError, Unavailable
from tekana.ports.production import is_local, weakness_of
from tekana_kafka.address import Address

_TIMEOUT_MS: Final = 5_000


async def production_faults(address: Address) -> Sequence[FieldError]:
    """Return what is not safe for production in an address, and in what its brokers say.

    Without TLS it asks a broker, as clients connect to those that it names, which may be on other machines.

    Raises:
        Unavailable: no broker can be reached.
    """
    faults = address_faults(address)
    if faults or address.security.protocol != "PLAINTEXT":
        return faults
    return [_without_tls(server) for server in await _brokers(address) if not _is_local(server)][:1]


def address_faults(address: Address) -> list[FieldError]:
    """Return what is not safe for production in an address: another machine without TLS, a weak password."""
    security = address.security
    remote = [] if security.protocol != "PLAINTEXT" else [one for one in address.servers if not _is_local(one)]
    faults = [_without_tls(server) for server in remote[:1]]
    if security.password and (weakness := weakness_of(security.password)):
        faults.append(FieldError("bus_url", f"has a password that {weakness}"))
    return faults


def _is_local(server: str) -> bool:
    return is_local(server.rpartition(":")[0])


def _without_tls(server: str) -> FieldError:
    return FieldError("bus_url", f"has no TLS to {server}")


async def _brokers(address: Address) -> Sequence[str]:
    """Return the brokers of the cluster, each host:port."""
    client = AIOKafkaClient(**address.client_options(), request_timeout_ms=_TIMEOUT_MS)
    try:
        await client.bootstrap()
        return sorted(f"{one.host}:{one.port}" for one in client.cluster.brokers())
    except (KafkaError, OSError, TimeoutError) as error:
        why = await address.explain(error)
        raise Unavailable(f"Kafka at {', '.join(address.servers)} cannot be checked: {why}") from error
    finally:
        await client.close()
