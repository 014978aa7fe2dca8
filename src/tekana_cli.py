"""Starts the `tekana` command. Apart from the package, whose import takes a second in which Ctrl-C may come."""


def main() -> None:
    """Import the command and run it."""
    try:
        from tekana.cli import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()
