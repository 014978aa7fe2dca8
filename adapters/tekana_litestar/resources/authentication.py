"""Sign-in of customers: tokens, one-time codes and passwords. No answer is stored under a key, as each has a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from tekana import CustomerId, CustomerNotActive, CustomerNotFound, SignInRefused
from tekana.application.sign_in.contacts import SignInContact, sign_in_contact
from tekana.application.sign_in.passwords import Challenge
from tekana.application.sign_in.sign_in import Tokens
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.credentials import CODE_DIGITS
from tekana_litestar import fields
from tekana_litestar.access import Access
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.quotas import OperationRate
from tekana_litestar.responses import HttpResponse, Response, encode, json_response
from tekana_litestar.views import utc

_TOKEN: Final = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjdXN0b21lciJ9.c2lnbmF0dXJl"  # noqa: S105 - an example
_REFRESH: Final = "AZrR0vEwcQCAAAAAAAAAAQ4xbPUxJvmKzMvY1nXqW0C5k3yJ2pV8eR6tHs9uLw0d"
_KEYS_MAX_AGE_SECONDS: Final = 3600

_TENANT: Final = meta("The partner whose customer it is; the operator's own if it is left out.", "main")
_SIGN_IN_PHONE: Final = meta("In E.164 form. This, or the email.", "+250788123456", maxLength=40)
_SIGN_IN_EMAIL: Final = meta("This, or the phone number.", "aline@example.com", format="email", maxLength=320)
_PASSWORD: Final = meta("The password or PIN.", "739184", minLength=1, maxLength=1000)
_NEW_PASSWORD: Final = meta(
    "A PIN of 6 to 12 digits, neither equal nor consecutive, or a password of 8 to 128 characters.", "739184"
)
_REFRESH_TOKEN: Final = meta("The newest refresh token.", _REFRESH)


class _WithSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body with a secret, which its representation hides."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class _OfContact(_WithSecret, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body that names a customer by phone number or email. A tenant is any text: an unknown one is no error of it."""

    phone_number: Annotated[str | None, _SIGN_IN_PHONE] = None
    email: Annotated[str | None, _SIGN_IN_EMAIL] = None
    tenant: Annotated[str, _TENANT] = MAIN_TENANT

    def contact(self) -> SignInContact:
        """Return the phone number or the email, checked."""
        return sign_in_contact(self.phone_number, self.email)


class PasswordGrant(
    _OfContact, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    tag="password", tag_field="grant_type",
):  # fmt: skip
    """Sign in with a password or PIN."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "grant_type": "password",
        "phone_number": "+250788123456",
        "password": "739184",
    }

    password: Annotated[str, _PASSWORD]


class RefreshTokenGrant(
    _WithSecret, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    tag="refresh_token", tag_field="grant_type",
):  # fmt: skip
    """Stay signed in."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"grant_type": "refresh_token", "refresh_token": _REFRESH}

    refresh_token: Annotated[str, _REFRESH_TOKEN]


