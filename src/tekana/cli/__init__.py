"""The command line: serve, relay, webhooks, migrate, audit, export, trial-balance, history, outbox, expire-holds, keys,
secrets, demo.

Every setting is a flag and a TEKANA_ variable. A command that cannot run prints the reason as one sentence to stderr
and exits with 2. In production, each setting that is not safe gets a sentence.
"""

from __future__ import annotations

import logging
import sys

import rich_click as click
from click.exceptions import Abort, Exit

from tekana.bootstrap.production import UnsafeForProduction
from tekana.cli.audit import audit
from tekana.cli.demo import demo
from tekana.cli.expire_holds import expire_holds
from tekana.cli.export import export
from tekana.cli.failures import COULD_NOT_RUN, INTERRUPTED, explain, explain_usage, ignore_output
from tekana.cli.history import history
from tekana.cli.keys import keys
from tekana.cli.migrate import migrate
from tekana.cli.outbox import outbox
from tekana.cli.relay import relay
from tekana.cli.secrets import secrets
from tekana.cli.serve import serve
from tekana.cli.trial_balance import trial_balance
from tekana.cli.webhooks import webhooks

_SERVERS = (serve, relay, webhooks)
"""The commands that log to stderr. The output of the others contains what they would log."""


class _Commands(click.RichGroup):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and turn off logging for those that do not run for long."""
        found = super().resolve_command(ctx, args)
        if found[1] not in _SERVERS:
            logging.getLogger("tekana").addHandler(logging.NullHandler())
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. A closed output pipe must not exit with the code of a broken ledger."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ignore_output()
            raise Exit(COULD_NOT_RUN) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="tekana")
def command() -> None:
    """tekana: the e-wallet back-end. `tekana serve` starts everything it needs."""


for _command in (
    *_SERVERS,
    *(migrate, audit, export, trial_balance, history, outbox, expire_holds, keys, secrets, demo),
):
    command.add_command(_command)


def main() -> None:
    """Run the command of the arguments, and exit with its code."""
    try:
        code = command.main(prog_name="tekana", standalone_mode=False)
    except Abort:
        click.echo("tekana: interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        click.echo(f"tekana: {explain_usage(error)}", err=True)
        code = COULD_NOT_RUN
    except UnsafeForProduction as error:
        for one in error.errors:
            click.echo(f"tekana: refused in production: {one.field}: {one.message}", err=True)
        code = COULD_NOT_RUN
    except Exception as error:  # any kind: an operator gets a sentence, no traceback
        click.echo(f"tekana: {explain(error)}", err=True)
        code = COULD_NOT_RUN
    sys.exit(code if isinstance(code, int) else 0)
