"""Ctrl-C while a command starts: it ends soon, without a traceback, also when the exception of the signal is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.serving import free_port

NOWHERE = "postgresql://127.0.0.1:1/none"

INTERRUPTED = """
import signal, sys, tekana_cli

class CtrlC:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                if not {discarded}:
                    raise

sys.meta_path.insert(0, CtrlC())
tekana_cli.main()
"""
"""Like the installed script; Ctrl-C comes when the import of the module begins."""


@pytest.mark.parametrize("discarded", [False, True], ids=["raised", "discarded"])
@pytest.mark.parametrize(
    ("command", "module", "codes"),
    [
        ("audit", "tekana", {130}),
        ("audit", "tekana_postgres", {130}),
        ("relay", "tekana_postgres", {0}),
        ("serve", "tekana.cli.serve", {130}),
        ("serve", "tekana_litestar", {0}),
        ("serve", "tekana_postgres", {0}),
    ],
)
def test_ctrl_c_during_an_import_ends_the_command(command: str, module: str, codes: set[int], discarded: bool) -> None:
    """Extension modules discard exceptions that arise, for example, while they look whether there is an attribute."""
    more = {"serve": ["--port", str(free_port())], "relay": ["--bus-url", "kafka://127.0.0.1:1"]}.get(command, [])
    script = INTERRUPTED.format(module=module, discarded=discarded)
    words = [sys.executable, "-c", script, command, "--database-url", NOWHERE, *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode in codes, done


@pytest.mark.parametrize("command", ["audit", "serve"])
def test_ctrl_c_during_the_start_ends_the_command(postgres_url: str, command: str) -> None:
    """At moments that depend on the speed of the machine: from outside."""
    script = "import tekana_cli; print('begins', flush=True); tekana_cli.main()"
    words = [sys.executable, "-c", script, command, "--database-url", postgres_url]
    words += ["--port", str(free_port())] if command == "serve" else []
    for seconds in (0.1, 0.4, 0.8, 1.2):
        with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "begins\n"
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in out + err, seconds
        # An interpreter that is about to exit is ended by the signal itself.
        assert process.returncode in (130, 0, -signal.SIGINT), (seconds, err)
