"""The settings of outside issuers, and the reader of their keys, where a real issuer would not misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from tekana import Settings, connect
from tekana.application.sign_in import issuers
from tekana.application.sign_in.issuers import Issuer, IssuerKeys, is_safe_url, read_issuers
from tekana.bootstrap.adapters import find_message_sender, read_outside_issuers
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.ports.key_set_reader import Unreadable
from tekana.ports.message_sender import CodeMessage
from tekana.testing.clock import FrozenClock
from tekana_httpcore import key_sets
from tekana_httpcore.key_sets import HttpKeySetReader
from tests.serving import free_port


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://id.example.com/jwks", True),
        ("http://127.0.0.1:8080/jwks", True),
        ("http://[::1]/jwks", True),
        ("http://id.example.com/jwks", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://localhost/", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("", False),
    ],
)
def test_safe_urls(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'[{"issuer": "https://id.example"}]',
        b'[{"issuer": "https://id.example", "audience": ""}]',
        b'[{"issuer": "http://id.example", "audience": "x"}]',
        b'[{"issuer": "https://id.example", "audience": "x", "algorithms": ["none"]}]',
        b'[{"issuer": "https://id.example", "audience": "x", "algorithms": ["HS256"]}]',
        b'[{"issuer": "https://id.example", "audience": "x", "algorithms": []}]',
        b'[{"issuer": "https://id.example", "audience": "x", "jwks_url": "http://id.example/jwks"}]',
        b'[{"issuer": "https://id.example", "audience": "x", "secret": "x"}]',
        b'[{"issuer": "https://id.example", "audience": "x"}, {"issuer": "https://id.example", "audience": "y"}]',
    ],
)
def test_wrong_settings(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    file.write_bytes(text)
    with pytest.raises(InvalidRequest) as error:
        read_outside_issuers(str(file))
    assert error.value.errors[0].field == "outside_issuers"


def test_settings(tmp_path: Path) -> None:
    [found] = read_issuers(b'[{"issuer": "https://id.example", "audience": "wallet", "algorithms": ["ES256"]}]')
    assert found == Issuer(issuer="https://id.example", audience="wallet", algorithms=("ES256",))
    assert read_outside_issuers(None) == ()
    with pytest.raises(InvalidRequest):
        read_outside_issuers(str(tmp_path / "missing.json"))


async def test_our_own_issuer_is_no_outside_one(tmp_path: Path) -> None:
    file, own = tmp_path / "issuers.json", "https://id.example"
    file.write_text(f'[{{"issuer": "{own}", "audience": "x"}}]')
    with pytest.raises(InvalidRequest) as error:
        async with connect(Settings(database_url="memory://", outside_issuers=str(file), token_issuer=own)):
            pass
    assert error.value.errors[0].field == "outside_issuers"


# ---------------------------------------------------------------------- the reader, against servers that misbehave


@asynccontextmanager
async def server(answer: Callable[[], bytes], *, stays_open: bool = False) -> AsyncIterator[str]:
    """Serve one answer to every request; yield the URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer())
            await writer.drain()
            if stays_open:
                await reader.read()  # until the client closes the connection

    port = free_port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}/jwks"


@pytest.fixture
async def reader() -> AsyncIterator[HttpKeySetReader]:
    found = HttpKeySetReader()
    yield found
    await found.stop()


def _answer(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def test_a_document(reader: HttpKeySetReader) -> None:
    async with server(lambda: _answer(b"{}")) as url:
        assert await reader.read(url) == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        _answer(b"x" * (256 * 1024 + 1)),
        _answer(b"{}", "404 Not Found"),
        _answer(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
        b"no HTTP",
        b"",
    ],
    ids=["too large", "404", "redirect", "no HTTP", "closed"],
)
async def test_documents_that_cannot_be_read(reader: HttpKeySetReader, answer: bytes) -> None:
    async with server(lambda: answer) as url:
        with pytest.raises(Unreadable):
            await reader.read(url)


async def test_no_answer_in_time(reader: HttpKeySetReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "_TIMEOUT_SECONDS", 0.2)
    async with server(lambda: b"HTTP/1.1 200 OK\r\n", stays_open=True) as url:
        with pytest.raises(Unreadable, match="in time"):
            await reader.read(url)
    with pytest.raises(Unreadable):
        await reader.read(f"http://127.0.0.1:{free_port()}/")


