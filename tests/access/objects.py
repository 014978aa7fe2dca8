"""Objects of any owner, made for a cell of the matrix: customers, wallets, transactions, webhooks, keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest

from tekana import (
    LOCAL_OPERATOR,
    SCOPES,
    CreateFeeSchedule,
    CreateWebhookEndpoint,
    CustomerWithWallets,
    KeyProperties,
    NewFeeBand,
    SendWebhookTest,
    Session,
    Tekana,
    UpdateWallet,
    WalletId,
    create_api_key,
)
from tekana.domain.caller import MAIN_TENANT, Caller, CallerKind
from tekana.domain.errors import ApprovalPending
from tekana.domain.identifiers import CustomerId
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import adjustment
from tests.integration.http_support import UNKNOWN_ID

FUNDS: Final = "50000"
HOOK: Final[dict[str, Any]] = {"url": "http://127.0.0.1:9/hooks", "event_types": ("CustomerClosed",)}
"""An endpoint where no server is, of events that the matrix hardly has."""

WALLETS: Final = {
    "wallet_id": "funded_wallet_id",
    "from_wallet_id": "funded_wallet_id",
    "to_wallet_id": "merchant_wallet_id",
}
"""The kinds of wallets that fields of bodies name."""

EXCHANGED: Final = {("exchange", "to_wallet_id"): "dollar_wallet_id"}
"""The same for a type of transaction only."""

ABSENT: Final = {"phone_number": "+250789999999", "idempotency_key": "never-used"}
"""What does not exist, of kinds that are no ids."""


class Owner(NamedTuple):
    """Whose objects they are.

    Attributes:
        tenant: the tenant.
        customer_id: the customer; None for a new one each time.
        subject: the subject that has used an idempotency key.
    """

    tenant: str
    customer_id: CustomerId | None = None
    subject: str = "setup"


def absent(kind: str) -> str:
    """Return the name of something of this kind that does not exist."""
    return ABSENT.get(kind.removeprefix("own_"), str(UNKNOWN_ID))


class Objects:
    """Makes objects.

    Attributes:
        made: the name of each object, with its owner.
        customer_of: the customer of each identity.
    """

    def __init__(self, tekana: Tekana) -> None:
        self._tekana = tekana
        self._kept: dict[tuple[Owner, str], str] = {}
        self.customer_of: dict[str, str] = {}
        self._states: dict[tuple[str, str], object] = {}
        self.made: list[tuple[Owner, str]] = []
        self._makers: dict[str, Callable[[Owner], Awaitable[object]]] = {
            "customer_id": self._customer_id,
            "identity_id": self._identity_id,
            "wallet_id": self._wallet_id,
            "funded_wallet_id": self._funded_wallet_id,
            "dollar_wallet_id": self._dollar_wallet_id,
            "merchant_wallet_id": self._merchant_wallet_id,
            "transaction_id": self._transaction_id,
            "hold_id": self._hold_id,
            "webhook_endpoint_id": self._webhook_endpoint_id,
            "webhook_delivery_id": self._webhook_delivery_id,
            "api_key_id": self._api_key_id,
            "paying_customer_id": self._paying_customer_id,
            "approval_id": self._approval_id,
            "fee_schedule_id": self._fee_schedule_id,
            "phone_number": self._phone_number,
            "own_phone_number": self._own_phone_number,
            "idempotency_key": self._idempotency_key,
        }

    async def make(self, owner: Owner, kind: str) -> str:
        """Make an object, and return its name."""
        name = str(await self._makers[kind](owner))
        self.made.append((owner, name))
        return name

    async def keep(self, owner: Owner, kind: str) -> str:
        """Return the name of an object that is the same each time, for requests that do not change it."""
        if (owner, kind) not in self._kept:
            self._kept[owner, kind] = name = await self.make(owner, kind)
            self._states[kind, name] = await self._state(kind, name)
        return self._kept[owner, kind]

    async def assert_unchanged(self) -> None:
        """Assert that refused requests have changed nothing."""
        for (kind, name), state in self._states.items():
            assert await self._state(kind, name) == state

    async def _state(self, kind: str, name: str) -> object:
        session = self._tekana.as_caller(LOCAL_OPERATOR)
        match kind:
            case "customer_id":
                return (await session.customers.get(name)).customer  # type: ignore[arg-type]
            case "wallet_id" | "funded_wallet_id" | "merchant_wallet_id":
                return await session.wallets.get(name)  # type: ignore[arg-type]
            case "webhook_endpoint_id":
                return await session.webhooks.get(name)  # type: ignore[arg-type]
            case "api_key_id":
                return await session.api_keys.get(name)  # type: ignore[arg-type]
        return None  # others do not change

    def session(self, owner: Owner) -> Session:
        """Return a session of the owner's tenant, with all scopes but that for all tenants."""
        kind: CallerKind = "operator" if owner.tenant == MAIN_TENANT else "partner"
        return self._tekana.as_caller(Caller(owner.tenant, owner.subject, SCOPES - {"tenants:all"}, kind))

    async def _person(self, owner: Owner) -> CustomerWithWallets:
        session = self.session(owner)
        if owner.customer_id is not None:
            return await session.customers.get(owner.customer_id)
        made = await session.execute(builders.person())
        self.made.append((owner, str(made.customer.id)))
        return made

    async def _customer_id(self, owner: Owner) -> object:
        return (await self._person(owner)).customer.id

    async def _identity_id(self, owner: Owner) -> object:
        customer_id = (await self._person(owner)).customer.id
        caller, subject = self.session(owner).caller, f"subject {len(self.made)}"
        made = await self._tekana.sign_in.identities.add(caller, customer_id, "https://id.example.com", subject)
        self.customer_of[str(made.id)] = str(customer_id)
        return made.id

    async def _wallet_id(self, owner: Owner) -> WalletId:
        person = await self._person(owner)
        if owner.customer_id is None:
            return person.wallets[0].id
        return (await self.session(owner).execute(builders.open_wallet(owner.customer_id))).id

    async def _funded_wallet_id(self, owner: Owner) -> WalletId:
        wallet_id = await self._wallet_id(owner)
        await self.session(owner).execute(builders.deposit(wallet_id, FUNDS))
        return wallet_id

    async def _dollar_wallet_id(self, owner: Owner) -> WalletId:
        customer_id = (await self._person(owner)).customer.id
        return (await self.session(owner).execute(builders.open_wallet(customer_id, "USD"))).id

    async def _merchant_wallet_id(self, owner: Owner) -> WalletId:
        wallet_id = await self._wallet_id(owner)
        await self._tekana.as_caller(LOCAL_OPERATOR).execute(UpdateWallet(wallet_id=wallet_id, kind="merchant"))
        return wallet_id

    async def _transaction_id(self, owner: Owner) -> object:
        return (await self.session(owner).execute(builders.deposit(await self._wallet_id(owner)))).id

    async def _hold_id(self, owner: Owner) -> object:
        payer, payee = await self._funded_wallet_id(Owner(owner.tenant)), await self._wallet_id(owner)
        return (await self.session(owner).execute(builders.movement("hold", payer, payee, "3000"))).id

    async def _webhook_endpoint_id(self, owner: Owner) -> object:
        return (await self.session(owner).execute(CreateWebhookEndpoint(**HOOK))).id

    async def _webhook_delivery_id(self, owner: Owner) -> object:
        endpoint = await self.session(owner).execute(CreateWebhookEndpoint(**HOOK))
        return (await self.session(owner).execute(SendWebhookTest(endpoint_id=endpoint.id))).id

    async def _api_key_id(self, owner: Owner) -> object:
        properties = KeyProperties("Shop", "partner", ("keys:write",), owner.tenant)
        return (await create_api_key(self._tekana.as_caller(LOCAL_OPERATOR), properties)).key.id

    async def _approval_id(self, owner: Owner) -> object:
        wallet_id = await self._wallet_id(owner)
        asker = self.session(Owner(owner.tenant, subject="asker"))
        with pytest.raises(ApprovalPending) as pending:
            await asker.execute(adjustment(wallet_id))
        return pending.value.approval.id

    async def _fee_schedule_id(self, owner: Owner) -> object:
        """Create a schedule of the owner's tenant, for a time of its own, so that none overlap."""
        begin = datetime(2100, 1, 1, tzinfo=UTC) + timedelta(days=len(self.made))
        command = CreateFeeSchedule(
            transaction_type="withdrawal",
            currency="RWF",
            paid_by="payer",
            bands=(NewFeeBand(flat="1"),),
            tenant=owner.tenant,
            valid_from=begin,
            valid_until=begin + timedelta(hours=1),
        )
        return (await self._tekana.as_caller(LOCAL_OPERATOR).execute(command)).id

    async def _phone_number(self, owner: Owner) -> object:
        made = await self.session(Owner(owner.tenant)).execute(builders.person())
        return await self._paid_as_merchant(made)

    async def _paying_customer_id(self, owner: Owner) -> object:
        wallet_id = await self._funded_wallet_id(owner)
        return (await self.session(owner).wallets.get(wallet_id)).customer_id

    async def _own_phone_number(self, owner: Owner) -> object:
        return await self._paid_as_merchant(await self._person(owner))

    async def _paid_as_merchant(self, person: CustomerWithWallets) -> object:
        """Return the phone number of a person, who has a merchant's wallet from now on."""
        if all(one.kind != "merchant" for one in person.wallets):
            operator = self._tekana.as_caller(LOCAL_OPERATOR)
            await operator.execute(builders.open_wallet(person.customer.id, kind="merchant"))
        return person.customer.phone_number

    async def _idempotency_key(self, owner: Owner) -> object:
        key = f"used by {owner.subject} {len(self.made)}"
        await self.session(owner).execute(builders.person(), key=key)
        return key
