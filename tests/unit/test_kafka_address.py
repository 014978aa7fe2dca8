"""The address of the bus, and the names of its topics."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tekana.domain.errors import InvalidRequest
from tekana_kafka.address import Address, parse_address
from tekana_kafka.connection import Security


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("kafka://127.0.0.1:9092", Address(("127.0.0.1:9092",))),
        ("kafka://one:9092,two.example.com:9093/", Address(("one:9092", "two.example.com:9093"))),
        ("kafka://[::1]:9092", Address(("[::1]:9092",))),
        ("kafka://127.0.0.1:9092,[::1]:9093", Address(("127.0.0.1:9092", "[::1]:9093"))),
        ("kafka://[::1]:9092,[2001:db8::1]:65535/", Address(("[::1]:9092", "[2001:db8::1]:65535"))),
        ("kafka://one:9092?topic_prefix=a.b-c_d&partitions=3", Address(("one:9092",), "a.b-c_d", 3)),
    ],
)
def test_valid_urls_are_parsed(url: str, address: Address) -> None:
    assert parse_address(url) == address


def test_tls_and_sasl_are_options_of_the_url(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    secure = f"security_protocol=SASL_SSL&ssl_cafile={ca_file}"
    address = parse_address(f"kafka://me:p%40ss%3Aw%2Frd@one:9093,[::1]:9094?{secure}&sasl_mechanism=SCRAM-SHA-256")
    assert address.servers == ("one:9093", "[::1]:9094")
    assert address.security == Security("SASL_SSL", str(ca_file), "SCRAM-SHA-256", "me", "p@ss:w/rd")
    assert "p@ss" not in repr(address)
    options = address.client_options()
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "p@ss:w/rd")
    assert (options["ssl_context"].verify_mode, options["ssl_context"].check_hostname) == (ssl.CERT_REQUIRED, True)
    tls = parse_address("kafka://one:9093?security_protocol=SSL").client_options()
    assert set(tls) == {"bootstrap_servers", "security_protocol", "ssl_context"}
    assert tls["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert parse_address("kafka://me:x@one:9093?security_protocol=SASL_SSL").security.mechanism == "SCRAM-SHA-512"
    assert parse_address("kafka://one:9093").client_options() == {"bootstrap_servers": ["one:9093"]}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("kafka://me:secret@one:9092", "need security_protocol=SASL_SSL"),
        ("kafka://me:secret@one:9092?security_protocol=SSL", "need security_protocol=SASL_SSL"),
        ("kafka://me:secret@one:9092?security_protocol=SASL_PLAINTEXT", "must be one of PLAINTEXT, SSL, SASL_SSL"),
        ("kafka://one:9092?sasl_mechanism=PLAIN", "need security_protocol=SASL_SSL"),
        ("kafka://one:9092?security_protocol=SASL_SSL", "needs a user and a password"),
        ("kafka://me@one:9092?security_protocol=SASL_SSL", "needs a user and a password"),
        ("kafka://:secret@one:9092?security_protocol=SASL_SSL", "needs a user and a password"),
        (
            "kafka://me:secret@one:9092?security_protocol=SASL_SSL&sasl_mechanism=GSSAPI",
            "sasl_mechanism must be one of",
        ),
        ("kafka://one:9092?security_protocol=SSL&ssl_cafile=/nowhere", "cannot be read: No such file"),
        (f"kafka://one:9092?security_protocol=SSL&ssl_cafile={__file__}", "ssl_cafile cannot be read"),
        ("kafka://one:9092?ssl_cafile=/nowhere", "ssl_cafile needs security_protocol"),
        ("kafka://one:9092?security_protocol=SSL&ssl_verify=false", "must be a URL such as"),
    ],
)
def test_a_contradiction_about_tls_and_sasl_is_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        parse_address(url)
    assert [error.field for error in refused.value.errors] == ["bus_url"]
    assert "secret" not in str(refused.value)


def test_each_aggregate_has_its_topics() -> None:
    topics = ("tekana.customer", "tekana.wallet", "tekana.transaction", "tekana.approval")
    assert parse_address("kafka://one:9092").topics == topics
    assert parse_address("kafka://one:9092?topic_prefix=x").topic("wallet") == "x.wallet"


@pytest.mark.parametrize(
    "url",
    [
        *("kafka://", "kafka://one", "kafka://one:x", "kafka://one:9092,", "kafka://me:secret@one:9092", "one:9092"),
        *("kafka://one:9092/topic", "kafka://one:9092#x", "kafka://one:9092?acks=0", "http://one:9092", "kafka://[:1"),
        *("kafka://one:9092?topic_prefix=", "kafka://one:9092?topic_prefix=a/b", "kafka://one:9092?partitions"),
        *("kafka://one:0", "kafka://one:65536", "KAFKA://one:9092", "kafka://one:9092\n", "kafka://one:9092,[::1]"),
        *("kafka://one:9092?partitions=0", "kafka://one:9092?partitions=-1", "kafka://one:9092?partitions=many"),
    ],
)
def test_an_invalid_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_address(url)
    assert [error.field for error in refused.value.errors] == ["bus_url"]
    assert "secret" not in str(refused.value)


def test_an_ipv6_address_in_a_list_with_the_system_python() -> None:
    """Some versions of urllib reject it."""
    python = Path("/usr/bin/python3")
    version = "import sys; print(*sys.version_info[:2])"
    ours = subprocess.run([sys.executable, "-c", version], capture_output=True, check=True).stdout
    if not python.exists() or subprocess.run([python, "-c", version], capture_output=True, check=True).stdout != ours:
        pytest.skip("not here: a Python of the system of the same version, which can use the installed libraries")
    code = "from tekana_kafka.address import parse_address as p; print(p('kafka://127.0.0.1:9092,[::1]:9093').servers)"
    libraries = [path for path in sys.path if path and not path.startswith(sys.base_prefix)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(libraries)}
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("('127.0.0.1:9092', '[::1]:9093')\n", "")
