"""Apache Kafka that clients reach with TLS and a password only."""

from __future__ import annotations

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.kafka.brokers import ApacheKafka
from tests.serving import free_port


class SecureKafka(ApacheKafka):
    """Apache Kafka with TLS and SASL. `ca_file` has the authority that issued its certificate."""

    USER, PASSWORD = "tekana", "p@ss:w/rd-of-a-broker"
    format_options = (
        *("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"),
        *("--add-scram", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"),
    )

    def settings(self) -> dict[str, str]:
        """Return the settings of the broker: clients need TLS and a password, other brokers do not."""
        plain = super().settings()
        inner = f"127.0.0.1:{free_port()}"
        login = "org.apache.kafka.common.security.{} required{};"
        return plain | {
            "listeners": f"{plain['listeners']},INNER://{inner}",
            "advertised.listeners": f"{plain['advertised.listeners']},INNER://{inner}",
            "listener.security.protocol.map": "BROKER:SASL_SSL,CONTROLLER:PLAINTEXT,INNER:PLAINTEXT",
            "inter.broker.listener.name": "INNER",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore()),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
            "listener.name.broker.scram-sha-512.sasl.jaas.config": login.format("scram.ScramLoginModule", ""),
            "listener.name.broker.scram-sha-256.sasl.jaas.config": login.format("scram.ScramLoginModule", ""),
            "listener.name.broker.plain.sasl.jaas.config": login.format(
                "plain.PlainLoginModule", f' user_{self.USER}="{self.PASSWORD}"'
            ),
        }

    @property
    def ca_file(self) -> Path:
        """The file with the certificate of the authority."""
        return self.folder / "ca.pem"

    def _keystore(self) -> Path:
        """Write the files of the authority and of the broker's key, and return the latter."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("127.0.0.1")
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)  # Kafka reads PKCS #8 only
        found = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        keystore = self.folder / "broker.pem"
        keystore.write_bytes(found + b"".join(one.bytes() for one in issued.cert_chain_pems))
        return keystore
