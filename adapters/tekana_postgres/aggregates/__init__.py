"""The row mappings of aggregates: how to lock, insert and update. A new kind needs a file, and an entry in KINDS.

The unit of work locks kind by kind in the order of `kinds_with`, and wallets last: always the same order, so that units
never deadlock.
"""

from __future__ import annotations

from typing import Final

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.api_keys import API_KEYS
from tekana.domain.approvals import APPROVALS
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.customer import CONTACTS, CUSTOMERS
from tekana.domain.exchange import RATES
from tekana.domain.holds import HOLDS
from tekana.domain.lock_set import TERMS
from tekana.domain.quotes import QUOTES
from tekana.domain.reversals import ORIGINALS
from tekana.domain.tier_limits import LIMITS
from tekana.domain.webhooks import WEBHOOK_ACTIVATIONS, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from tekana_postgres.aggregates.api_key import ApiKeyRows
from tekana_postgres.aggregates.approval import ApprovalRows
from tekana_postgres.aggregates.contact import ContactRows
from tekana_postgres.aggregates.customer import CustomerRows
from tekana_postgres.aggregates.fee_schedule import FeeScheduleRows, TermsRows
from tekana_postgres.aggregates.hold import HoldRows
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.aggregates.limits import LimitsRows
from tekana_postgres.aggregates.original import OriginalRows
from tekana_postgres.aggregates.quote import QuoteRows
from tekana_postgres.aggregates.rate import RateRows
from tekana_postgres.aggregates.webhook_delivery import WebhookDeliveryRows
from tekana_postgres.aggregates.webhook_endpoint import WebhookActivationRows, WebhookEndpointRows

KINDS: Final[dict[str, KindRows]] = {
    APPROVALS.name: ApprovalRows(),
    API_KEYS.name: ApiKeyRows(),
    WEBHOOK_ACTIVATIONS.name: WebhookActivationRows(),
    WEBHOOK_ENDPOINTS.name: WebhookEndpointRows(),
    WEBHOOK_DELIVERIES.name: WebhookDeliveryRows(),
    HOLDS.name: HoldRows(),
    ORIGINALS.name: OriginalRows(),
    LIMITS.name: LimitsRows(),
    RATES.name: RateRows(),
    FEE_SCHEDULES.name: FeeScheduleRows(),
    TERMS.name: TermsRows(),
    QUOTES.name: QuoteRows(),
}
"""The rows of the kinds without personal data, by the kind's name."""


def kinds_with(vault: CustomerVault) -> dict[str, KindRows]:
    """Return the rows of every kind but wallets, in the order of locking. The vault encrypts customers' details."""
    first = {APPROVALS.name: KINDS[APPROVALS.name]}
    return {**first, CUSTOMERS.name: CustomerRows(vault), CONTACTS.name: ContactRows(vault), **KINDS}