class SignOut(_WithSecret, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which device to sign out."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"refresh_token": _REFRESH}

    refresh_token: Annotated[str, _REFRESH_TOKEN]


class CodeRequest(_OfContact, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to send a one-time code."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"phone_number": "+250788123456"}


class PasswordByCode(_WithSecret, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A new password, with the code that allows it."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "challenge_id": fields.OTHER_ID,
        "code": "04821937",
        "password": "739184",
    }

    challenge_id: Annotated[UUID, meta("What the request for the code returned.", fields.OTHER_ID)]
    code: Annotated[str, meta(f"The {CODE_DIGITS} digits that were sent.", "04821937", maxLength=100)]
    password: Annotated[str, _NEW_PASSWORD]


class PasswordChange(_OfContact, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A new password, with the present one."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "phone_number": "+250788123456",
        "password": "739184",
        "new_password": "a longer one, perhaps",
    }

    password: Annotated[str, _PASSWORD]
    new_password: Annotated[str, _NEW_PASSWORD]


class NewPassword(_WithSecret, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer's password, set by a partner who knows who they are."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"password": "739184"}

    password: Annotated[str, _NEW_PASSWORD]


class TokenResponse(_WithSecret, frozen=True, kw_only=True):
    """What a customer is signed in with."""

    access_token: Annotated[str, meta("A JWT, for `Authorization: Bearer`.", _TOKEN)]
    token_type: Annotated[str, meta("Always `Bearer`.", "Bearer")]
    expires_in: Annotated[int, meta("For how many seconds the access token is valid.", 600)]
    refresh_token: Annotated[str, meta("For the next tokens. It is used up by that.", _REFRESH)]

    @classmethod
    def of(cls, tokens: Tokens) -> TokenResponse:
        """Return what clients see of tokens."""
        return cls(
            access_token=tokens.access_token,
            token_type="Bearer",  # noqa: S106 - the name of a kind
            expires_in=tokens.expires_in_seconds,
            refresh_token=tokens.refresh_token,
        )


class CodeChallenge(_WithSecret, frozen=True, kw_only=True):
    """The other half of a one-time code."""

    challenge_id: Annotated[UUID, meta("Send it with the code.", fields.OTHER_ID)]
    expires_at: Annotated[datetime, fields.time("When the code ends.")]

    @classmethod
    def of(cls, challenge: Challenge) -> CodeChallenge:
        """Return what clients see of a challenge."""
        return cls(challenge_id=challenge.id, expires_at=utc(challenge.expires_at))


class JsonWebKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, as RFC 8037 has it."""

    kty: Annotated[str, meta("Always `OKP`.", "OKP")]
    crv: Annotated[str, meta("Always `Ed25519`.", "Ed25519")]
    use: Annotated[str, meta("Always `sig`.", "sig")]
    alg: Annotated[str, meta("Always `EdDSA`.", "EdDSA")]
    kid: Annotated[str, meta("The `kid` in the header of the tokens that it signed.", "Zk3vQ1xYp0aBcDeF")]
    x: Annotated[str, meta("The key.", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]


class JsonWebKeySet(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys of access tokens."""

    keys: tuple[JsonWebKey, ...]


# ---------------------------------------------------------------------- the routes

_REFUSED: Final = (SignInRefused,)

_SIGN_IN: Final = OperationRate("sign_in", "120/minute")
_CODES: Final = OperationRate("codes", "10/minute")
_PASSWORDS: Final = OperationRate("passwords", "600/minute")  # each takes a thread that sign-ins wait for


@command(
    "/token", Returns(200, TokenResponse), key="none", public=True, rate=_SIGN_IN, refusals=_REFUSED,
    body=Body(PasswordGrant | RefreshTokenGrant),
)  # fmt: skip
async def create_token(call: NamedDependency[Call[PasswordGrant | RefreshTokenGrant, Query]]) -> Response:
    """Sign in, or stay signed in.

    With `password`, a customer signs in by phone number or email. With `refresh_token`, they get new tokens, and the
    refresh token is used up: keep the new one. For a minute the same request returns the same new one, for answers
    that were lost and for two tabs at once. An older token that comes again ends the sign-in on that device. After five
    wrong passwords there is a wait of 30 seconds, which doubles up to an hour; a one-time code ends it. All that does
    not sign in has the same answer: an unknown phone number, a wrong password, a wait, a suspended customer.
    """
    sign_in = call.tekana.sign_in.sign_in
    grant = call.input
    if isinstance(grant, PasswordGrant):
        tokens = await sign_in.sign_in(grant.contact(), grant.password, grant.tenant, call.origin)
    else:
        tokens = await sign_in.refresh(grant.refresh_token, call.origin)
    return json_response(200, TokenResponse.of(tokens))


@command("/sign-out", Returns(204), key="none", public=True, body=Body(SignOut))
async def sign_out(call: NamedDependency[Call[SignOut, Query]]) -> Response:
    """Sign out.

    The refresh token, and every other one of the same sign-in, ends. An access token is valid until it expires, for ten
    minutes at most. The answer is the same for a token that is not valid.
    """
    await call.tekana.sign_in.sign_in.sign_out(call.input.refresh_token, call.origin)
    return HttpResponse(204)


@command("/code", Returns(202, CodeChallenge), key="none", public=True, rate=_CODES, body=Body(CodeRequest))
async def request_code(call: NamedDependency[Call[CodeRequest, Query]]) -> Response:
    """Ask for a one-time code.

    A code goes to the phone number or email, if it is that of a customer, five in an hour at most. The answer is the
    same if it is not. The code is valid for ten minutes and five attempts, with this `challenge_id` alone.
    """
    request = call.input
    challenge = await call.tekana.sign_in.passwords.request_code(request.contact(), request.tenant, call.origin)
    return json_response(202, CodeChallenge.of(challenge))


@command("/password", Returns(204), key="none", public=True, rate=_CODES, body=Body(PasswordByCode), refusals=_REFUSED)
async def set_password_by_code(call: NamedDependency[Call[PasswordByCode, Query]]) -> Response:
    """Set a password by a one-time code.

    The first password, or a new one for a customer who forgot theirs. It ends every wait, and signs all devices out.
    """
    given = call.input
    await call.tekana.sign_in.passwords.set_by_code(given.challenge_id, given.code, given.password, call.origin)
    return HttpResponse(204)


@command(
    "/password/change", Returns(204), key="none", public=True, rate=_SIGN_IN, body=Body(PasswordChange),
    refusals=_REFUSED,
)  # fmt: skip
async def change_password(call: NamedDependency[Call[PasswordChange, Query]]) -> Response:
    """Change a password.

    It needs the present one, and signs all devices out.
    """
    given, passwords = call.input, call.tekana.sign_in.passwords
    await passwords.change(given.contact(), given.password, given.new_password, given.tenant, call.origin)
    return HttpResponse(204)


@command(
    "/{customer_id:str}/password", Returns(204), method=HttpMethod.PUT, key="none", body=Body(NewPassword),
    does=Access("SetPassword", ("customers:write",)), refusals=(CustomerNotFound, CustomerNotActive), rate=_PASSWORDS,
)  # fmt: skip
async def set_customer_password(call: NamedDependency[Call[NewPassword, Query]]) -> Response:
    """Set a customer's password.

    For partners and operators who have made sure who the customer is. It signs all their devices out.
    """
    customer_id = CustomerId(call.ids["customer_id"])
    await call.tekana.sign_in.passwords.set_for(call.session.caller, customer_id, call.input.password, call.origin)
    return HttpResponse(204)


@query("/jwks.json", Returns(200, JsonWebKeySet, ("Cache-Control",)), public=True)
async def get_signing_keys(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read the public keys.

    The keys that verify access tokens, as a JSON Web Key Set. A new key is here for a day before it signs, and an old
    one for a day after.
    """
    keys = await call.tekana.sign_in.tokens.jwks()
    return HttpResponse(200, encode(keys), [("Cache-Control", f"public, max-age={_KEYS_MAX_AGE_SECONDS}")])


ROUTER: Final = Router(
    "/v1/auth",
    tags=["Sign-in"],
    opt={"about_tag": "How customers sign in. These requests have no `Authorization` and no `Idempotency-Key`."},
    route_handlers=[create_token, sign_out, request_code, set_password_by_code, change_password],
)

CUSTOMER_ROUTER: Final = Router("/v1/customers", tags=["Sign-in"], route_handlers=[set_customer_password])

KEYS_ROUTER: Final = Router("/.well-known", tags=["Sign-in"], route_handlers=[get_signing_keys])
