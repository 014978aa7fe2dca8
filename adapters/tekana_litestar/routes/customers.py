"""Customers: register, read, change, verify, suspend, reactivate, close."""

from __future__ import annotations

import msgspec
from litestar.enums import HttpMethod

from tekana import (
    CloseCustomer,
    ConcurrentUpdate,
    CustomerExists,
    CustomerFilter,
    CustomerNotActive,
    CustomerNotFound,
    ReactivateCustomer,
    RegisterCustomer,
    SuspendCustomer,
    UpdateCustomer,
    VerifyCustomer,
    WalletNotEmpty,
)
from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.bodies import BodyReader
from tekana_litestar.cursors import asked_page, with_encoded_cursor
from tekana_litestar.execute import do_to_customer
from tekana_litestar.headers import expected_version
from tekana_litestar.identifiers import customer_id
from tekana_litestar.operation import Operation, does, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_TAG = "Customers"

_registration = BodyReader[RegisterCustomer](RegisterCustomer)
_changes = BodyReader[wire.CustomerChanges](wire.CustomerChanges)
_verification = BodyReader[wire.Verification](wire.Verification)
_suspension = BodyReader[wire.Suspension](wire.Suspension)
_nothing = BodyReader[wire.Nothing](wire.Nothing, may_be_absent=True)


@does(
    "/v1/customers",
    Operation(
        tag=_TAG,
        summary="Register a customer",
        description="A person becomes a customer, and their first wallet is opened in the same step: in `currency`, or "
        "in the operator's own when it is not given. Email, phone number and external id belong to one customer only.",
        body=_registration,
        answers={201: wire.Customer},
        key="optional",
        etag=True,
        refusals=(CustomerExists,),
    ),
)
async def register_customer(request: Request) -> Answer:
    """Register a customer."""
    return await do_to_customer(request, await _registration(request), created=True)


@reads(
    "/v1/customers",
    Operation(
        tag=_TAG,
        summary="List customers",
        description="Customers that match everything given, in the order in which they registered.",
        query=(
            parameters.EMAIL,
            parameters.PHONE_NUMBER,
            parameters.EXTERNAL_ID,
            parameters.CUSTOMER_STATUS,
            *parameters.PAGE,
        ),
        answers={200: wire.CustomerPage},
    ),
)
async def list_customers(request: Request) -> Answer:
    """List customers."""
    given = request.query
    which = CustomerFilter(**{name: given.get(name) for name in CustomerFilter._fields})
    page = await request.session.customers.list(which, asked_page(request))
    return answer(200, to_wire.customers(with_encoded_cursor(request, page)))


@reads(
    "/v1/customers/{customer_id:str}",
    Operation(
        tag=_TAG,
        summary="Read a customer",
        description="The customer as last saved, with all their wallets. A change has to send the `ETag` along.",
        answers={200: wire.Customer},
        etag=True,
        refusals=(CustomerNotFound,),
    ),
)
async def get_customer(request: Request) -> Answer:
    """Read a customer."""
    both = await request.session.customers.get(customer_id(request))
    return answer(200, to_wire.customer(both), ("ETag", f'"{both.customer.version}"'))


@does(
    "/v1/customers/{customer_id:str}",
    Operation(
        tag=_TAG,
        summary="Change a customer's details",
        description="Changes the fields that are given; null clears one that may be empty; metadata is replaced whole. "
        "`If-Match` says which version the change was made from, so that nobody overwrites what they have not seen.",
        body=_changes,
        answers={200: wire.Customer},
        if_match=True,
        etag=True,
        refusals=(CustomerNotFound, ConcurrentUpdate, CustomerNotActive, CustomerExists),
    ),
    HttpMethod.PATCH,
)
async def update_customer(request: Request) -> Answer:
    """Change a customer's details."""
    customer = customer_id(request)
    version = expected_version(request.scope)
    changes = msgspec.structs.asdict(await _changes(request))
    return await do_to_customer(request, UpdateCustomer(customer_id=customer, expected_version=version, **changes))


@does(
    "/v1/customers/{customer_id:str}/verify",
    Operation(
        tag=_TAG,
        summary="Verify a customer",
        description="Notes to which degree (`tier`) the operator has established who the customer is.",
        body=_verification,
        answers={200: wire.Customer},
        key="optional",
        etag=True,
        refusals=(CustomerNotFound, CustomerNotActive),
    ),
)
async def verify_customer(request: Request) -> Answer:
    """Verify a customer."""
    customer = customer_id(request)
    return await do_to_customer(request, VerifyCustomer(customer_id=customer, tier=(await _verification(request)).tier))


@does(
    "/v1/customers/{customer_id:str}/suspend",
    Operation(
        tag=_TAG,
        summary="Suspend a customer",
        description="Stops all money of the customer, in and out. One who is suspended already stays as they are.",
        body=_suspension,
        answers={200: wire.Customer},
        key="optional",
        etag=True,
        refusals=(CustomerNotFound, CustomerNotActive),
    ),
)
async def suspend_customer(request: Request) -> Answer:
    """Suspend a customer."""
    customer = customer_id(request)
    return await do_to_customer(
        request, SuspendCustomer(customer_id=customer, reason=(await _suspension(request)).reason)
    )


@does(
    "/v1/customers/{customer_id:str}/reactivate",
    Operation(
        tag=_TAG,
        summary="Reactivate a customer",
        description="Lets a suspended customer's money move again.",
        body=_nothing,
        answers={200: wire.Customer},
        key="optional",
        etag=True,
        refusals=(CustomerNotFound, CustomerNotActive),
    ),
)
async def reactivate_customer(request: Request) -> Answer:
    """Reactivate a customer."""
    customer = customer_id(request)
    await _nothing(request)
    return await do_to_customer(request, ReactivateCustomer(customer_id=customer))


@does(
    "/v1/customers/{customer_id:str}/close",
    Operation(
        tag=_TAG,
        summary="Close a customer",
        description="The customer leaves: their wallets, which must all be empty, are closed with them. Final. Email, "
        "phone number and external id are free again.",
        body=_nothing,
        answers={200: wire.Customer},
        key="optional",
        etag=True,
        refusals=(CustomerNotFound, WalletNotEmpty),
    ),
)
async def close_customer(request: Request) -> Answer:
    """Close a customer."""
    customer = customer_id(request)
    await _nothing(request)
    return await do_to_customer(request, CloseCustomer(customer_id=customer))


HANDLERS = [
    register_customer,
    list_customers,
    get_customer,
    update_customer,
    verify_customer,
    suspend_customer,
    reactivate_customer,
    close_customer,
]
