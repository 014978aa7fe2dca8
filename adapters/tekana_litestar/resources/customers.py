"""Customers: register, read, change, verify, suspend, reactivate, close."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana import (
    CloseCustomer,
    ConcurrentUpdate,
    CustomerFilter,
    CustomerId,
    CustomerNotFound,
    CustomerWithWallets,
    ReactivateCustomer,
    RegisterCustomer,
    Session,
    SuspendCustomer,
    UpdateCustomer,
    VerifyCustomer,
)
from tekana.application.commands.customers.validation import normal_email, normal_phone_number
from tekana.application.commands.validation import check_text
from tekana.application.executed import Executed
from tekana.domain.customer import CustomerStatus
from tekana.domain.metadata import Metadata
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import meta
from tekana_litestar.operation import WAITS, Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.problems import PreconditionRequired
from tekana_litestar.queries import Order, PageQuery, Query
from tekana_litestar.resources.wallets import CLOSED_WALLET, NEW_WALLET, Wallet
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person who owns wallets."""

    id: Annotated[UUID, fields.THE_CUSTOMER]
    full_name: Annotated[str, fields.FULL_NAME]
    email: Annotated[str, fields.EMAIL]
    phone_number: Annotated[str, fields.PHONE_NUMBER]
    country: Annotated[str | None, fields.COUNTRY]
    external_id: Annotated[str | None, fields.EXTERNAL_ID]
    status: CustomerStatus
    tier: Annotated[str | None, fields.TIER]
    suspension_reason: str | None
    metadata: Annotated[Metadata | None, fields.METADATA]
    version: Annotated[int, meta("Counts the changes; also the `ETag`.", 1)]
    wallets: tuple[Wallet, ...]
    created_at: Annotated[datetime, fields.time()]
    updated_at: Annotated[datetime, fields.time()]

    @classmethod
    def from_domain(cls, both: CustomerWithWallets) -> Customer:
        """Return what clients see of a customer, with their wallets."""
        return shown(cls, both.customer, wallets=tuple([Wallet.from_domain(each) for each in both.wallets]))


class CustomerPage(ListPage[Customer], frozen=True, kw_only=True):
    """Some customers, in the order in which they registered."""


class CustomerQuery(PageQuery, frozen=True, kw_only=True):
    """Which customers."""

    email: Annotated[str, meta("Only the customer with this email.", "aline@example.com")] | UnsetType = UNSET
    phone_number: Annotated[str, meta("Only the customer with this phone number.", "+250788123456")] | UnsetType = UNSET
    external_id: Annotated[str, meta("Only the customer with this name of your own.", "crm-4711")] | UnsetType = UNSET
    status: Annotated[CustomerStatus, meta("Only customers in this status.")] | UnsetType = UNSET
    order: Annotated[Order, fields.ORDER] = "asc"

    def __post_init__(self) -> None:
        # A plus that was not percent-encoded arrives as a space.
        if self.email is not UNSET:
            force_setattr(self, "email", normal_email(self.email.replace(" ", "+")))
        if self.phone_number is not UNSET:
            number = self.phone_number
            force_setattr(self, "phone_number", normal_phone_number(f"+{number[1:]}" if number[0] == " " else number))
        if self.external_id is not UNSET:
            check_text("external_id", self.external_id, most=200, one_line=True)


# ---------------------------------------------------------------------- the bodies: commands without what the path says

_ID: Final = ("customer_id",)


_REGISTRATION: Final = Body(RegisterCustomer)
_CHANGES: Final = Body(
    UpdateCustomer,
    without=("customer_id", "expected_version"),
    name="CustomerChanges",
    doc="The details to change; the others stay. Null clears one that may be empty; metadata is replaced whole.",
)
_VERIFICATION: Final = Body(
    VerifyCustomer, without=_ID, name="Verification", doc="To which degree the customer's identity is established."
)
_SUSPENSION: Final = Body(SuspendCustomer, without=_ID, name="Suspension", doc="Why the customer's money is stopped.")

# ---------------------------------------------------------------------- the routes


_ETAG: Final = ("ETag",)
_REGISTERED: Final = example_of(Customer) | {"wallets": [NEW_WALLET]}


def _changed(**changed: Any) -> Returns:
    """Return the response to a change, with what is changed in its example beside the fields of the body's."""
    return Returns(200, Customer, _ETAG, example=example_of(Customer) | {"version": 2} | changed)


@command("/", Returns(201, Customer, ("Location", "ETag"), example=_REGISTERED), body=_REGISTRATION)
async def register_customer(call: NamedDependency[Call[RegisterCustomer, Query]]) -> Response:
    """Register a customer.

    A person becomes a customer, and their first wallet is opened in the same step: in `currency`, or in the operator's
    own when it is not given. Email, phone number and external id belong to one customer only.
    """
    return _response(await call.submit(call.input), status=201)