class _Reader:
    """A reader that returns a document, and counts."""

    def __init__(self, *documents: bytes) -> None:
        self._documents = list(documents)
        self.urls: list[str] = []

    async def read(self, url: str) -> bytes:
        self.urls.append(url)
        return self._documents.pop(0) if len(self._documents) > 1 else self._documents[0]

    async def stop(self) -> None:
        """Do nothing."""


_X = b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


class _SlowReader(_Reader):
    """A reader that takes a time."""

    async def read(self, url: str) -> bytes:
        await asyncio.sleep(0.1)
        return await super().read(url)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, {"kty": "?"}]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "short"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": ["x"], "x": "%s"}]}' % _X,
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "x", "alg": ["EdDSA"], "x": "%s"}]}' % _X,
        b'{"keys": [' + b",".join([b"{}"] * 101) + b"]}",
    ],
)
async def test_key_sets_that_are_malformed(document: bytes) -> None:
    issuer = Issuer(issuer="https://id.example", audience="x", jwks_url="https://id.example/jwks")
    keys = IssuerKeys(issuer, _Reader(document))
    key = None
    with suppress(Unavailable):  # and no other error
        key = await keys.find("x")
    assert key is None or key.key_type == "oct"  # which fits no algorithm that an issuer may have


async def test_a_configuration_of_another_issuer_is_not_followed() -> None:
    issuer = Issuer(issuer="https://id.example/realm/", audience="x")
    for configuration in (
        b'{"issuer": "https://other.example", "jwks_uri": "https://id.example/jwks"}',
        b'{"issuer": "https://id.example/realm/", "jwks_uri": "http://169.254.169.254/"}',
        b'{"issuer": "https://id.example/realm/"}',
    ):
        reader = _Reader(configuration)
        with pytest.raises(Unavailable):
            await IssuerKeys(issuer, reader).find("x")
        assert reader.urls == ["https://id.example/realm/.well-known/openid-configuration"]


async def test_unknown_keys_are_looked_for_once_a_minute() -> None:
    reader = _Reader(b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "%s"}]}' % _X)
    keys = IssuerKeys(Issuer(issuer="https://id.example", audience="x", jwks_url="https://id.example/jwks"), reader)
    found = await asyncio.gather(*(keys.find(f"unknown {number}") for number in range(100)))
    assert found == [None] * 100
    assert len(reader.urls) == 1
    assert await keys.find("x") is not None


async def test_all_who_ask_for_a_key_while_it_is_read_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "%s", "x": "%s"}]}' % (kid, _X) for kid in (b"1", b"2")
    ]
    reader = _SlowReader(*documents)
    keys = IssuerKeys(Issuer(issuer="https://id.example", audience="x", jwks_url="https://id.example/jwks"), reader)
    assert None not in await asyncio.gather(*(keys.find("1") for _ in range(5)))
    monkeypatch.setattr(issuers, "UNKNOWN_KEY_RELOAD_SECONDS", 0.05)
    await asyncio.sleep(0.06)
    rotated = [asyncio.create_task(keys.find("2")) for _ in range(5)]
    await asyncio.sleep(0)
    async with asyncio.timeout(0.05):  # one that is known waits for nothing
        assert await keys.find("1") is not None
    assert None not in await asyncio.gather(*rotated)
    assert len(reader.urls) == 2


# ---------------------------------------------------------------------- senders for development


async def test_the_file_sender(tmp_path: Path) -> None:
    file = tmp_path / "codes.jsonl"
    sender = find_message_sender(f"file://{file}")
    assert sender is not None
    for _ in range(2):
        await sender.send(CodeMessage("main", "sms", "+250788123456", "04821937", FrozenClock()()))
    await sender.stop()
    assert file.stat().st_mode & 0o777 == 0o600
    line = (
        '{"tenant": "main", "channel": "sms", "recipient": "+250788123456", "code": "04821937", '
        '"expires_at": "2026-01-31T12:00:00+00:00"}\n'
    )
    assert file.read_text() == 2 * line
    with pytest.raises(InvalidRequest):
        find_message_sender("file://")


async def test_the_console_sender(capsys: pytest.CaptureFixture[str]) -> None:
    sender = find_message_sender("console://")
    assert sender is not None
    await sender.send(CodeMessage("main", "sms", "+250788123456", "04821937", FrozenClock()()))
    await sender.stop()
    assert "04821937" in capsys.readouterr().err
    assert find_message_sender(None) is None
