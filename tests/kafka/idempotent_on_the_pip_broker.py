"""Make aiokafka's idempotent producer work with the broker from the wheel. For tests only.

aiokafka sends InitProducerId in version 0, which the broker does not support; it requires version 3, which is version
0 with two more fields, for a producer that had an id before.
"""

from __future__ import annotations

from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.transaction import InitProducerIdRequest, InitProducerIdRequest_v0
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, Schema, TaggedFields


class InitProducerIdResponse_v3(Response):  # noqa: N801 - the naming of aiokafka
    """The response with the id, as in version 0."""

    API_KEY, API_VERSION = 22, 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


class InitProducerIdRequest_v3(RequestStruct):  # noqa: N801 - the naming of aiokafka
    """The request for an id; -1 means none before."""

    FLEXIBLE_VERSION = True
    API_KEY, API_VERSION = 22, 3
    RESPONSE_TYPE = InitProducerIdResponse_v3
    SCHEMA = Schema(
        ("transactional_id", CompactString("utf-8")),
        ("transaction_timeout_ms", Int32),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


def _build(request: InitProducerIdRequest, version: type[RequestStruct]) -> RequestStruct:
    asked = (request._transactional_id, request._transaction_timeout_ms)
    return version(*asked, -1, -1, {}) if version is InitProducerIdRequest_v3 else version(*asked)


def install() -> None:
    """Make aiokafka choose the version that the broker supports."""
    InitProducerIdRequest._CLASSES = (InitProducerIdRequest_v0, InitProducerIdRequest_v3)
    InitProducerIdRequest.build = _build  # type: ignore[method-assign]
