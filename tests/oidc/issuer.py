"""A real OpenID Connect issuer as a process of this machine: oidc-provider, which npm installs and Node.js runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.serving import free_port, http

_HERE = Path(__file__).parent
_SECRET = "a-secret-of-a-test"  # noqa: S105
AUDIENCE = "https://wallet.example/api"


class OutsideIssuer:
    """The running issuer. `issue` gets an access token from it, `configure` changes its keys."""

    def __init__(self, folder: Path, subjects: list[str], claims: dict[str, Any]) -> None:
        installed = os.environ.get("TEKANA_TEST_ISSUER")
        if installed is None:
            pytest.skip("not here: an OpenID Connect issuer, which `nox -s oidc` installs with npm")
        self.url = f"http://127.0.0.1:{free_port()}"
        self._settings: dict[str, Any] = {"subjects": subjects, "claims": claims, "lifetime_seconds": 300}
        self._file = folder / "issuer.json"
        # Node.js looks for packages beside the file that imports them.
        program = Path(shutil.copy(_HERE / "issuer.js", Path(installed) / f"issuer-{os.getpid()}.mjs"))
        self.configure("RS256", "first")
        self._process = subprocess.Popen(
            ["node", str(program), self.url.rpartition(":")[2], str(self._file)], stdout=subprocess.PIPE, text=True
        )
        self._wait_for("ready")
        program.unlink()

    def configure(self, algorithm: str, *kids: str, lifetime_seconds: int = 300) -> None:
        """Have it sign with new keys of these ids; the first one signs."""
        keys = [_private_key(algorithm, kid) for kid in kids]
        self._settings |= {"keys": keys, "algorithm": algorithm, "lifetime_seconds": lifetime_seconds}
        self._file.write_text(json.dumps(self._settings))
        if hasattr(self, "_process"):
            self._process.send_signal(signal.SIGHUP)
            self._wait_for("loaded")

    def issue(self, subject: str, audience: str = AUDIENCE) -> str:
        """Return an access token of a subject, by the grant of client credentials."""
        answer = http.post(
            f"{self.url}/token",
            auth=httpx.BasicAuth(subject, _SECRET),
            data={"grant_type": "client_credentials", "resource": audience, "scope": "wallet"},
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _wait_for(self, line: str) -> None:
        assert self._process.stdout is not None
        while self._process.poll() is None:
            if self._process.stdout.readline().strip() == line:
                return
        raise AssertionError("the issuer did not start")


def _private_key(algorithm: str, kid: str) -> dict[str, Any]:
    key: Any
    if algorithm.startswith("ES"):
        key, converter = ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm
    elif algorithm == "EdDSA":
        key, converter = ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm
    else:
        key, converter = rsa.generate_private_key(65537, 2048), jwt.algorithms.RSAAlgorithm
    found = {"kid": kid, "use": "sig", "alg": algorithm, **converter.to_jwk(key, as_dict=True)}
    found.pop("key_ops", None)
    return found
