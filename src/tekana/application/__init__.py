"""The application layer: it executes commands and runs background work.

authentication  from the credential of a request to a verified caller
commands        the commands, one file each
engine          decides commands in groups, each in one unit of work
executed        what the execution of a command returns or raises
tekana          the entry point: sessions of callers
session         what one caller can do and read
readers         checks and converts the arguments of readers
sign_in         sign-in of customers, and their tokens
secrets         data keys, and what they encrypt
customer_export everything that is held about a customer
statements      statements of wallets, and their forms
journal         the journal and the trial balance, for accountants
text_files      values in text files
recipients      whom a payer can name by phone number
webhooks        webhook endpoints: the operations of their owners
workers         background work: publish the outbox, deliver webhooks
audit           checks of the ledger's invariants on a snapshot
audit_recorder  the entries of the audit log that belong to no unit of work
event_payload   the public form of events
bus             the two ends of a bus for commands and queries
"""

from typing import TYPE_CHECKING

from tekana.application import commands
from tekana.application.authentication import IssuedKey as IssuedKey
from tekana.application.authentication import KeyProperties as KeyProperties
from tekana.application.authentication import create_api_key as create_api_key
from tekana.application.authentication import rotate_api_key as rotate_api_key
from tekana.application.commands import *
from tekana.application.engine.posting_engine import PostingEngine as PostingEngine
from tekana.application.session import Session as Session
from tekana.application.statements import Statement as Statement
from tekana.application.tekana import Tekana as Tekana
from tekana.application.webhooks.webhooks import Webhooks as Webhooks

if not TYPE_CHECKING:
    __all__ = [
        *commands.__all__,
        "IssuedKey",
        "KeyProperties",
        "PostingEngine",
        "Session",
        "Statement",
        "Tekana",
        "Webhooks",
        "create_api_key",
        "rotate_api_key",
    ]
