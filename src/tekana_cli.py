"""Starts the `tekana` command. Apart from the package, whose import takes a second in which Ctrl-C may come."""

import gc
import os
import signal

# The imports make hardly any garbage. With the defaults, looking for it takes a fifth of the time of a start.
gc.set_threshold(20_000, 20, 50)


def main() -> None:
    """Import the command and run it. Ctrl-C during the import exits with 130, the code of an interrupted program."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in the background of a script
    if not ignored:
        signal.signal(signal.SIGINT, _exit_now)
    from tekana.cli import main as run  # noqa: PLC0415

    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _exit_now(*_: object) -> None:
    """Exit without an exception, which an extension module that is being imported may discard."""
    os._exit(130)


if __name__ == "__main__":
    main()
