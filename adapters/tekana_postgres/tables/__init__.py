"""The tables that this version needs. Migrations create them; a test compares the two.

Foreign keys on transactions and entries would cost a third of the throughput. References are in `info` instead, as are
the rights of the application on a table; nothing is ever deleted, and the audit finds rows that refer to missing ones.
Amounts and balances are in minor units.
"""

from tekana_postgres.tables.api_keys import api_keys as api_keys
from tekana_postgres.tables.approvals import approvals as approvals
from tekana_postgres.tables.audit_log import audit_log as audit_log
from tekana_postgres.tables.columns import metadata as metadata
from tekana_postgres.tables.customer_details import customer_details as customer_details
from tekana_postgres.tables.fees import fee_schedules as fee_schedules
from tekana_postgres.tables.history import history_links as history_links
from tekana_postgres.tables.holds import holds as holds
from tekana_postgres.tables.ledger import customer_answers as customer_answers
from tekana_postgres.tables.ledger import customers as customers
from tekana_postgres.tables.ledger import entries as entries
from tekana_postgres.tables.ledger import idempotency_keys as idempotency_keys
from tekana_postgres.tables.ledger import transactions as transactions
from tekana_postgres.tables.ledger import wallets as wallets
from tekana_postgres.tables.limits import limits as limits
from tekana_postgres.tables.limits import terms as terms
from tekana_postgres.tables.limits import time_zones as time_zones
from tekana_postgres.tables.outbox import leases as leases
from tekana_postgres.tables.outbox import outbox as outbox
from tekana_postgres.tables.outbox import outbox_parts as outbox_parts
from tekana_postgres.tables.outbox import parked_events as parked_events
from tekana_postgres.tables.outbox import relays as relays
from tekana_postgres.tables.quotes import quotes as quotes
from tekana_postgres.tables.rates import rates as rates
from tekana_postgres.tables.reversals import reversals as reversals
from tekana_postgres.tables.secrets import data_keys as data_keys
from tekana_postgres.tables.sign_in import credentials as credentials
from tekana_postgres.tables.sign_in import identities as identities
from tekana_postgres.tables.sign_in import one_time_codes as one_time_codes
from tekana_postgres.tables.sign_in import refresh_families as refresh_families
from tekana_postgres.tables.sign_in import signing_keys as signing_keys
from tekana_postgres.tables.webhooks import webhook_deliveries as webhook_deliveries
from tekana_postgres.tables.webhooks import webhook_endpoints as webhook_endpoints
from tekana_postgres.tables.webhooks import webhook_lines as webhook_lines

APPEND_ONLY = (transactions, entries, idempotency_keys, outbox, history_links, audit_log, limits, time_zones, rates)
"""History: rows are added, never changed nor removed. Triggers and grants see to it."""
