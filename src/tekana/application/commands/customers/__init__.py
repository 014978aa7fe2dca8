"""Commands on customers. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.customers.close_customer import CloseCustomer
from tekana.application.commands.customers.erase_customer import EraseCustomer
from tekana.application.commands.customers.reactivate_customer import ReactivateCustomer
from tekana.application.commands.customers.register_customer import RegisterCustomer
from tekana.application.commands.customers.suspend_customer import SuspendCustomer
from tekana.application.commands.customers.update_customer import UpdateCustomer
from tekana.application.commands.customers.verify_customer import VerifyCustomer
from tekana.application.commands.group import CommandGroup

GROUP: Final = CommandGroup(
    "customer",
    "customer",
    (
        RegisterCustomer,
        UpdateCustomer,
        VerifyCustomer,
        SuspendCustomer,
        ReactivateCustomer,
        CloseCustomer,
        EraseCustomer,
    ),
)

__all__ = [
    "CloseCustomer",
    "EraseCustomer",
    "ReactivateCustomer",
    "RegisterCustomer",
    "SuspendCustomer",
    "UpdateCustomer",
    "VerifyCustomer",
]
