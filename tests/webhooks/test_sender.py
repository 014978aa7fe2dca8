"""The sender: to public addresses alone, whatever a name says at first, and never further than asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence

import pytest
import trustme

from tekana import InvalidRequest
from tekana.ports.webhooks import Undeliverable
from tekana.testing.receiver import receiving
from tekana_httpcore import HttpSender
from tekana_httpcore.addresses import is_public

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


def resolving(*answers: Sequence[str]) -> HttpSender:
    """A sender whose resolver gives these answers, one after the other."""
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
            await sender.send(url, {}, b"{}")
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
        assert await sender.send(f"{url}?a=b%20c", {"x-one": "1"}, b"body") == (200, b"thanks")
        await sender.stop()
        [one] = receiver.received
    assert asked == ["partner.example"]
    assert (one.path, one.body, one.headers["x-one"]) == ("/hooks?a=b%20c", b"body", "1")
    assert one.headers["host"].startswith("partner.example:")


async def test_http_is_for_those_who_allow_it() -> None:
    async with receiving() as receiver:
        sender = resolving([PUBLIC])
        with pytest.raises(Undeliverable, match="http:// is not allowed"):
            await sender.send(receiver.url, {}, b"")


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sender = HttpSender(allow_private=True)
        assert (await sender.send(receiver.url, {}, b"{}"))[0] == 200
        await sender.stop()
        assert proxy.received == []


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with receiving() as receiver, receiving() as inside:
        receiver.answer = lambda _: 302
        receiver.headers = f"location: {inside.url}\r\n"
        sender = HttpSender(allow_private=True)
        assert (await sender.send(receiver.url, {}, b"{}"))[0] == 302
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
        assert await trusted.send(url, {}, b"{}") == (200, b"thanks")
        for sender, wrong in ((others, url), (trusted, url.replace("partner", "another"))):
            with pytest.raises(Undeliverable, match="the certificate or the TLS of the host is not in order"):
                await sender.send(wrong, {}, b"{}")
        assert [one.headers["host"] for one in receiver.received] == [url.split("/")[2]]
    await trusted.stop()
    await others.stop()


async def test_no_more_of_an_answer_is_read_than_is_kept() -> None:
    async with receiving() as receiver:
        receiver.body = b"x" * 50_000_000
        sender = HttpSender(allow_private=True)
        assert await sender.send(receiver.url, {}, b"{}") == (200, b"x" * 1024)
        await sender.stop()


async def test_what_does_not_answer_is_told_without_naming_the_network() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 not HTTP\r\n")
        writer.close()

    sender = HttpSender(allow_private=True)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = []
    for scheme in ("http", "https"):
        with pytest.raises(Undeliverable) as wrong:
            await sender.send(f"{scheme}://127.0.0.1:{port}/", {}, b"{}")
        said.append(str(wrong.value))
    server.close()
    await server.wait_closed()
    with pytest.raises(Undeliverable) as nobody:
        await sender.send(f"http://127.0.0.1:{port}/", {}, b"{}")
    await sender.stop()
    assert said == [
        "the connection ended without an answer",
        "the certificate or the TLS of the host is not in order",
    ]
    assert str(nobody.value) == "the host does not take connections"
