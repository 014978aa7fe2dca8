"""The command line: serve, relay, webhooks, migrate, audit, outbox, demo.

Every setting is a flag and a TEKANA_ variable.
"""

from __future__ import annotations

import sys

import rich_click as click

from tekana.bootstrap import MissingAdapter
from tekana.cli.audit import audit
from tekana.cli.demo import demo
from tekana.cli.migrate import migrate
from tekana.cli.outbox import outbox
from tekana.cli.relay import relay
from tekana.cli.serve import serve
from tekana.cli.webhooks import webhooks
from tekana.domain.errors import InvalidRequest, Unavailable

COULD_NOT_RUN = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="tekana")
def command() -> None:
    """tekana: the e-wallet back-end. `tekana serve` starts everything it needs."""


for _verb in (serve, relay, webhooks, migrate, audit, outbox, demo):
    command.add_command(_verb)


def main() -> None:
    """Run the command; what cannot be done is said in a sentence, never as a stack of calls."""
    try:
        command()
    except (Unavailable, MissingAdapter, InvalidRequest) as error:
        click.echo(f"tekana: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
