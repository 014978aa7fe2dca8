"""Authentication: from the credential of a request to a verified caller.

    token ─> Authenticator (cache) ─> TokenVerifier, by the kind of token ─> KeyVerifier ─> Credentials of a store

At a gateway, the KeyVerifier is one of a service, over the bus. The secret of a key stays in the process
that received it.
"""

from tekana.application.authentication.authenticator import Authenticator as Authenticator
from tekana.application.authentication.authenticator import TokenVerifier as TokenVerifier
from tekana.application.authentication.authenticator import Verified as Verified
from tekana.application.authentication.issuing import IssuedKey as IssuedKey
from tekana.application.authentication.issuing import KeyProperties as KeyProperties
from tekana.application.authentication.issuing import create_api_key as create_api_key
from tekana.application.authentication.issuing import rotate_api_key as rotate_api_key
from tekana.application.authentication.key_verifier import ApiKeyTokens as ApiKeyTokens
from tekana.application.authentication.key_verifier import KeyVerifier as KeyVerifier
from tekana.application.authentication.key_verifier import StoredKeyVerifier as StoredKeyVerifier

__all__ = [
    "ApiKeyTokens",
    "Authenticator",
    "IssuedKey",
    "KeyProperties",
    "KeyVerifier",
    "StoredKeyVerifier",
    "TokenVerifier",
    "Verified",
    "create_api_key",
    "rotate_api_key",
]
