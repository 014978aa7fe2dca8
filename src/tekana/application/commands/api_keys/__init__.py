"""Commands about API keys. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.api_keys.create_api_key import CreateApiKey
from tekana.application.commands.api_keys.revoke_api_key import RevokeApiKey
from tekana.application.commands.api_keys.rotate_api_key import RotateApiKey
from tekana.application.commands.group import CommandGroup

GROUP: Final = CommandGroup("api_key", "transaction", (CreateApiKey, RotateApiKey, RevokeApiKey))

__all__ = ["CreateApiKey", "RevokeApiKey", "RotateApiKey"]
