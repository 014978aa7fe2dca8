"""Commands on wallets. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.wallets.close_wallet import CloseWallet
from tekana.application.commands.wallets.freeze_wallet import FreezeWallet
from tekana.application.commands.wallets.open_wallet import OpenWallet
from tekana.application.commands.wallets.unfreeze_wallet import UnfreezeWallet
from tekana.application.commands.wallets.update_wallet import UpdateWallet

GROUP: Final = CommandGroup("wallet", "wallet", (OpenWallet, UpdateWallet, FreezeWallet, UnfreezeWallet, CloseWallet))

__all__ = ["CloseWallet", "FreezeWallet", "OpenWallet", "UnfreezeWallet", "UpdateWallet"]
