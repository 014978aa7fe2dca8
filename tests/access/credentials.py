"""Broken credentials, one line each. All of them have one same answer."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from uuid_utils.compat import uuid7

from tekana import LOCAL_OPERATOR, KeyProperties, RevokeApiKey, Tekana, create_api_key
from tekana.application.authentication.key_text import make_secret
from tekana.domain.identifiers import ApiKeyId

Headers = tuple[tuple[str, str], ...]

_SHOP: Final = KeyProperties("Shop", "operator")
_EXPIRES_AFTER: Final = timedelta(seconds=0.3)


async def broken_credentials(tekana: Tekana) -> dict[str, Headers]:
    """Return the headers of each kind of broken credential, by its name."""
    operator = tekana.as_caller(LOCAL_OPERATOR)
    valid, other, revoked, expired = [
        await create_api_key(operator, one)
        for one in (_SHOP, _SHOP, _SHOP, _SHOP._replace(expires_at=datetime.now(UTC) + _EXPIRES_AFTER))
    ]
    assert valid.text
    assert other.text
    assert revoked.text
    assert expired.text
    await operator.execute(RevokeApiKey(key_id=revoked.key.id))
    await asyncio.sleep(_EXPIRES_AFTER.total_seconds())
    text = valid.text
    return {
        "none": (),
        "empty": (("authorization", ""),),
        "no token": (("authorization", "Bearer"),),
        "garbage": _bearer("garbage"),
        "bytes": _bearer("\xff\xfe"),
        "Basic": (("authorization", f"Basic {text}"),),
        "no scheme": (("authorization", text),),
        "expired key": _bearer(expired.text),
        "revoked key": _bearer(revoked.text),
        "wrong secret": _bearer(make_secret(valid.key.id).text),
        "secret of another key": _bearer(text[:36] + other.text[36:]),
        "unknown id": _bearer(make_secret(ApiKeyId(uuid7())).text),
        "shortened": _bearer(text[:-1]),
        "upper case": _bearer(text.upper()),
        "two": _bearer(text) + _bearer(text),
        "two kinds": (*_bearer(text), ("x-api-key", text)),
        "another header": (("x-api-key", text),),
        "a list": _bearer(f"{text}, Bearer {text}"),
        "over 8 KiB": _bearer("x" * 8193),
        **{f"token: {name}": _bearer(token) for name, token in (await _broken_tokens(tekana)).items()},
    }


async def _broken_tokens(tekana: Tekana) -> dict[str, str]:
    """Return each kind of broken access token, by its name."""
    signer = await tekana.sign_in.tokens._keys.signer()
    now, customer_id = int(datetime.now(UTC).timestamp()), str(uuid7())
    good = {
        "iss": "tekana",
        "aud": "tekana",
        "tenant": "main",
        "customer_id": customer_id,
        "sub": f"customer:{customer_id}",
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }

    def sign(claims: Mapping[str, Any], key: Any = signer.private_key, algorithm: str = "EdDSA", **headers: Any) -> str:
        header = {"kid": signer.kid, "typ": "at+jwt", **headers}
        return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers=header)

    whole = sign(good)
    assert (await tekana.authenticator.authenticate(whole)).subject == good["sub"]  # only one thing is wrong with each
    head, body, signature = whole.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    public = signer.private_key.public_key().public_bytes_raw()
    return {
        "garbage": "a.b.c",
        "expired": sign(good | {"exp": now - 61}),
        "not yet valid": sign(good | {"nbf": now + 120}),
        "issued later": sign(good | {"iat": now + 120}),
        **{f"without {name}": sign({key: one for key, one in good.items() if key != name}) for name in good},
        "alg none": f"{unsigned}.{body}.",
        "HS256 with the public key": sign(good, public, "HS256"),
        "RS256": sign(good, generate_private_key(65537, 2048), "RS256"),
        "another key": sign(good, Ed25519PrivateKey.generate()),
        "unknown kid": sign(good, kid="unknown"),
        "another audience": sign(good | {"aud": "another"}),
        "another issuer": sign(good | {"iss": "https://other.example"}),
        "another type": sign(good, typ="JWT"),
        "another tenant": f"{head}.{_changed(body)}.{signature}",
        "changed signature": f"{head}.{body}.{'A' * len(signature)}",
    }


def _changed(body: str) -> str:
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | {"tenant": "other"}
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


def _bearer(text: str) -> Headers:
    return (("authorization", f"Bearer {text}"),)