@query("/", Returns(200, CustomerPage), query=CustomerQuery, does=SessionReaders.customers)
async def list_customers(call: NamedDependency[Call[None, CustomerQuery]]) -> Response:
    """List customers.

    Customers that match everything given, in the order in which they registered, or in the reverse order.
    """
    asked = call.query
    page = await call.session.customers.list(
        asked.select(CustomerFilter), asked.page(call.path), newest_first=asked.order == "desc"
    )
    return page_response(call.path, page, CustomerPage, Customer.from_domain)


@query("/{customer_id:str}", Returns(200, Customer, _ETAG), refusals=(CustomerNotFound,), does=SessionReaders.customers)
async def get_customer(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a customer.

    The customer as last saved, with all their wallets. A change has to send the `ETag` along.
    """
    both = await call.session.customers.get(CustomerId(call.ids["customer_id"]))
    return json_response(200, Customer.from_domain(both), ("ETag", f'"{both.customer.version}"'))


@command(
    "/{customer_id:str}",
    _changed(),
    method=HttpMethod.PATCH,
    body=_CHANGES,
    key="none",
    if_match=True,
    refusals=(PreconditionRequired,),
)
async def update_customer(call: NamedDependency[Call[UpdateCustomer, Query]]) -> Response:
    """Change a customer's details.

    Changes the fields that are given; null clears one that may be empty; metadata is replaced whole. A phone number
    without a leading `+` is read as one of `country`, or else of the customer's country. `If-Match` says which version
    the change was made from, so that changes made by others in between are not overwritten.
    """
    version = None if call.versions is None else await _version_of(call.input.customer_id, call.versions, call.session)
    return _response(await call.submit(msgspec.structs.replace(call.input, expected_version=version)))


@command("/{customer_id:str}/verify", _changed(), body=_VERIFICATION)
async def verify_customer(call: NamedDependency[Call[VerifyCustomer, Query]]) -> Response:
    """Verify a customer.

    Notes to which degree (`tier`) the operator has established who the customer is.
    """
    return _response(await call.submit(call.input))


@command(
    "/{customer_id:str}/suspend",
    _changed(status="suspended", suspension_reason=SuspendCustomer.EXAMPLE["reason"]),
    body=_SUSPENSION,
)
async def suspend_customer(call: NamedDependency[Call[SuspendCustomer, Query]]) -> Response:
    """Suspend a customer.

    Stops all money of the customer, in and out. One who is suspended already stays as they are.
    """
    return _response(await call.submit(call.input))


@command("/{customer_id:str}/reactivate", _changed(version=3), WAITS, body=Body(ReactivateCustomer, without=_ID))
async def reactivate_customer(call: NamedDependency[Call[ReactivateCustomer, Query]]) -> Response:
    """Reactivate a customer.

    Lets a suspended customer's money move again. The operator can set that this needs the approval of a second person:
    then it waits, and `Location` leads to the approval.
    """
    return _response(await call.submit(call.input))


@command(
    "/{customer_id:str}/close",
    _changed(status="closed", wallets=[CLOSED_WALLET]),
    body=Body(CloseCustomer, without=_ID),
)
async def close_customer(call: NamedDependency[Call[CloseCustomer, Query]]) -> Response:
    """Close a customer.

    The customer leaves: their wallets, which must all be empty, are closed with them. Final. Email, phone number and
    external id are free again.
    """
    return _response(await call.submit(call.input))


async def _version_of(customer_id: CustomerId, versions: frozenset[int], session: Session) -> int:
    """Return the version to expect: the only one given, or the present one if it is among them."""
    if len(versions) == 1:
        return next(iter(versions))
    stored = (await session.customers.get(customer_id)).customer
    if stored.version not in versions:
        raise ConcurrentUpdate(
            f"the customer is at version {stored.version} now: read it again, and send its ETag as it is"
        )
    return stored.version


def _response(executed: Executed[CustomerWithWallets], status: int = 200) -> Response:
    one = executed.answer.customer
    location = (("Location", f"/v1/customers/{one.id}"),) if status == 201 else ()
    headers = (("ETag", f'"{one.version}"'), *location)
    return json_response(status, Customer.from_domain(executed.answer), *headers, replayed=executed.replayed)


ROUTER: Final = Router(
    "/v1/customers",
    tags=["Customers"],
    opt={"about_tag": "People who own wallets."},
    route_handlers=[
        register_customer,
        list_customers,
        get_customer,
        update_customer,
        verify_customer,
        suspend_customer,
        reactivate_customer,
        close_customer,
    ],
)
