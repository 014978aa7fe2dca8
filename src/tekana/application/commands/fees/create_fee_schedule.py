"""Create a fee schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, get_args

from msgspec import Meta
from msgspec.structs import force_setattr

from tekana.application.commands.api_keys.validation import check_tenant
from tekana.application.commands.command import Struct
from tekana.application.commands.fees.schedule_fields import (
    NewFeeBand,
    NewFeeShare,
    parse_bands,
    parse_optional,
    parse_shares,
    to_structs,
)
from tekana.application.commands.validation import Time, check_all, check_optional, to_time
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.errors import (
    CurrencyMismatch,
    FeeScheduleOverlaps,
    HouseForbidden,
    InvalidRequest,
    Refused,
    TenantMismatch,
    WalletNotFound,
    invalid,
)
from tekana.domain.fees import FeePayer, FeeSchedule, find_overlap, parse_percentage
from tekana.domain.identifiers import FeeScheduleId
from tekana.domain.limits import TIERS
from tekana.domain.lock_set import TERMS, TERMS_ID, LockSet
from tekana.domain.money import Currency, parse_currency
from tekana.domain.policy import has_all_tenants
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.domain.wallet_kinds import WALLET_KINDS


class CreateFeeSchedule(Struct, frozen=True, kw_only=True):
    """Set what transactions of a type cost in a currency, for a time. The fee comes on top of the amount.

    The schedule for the tenant and the tier of the customer goes before that for the tenant, that before one for the
    tier, and that before one for all. The caller needs access to all tenants.

    Attributes:
        transaction_type: deposit, withdrawal, transfer, payment, capture or exchange.
        tier: for customers of this tier; left out, for all.
        tenant: for customers of this tenant; left out, for all.
        paid_by: "payer" or "payee": who pays the fee and the tax beside the amount. Who can depends on the type.
        bands: the fee by amount, in the order of amounts.
        minimum, maximum: of the fee, in major units.
        tax_percentage: the tax, as a percentage of the fee, beside it.
        shares: what of the fee goes to others, such as an agent: into merchants' wallets of the tenant.
        valid_from: since when it applies; left out, since now.
        valid_until: until when; left out, until it is ended.
    """

    NAME: ClassVar[str] = "CreateFeeSchedule"
    SCOPE: ClassVar[Scope] = "fees:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        HouseForbidden,
        FeeScheduleOverlaps,
        WalletNotFound,
        CurrencyMismatch,
        TenantMismatch,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "transaction_type": "payment",
        "currency": "RWF",
        "tier": "1",
        "paid_by": "payee",
        "bands": [
            {"up_to": "10000", "flat": "50", "percentage": "0"},
            {"up_to": None, "flat": "20", "percentage": "1.5"},
        ],
        "minimum": "50",
        "maximum": "5000",
        "tax_percentage": "18",
        "valid_from": "2099-01-01T00:00:00Z",
        "valid_until": "2099-12-31T22:00:00Z",
    }

    transaction_type: str
    currency: str
    paid_by: FeePayer
    bands: tuple[NewFeeBand, ...]
    tier: str | None = None
    tenant: Annotated[str, Meta(description="For customers of this tenant; left out, for all.")] | None = None
    minimum: str | None = None
    maximum: str | None = None
    tax_percentage: str = "0"
    shares: tuple[NewFeeShare, ...] = ()
    valid_from: Time | None = None
    valid_until: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            currency = parse_currency(self.currency)
        except InvalidRequest:
            check_all(lambda: parse_currency(self.currency), *self._checks())
            raise
        check_all(
            *self._checks(),
            lambda: self._check_bands(currency),
            lambda: parse_optional("minimum", self.minimum, currency),
            lambda: parse_optional("maximum", self.maximum, currency),
        )
        check_all(self._check_tenant_of_shares, self._check_period, lambda: self._check_bounds(currency))

    def _checks(self) -> tuple[Callable[[], object], ...]:
        """Return the checks that need no currency."""
        return (
            self._check_type,
            self._check_paid_by,
            self._check_tier,
            lambda: check_optional(self.tenant, check_tenant),
            lambda: parse_percentage("tax_percentage", self.tax_percentage),
            self._check_shares,
            lambda: self._read_time("valid_from"),
            lambda: self._read_time("valid_until"),
        )

    def _check_type(self) -> None:
        charged = [name for name, rules in TRANSACTION_TYPES.items() if rules.fee_payers]
        if self.transaction_type not in charged:
            raise invalid("transaction_type", f"must be one of: {', '.join(charged)}")

    def _check_paid_by(self) -> None:
        if self.paid_by not in get_args(FeePayer):
            raise invalid("paid_by", f"must be one of: {', '.join(get_args(FeePayer))}")
        type_ = str(self.transaction_type)
        payers = TRANSACTION_TYPES[type_].fee_payers if type_ in TRANSACTION_TYPES else ()
        if payers and self.paid_by not in payers:
            raise invalid("paid_by", f"must be {' or '.join(payers)} for a {type_}")

    def _check_tier(self) -> None:
        if self.tier is not None and self.tier not in TIERS:
            raise invalid("tier", f"must be one of: {', '.join(TIERS)}")

    def _check_bands(self, currency: Currency) -> None:
        force_setattr(self, "bands", to_structs("bands", self.bands, NewFeeBand))
        parse_bands(self.bands, currency)

    def _check_shares(self) -> None:
        force_setattr(self, "shares", to_structs("shares", self.shares, NewFeeShare))
        parse_shares(self.shares)

    def _read_time(self, name: str) -> None:
        given = getattr(self, name)
        if given is not None:
            force_setattr(self, name, to_time(name, given))

    def _check_tenant_of_shares(self) -> None:
        if self.shares and self.tenant is None:
            raise invalid("tenant", "is missing: shares go to wallets of the tenant whose customers pay the fee")

    def _check_period(self) -> None:
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise invalid("valid_until", "must be after valid_from")

    def _check_bounds(self, currency: Currency) -> None:
        minimum, maximum = self._bounds(currency)
        if minimum is not None and maximum is not None and minimum > maximum:
            raise invalid("minimum", "must be at most the maximum")

    def _bounds(self, currency: Currency) -> tuple[int | None, int | None]:
        return parse_optional("minimum", self.minimum, currency), parse_optional("maximum", self.maximum, currency)

    def locks(self) -> LockSet:
        return LockSet(tuple(one.wallet_id for one in parse_shares(self.shares)), others=(TERMS.ref(TERMS_ID),))

    def decide(self, book: Book) -> FeeSchedule:
        """Create the schedule. Raises InvalidRequest if it would begin, or end, in the past."""
        if not has_all_tenants(book.caller):
            raise HouseForbidden("fees are those of all tenants: this needs the scope tenants:all")
        schedule = self._schedule(book)
        if schedule.valid_from < book.now:
            raise invalid("valid_from", "must not be in the past")
        if schedule.valid_until is not None and schedule.valid_until <= book.now:
            raise invalid("valid_until", "must be in the future")
        self._require_payable_shares(book, schedule)
        created = book.locked.of(FEE_SCHEDULES)  # in the same unit of work
        others = {one.id: one for schedules in book.locked.terms.fees.values() for one in schedules} | created
        other = find_overlap(schedule, others.values())
        if other is not None:
            raise FeeScheduleOverlaps(f"schedule {other.id} is for the same at that time ({other.scope}): end it first")
        book.add(FEE_SCHEDULES, schedule.id, schedule)
        return schedule

    def _schedule(self, book: Book) -> FeeSchedule:
        currency = parse_currency(self.currency)
        minimum, maximum = self._bounds(currency)
        valid_from: datetime | None = self.valid_from
        return FeeSchedule(
            id=FeeScheduleId(book.new_id()),
            transaction_type=self.transaction_type,
            currency=currency,
            tier=self.tier,
            tenant=self.tenant,
            paid_by=self.paid_by,
            bands=parse_bands(self.bands, currency),
            minimum=minimum,
            maximum=maximum,
            tax_ppm=parse_percentage("tax_percentage", self.tax_percentage),
            shares=parse_shares(self.shares),
            valid_from=valid_from or book.now,
            valid_until=self.valid_until,
            created_by=book.caller.subject,
            created_at=book.now,
        )

    def _require_payable_shares(self, book: Book, schedule: FeeSchedule) -> None:
        for place, share in enumerate(schedule.shares):
            wallet = book.customer_wallet(share.wallet_id, schedule.currency)
            if wallet.tenant != schedule.tenant:
                raise TenantMismatch(f"wallet {wallet.id} belongs to tenant {wallet.tenant}, not {schedule.tenant}")
            if not WALLET_KINDS[wallet.kind].gets_fee_shares:
                raise invalid(f"shares[{place}].wallet_id", f"must be a merchant's wallet, not a {wallet.kind} one")
