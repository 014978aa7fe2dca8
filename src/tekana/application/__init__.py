"""The application: commands in, answers out.

commands        what callers can have done, one file a command
engine          decides commands in groups, each in one unit of work
tekana          the front door: sessions of callers
policy          who may do what
webhooks        delivery of events over HTTP: what owners of endpoints can do
workers         background work: publish the outbox, deliver webhooks
audit           every invariant of the ledger, checked on a snapshot
event_payload   an event as consumers see it
bus             the two ends of a bus for commands and queries
"""

from typing import TYPE_CHECKING

from tekana.application import commands
from tekana.application.commands import *
from tekana.application.engine.posting_engine import PostingEngine as PostingEngine
from tekana.application.tekana import Session as Session
from tekana.application.tekana import Tekana as Tekana
from tekana.application.webhooks.webhooks import Webhooks as Webhooks

if not TYPE_CHECKING:
    __all__ = [*commands.__all__, "PostingEngine", "Session", "Tekana", "Webhooks"]
