"""The sender: it connects to public addresses only, whatever a name resolved to before, and follows nothing."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import cast

import pytest
import trustme

from tekana import InvalidRequest
from tekana.ports.webhook_sender import Undeliverable
from tekana.testing.receiver import receiving
from tekana_httpcore import HttpSender
from tekana_httpcore.addresses import is_public
from tekana_httpcore.resolver import Resolver

TIMEOUT_SECONDS = 10.0
PUBLIC = "93.184.216.34"

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - to be refused
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "192.0.0.8"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::", "2001:0:7f00:1::", "::127.0.0.1", "fec0::1"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


async def post(sender: HttpSender, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    response = await sender.send(url, headers, body, timeout_seconds=TIMEOUT_SECONDS)
    return response.status_code, response.body


def resolving(*answers: Sequence[str]) -> HttpSender:
    """Return a sender whose resolver gives these answers, one after the other."""
    following: Iterator[Sequence[str]] = iter(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(following)

    return HttpSender(resolver=resolve)


async def test_a_name_that_leads_inside_is_refused() -> None:
    for addresses in (["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:192.168.0.1"]):
        with pytest.raises(InvalidRequest, match="not on the public internet") as refused:
            await resolving(addresses).check("https://partner.example/hooks")
        assert [error.field for error in refused.value.errors] == ["url"]
    await resolving([PUBLIC]).check("https://partner.example/hooks")


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/"),
        *("https://localhost/", "https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]:8443/"),
        *("http://93.184.216.34/", "https://no-such-host.invalid/"),
    ],
)
async def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        await HttpSender().check(url)


async def test_a_name_that_is_rebound_gains_nothing() -> None:
    async with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        sender = resolving([PUBLIC], ["127.0.0.1"])
        url = f"https://partner.example:{port}/hooks"
        await sender.check(url)
        with pytest.raises(Undeliverable, match="not on the public internet"):
            await post(sender, url, {}, b"{}")
        await sender.stop()
        assert receiver.received == []


async def test_the_very_address_that_was_looked_at_is_connected_to() -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with receiving() as receiver:
        sender = HttpSender(allow_private=True, resolver=resolve)
        url = receiver.url.replace("127.0.0.1", "partner.example")
        assert await post(sender, f"{url}?a=b%20c", {"x-one": "1"}, b"body") == (200, b"thanks")
        await sender.stop()
        [one] = receiver.received
    assert asked == ["partner.example"]
    assert (one.path, one.body, one.headers["x-one"]) == ("/hooks?a=b%20c", b"body", "1")
    assert one.headers["host"].startswith("partner.example:")


async def test_http_has_to_be_allowed() -> None:
    async with receiving() as receiver:
        sender = resolving([PUBLIC])
        with pytest.raises(Undeliverable, match="http:// is not allowed"):
            await post(sender, receiver.url, {}, b"")


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sender = HttpSender(allow_private=True)
        assert (await post(sender, receiver.url, {}, b"{}"))[0] == 200
        await sender.stop()
        assert proxy.received == []


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with receiving() as receiver, receiving() as inside:
        receiver.answer = lambda _: 302
        receiver.headers = f"location: {inside.url}\r\n"
        sender = HttpSender(allow_private=True)
        assert (await post(sender, receiver.url, {}, b"{}"))[0] == 302
        await sender.stop()
        assert inside.received == []


async def test_a_certificate_has_to_be_trusted_and_of_that_name() -> None:
    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    authority = trustme.CA()
    trusting, receiving_tls = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trusting)
    authority.issue_cert("partner.example").configure_cert(receiving_tls)
    trusted = HttpSender(allow_private=True, resolver=here, tls=trusting)
    others = HttpSender(allow_private=True, resolver=here)
    async with receiving(tls=receiving_tls) as receiver:
        url = receiver.url.replace("127.0.0.1", "partner.example")
        assert await post(trusted, url, {}, b"{}") == (200, b"thanks")
        for sender, wrong in ((others, url), (trusted, url.replace("partner", "another"))):
            with pytest.raises(Undeliverable, match="the certificate or the TLS of the host is not in order"):
                await post(sender, wrong, {}, b"{}")
        assert [one.headers["host"] for one in receiver.received] == [url.split("/")[2]]
    await trusted.stop()
    await others.stop()


async def test_no_more_of_an_answer_is_read_than_is_kept() -> None:
    async with receiving() as receiver:
        receiver.body = b"x" * 50_000_000
        sender = HttpSender(allow_private=True)
        assert await post(sender, receiver.url, {}, b"{}") == (200, b"x" * 1024)
        await sender.stop()


async def test_errors_say_nothing_about_the_network() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 not HTTP\r\n")
        writer.close()

    sender = HttpSender(allow_private=True)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = []
    for scheme in ("http", "https"):
        with pytest.raises(Undeliverable) as wrong:
            await post(sender, f"{scheme}://127.0.0.1:{port}/", {}, b"{}")
        said.append(str(wrong.value))
    server.close()
    await server.wait_closed()
    with pytest.raises(Undeliverable) as refused:
        await post(sender, f"http://127.0.0.1:{port}/", {}, b"{}")
    await sender.stop()
    assert said == [
        "the connection ended without an answer",
        "the certificate or the TLS of the host is not in order",
    ]
    assert str(refused.value) == "the host does not take connections"


@pytest.mark.parametrize(("declared_length", "body"), [(100, b"ten bytes."), (10**9, b""), (None, b"thanks")])
async def test_the_status_is_the_response_whatever_becomes_of_the_body(
    declared_length: int | None, body: bytes
) -> None:
    async with receiving() as receiver:
        receiver.declared_length, receiver.body = declared_length, body
        sender = HttpSender(allow_private=True)
        for _ in range(2):
            assert await post(sender, receiver.url, {}, b"{}") == (200, body)
        await sender.stop()
        assert len(receiver.received) == 2


async def test_a_kept_connection_that_the_receiver_closed_is_replaced_at_once() -> None:
    async with receiving() as receiver:
        receiver.requests_per_connection = 1
        sender = HttpSender(allow_private=True)
        for _ in range(5):
            assert await post(sender, receiver.url, {}, b"{}") == (200, b"thanks")
        await sender.stop()
        assert (len(receiver.received), receiver.connections) == (5, 5)


async def test_a_new_connection_that_the_receiver_closes_is_a_failure() -> None:
    async with receiving() as receiver:
        receiver.requests_per_connection = 0
        sender = HttpSender(allow_private=True)
        with pytest.raises(Undeliverable, match="the connection ended without an answer"):
            await post(sender, receiver.url, {}, b"{}")
        await sender.stop()
        assert receiver.connections == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("retry-after: 120\r\n", timedelta(minutes=2)),
        ("Retry-After:  7 \r\n", timedelta(seconds=7)),
        ("date: Sun, 06 Nov 2094 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 2094 08:50:37 GMT\r\n", timedelta(minutes=1)),
        ("retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", timedelta(0)),
        *((f"retry-after: {wrong}\r\n", None) for wrong in ("", "soon", "-1", "1.5", "9" * 400, "Sun, 06 Nov", "²")),
        ("", None),
    ],
)
async def test_retry_after(headers: str, expected: timedelta | None) -> None:
    async with receiving() as receiver:
        receiver.answer, receiver.headers = lambda _: 429, headers
        sender = HttpSender(allow_private=True)
        response = await sender.send(receiver.url, {}, b"{}", timeout_seconds=TIMEOUT_SECONDS)
        await sender.stop()
    assert (response.status_code, response.retry_after) == (429, expected)


async def test_a_response_has_to_come_in_time() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: None
        sender = HttpSender(allow_private=True)
        with pytest.raises(TimeoutError):
            await sender.send(receiver.url, {}, b"{}", timeout_seconds=0.1)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while receiver.open_connections:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
        await sender.stop()


async def test_idle_connections_are_few_however_many_urls_there_are() -> None:
    async with receiving() as receiver:
        sender = HttpSender(allow_private=True)
        for number in range(150):
            await post(sender, f"{receiver.url}/{number}", {}, b"{}")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while receiver.open_connections > 64:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
        await post(sender, f"{receiver.url}/149", {}, b"{}")
        assert receiver.connections == 150
        await sender.stop()


class NameServer(asyncio.DatagramProtocol):
    """Answers questions for the one host with 127.0.0.1, and no others."""

    def __init__(self, host: str) -> None:
        self._name = b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"
        self.questions = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions += 1
        end = 12 + len(self._name)
        if data[12:end].lower() == self._name:
            is_a = data[end : end + 2] == b"\0\1"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if is_a else b""
            counts = b"\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
            self._transport.sendto(data[:2] + b"\x81\x80" + counts + data[12 : end + 4] + record, addr)


async def test_name_servers_that_never_answer_delay_only_their_own_hosts() -> None:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer("well.example"), ("127.0.0.1", 0)
    )
    resolver = Resolver(["127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])])
    sender = HttpSender(allow_private=True, resolver=resolver.resolve)
    threads = threading.active_count()
    async with receiving() as receiver:
        silent = [
            asyncio.create_task(post(sender, f"http://host-{number}.silent.example/", {}, b"{}"))
            for number in range(150)
        ]
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while server.questions < 150:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
        assert await post(sender, receiver.url.replace("127.0.0.1", "well.example"), {}, b"{}") == (200, b"thanks")
        assert not any(one.done() for one in silent)
        assert threading.active_count() <= threads + 1
        for one in silent:
            one.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
    await sender.stop()
    await resolver.stop()
    transport.close()
