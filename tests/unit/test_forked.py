"""A forked program is a process like one that an interpreter of its own runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.forked import forked

STATE = """
import logging, os, signal, sys, threading
print(sys.argv, __name__, os.environ.get("TEKANA_CHECK"), os.getppid())
print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
print([signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGALRM)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), threading.active_count())
print(logging.root.handlers, logging.getLogger("tekana").handlers, logging.getLogger("tekana").isEnabledFor(20))
print(sys.stdin.read(), end="")
print("to stderr", file=sys.stderr)
"""


def both(code: str, **options: object) -> list[subprocess.CompletedProcess[str]]:
    """Run the text in an interpreter of its own, and forked."""
    words = [sys.executable, "-c", code, "an argument"]
    env = dict(os.environ) | {"TEKANA_CHECK": "1"}
    given: dict[str, object] = {"capture_output": True, "text": True, "timeout": 60} | options
    runs: list[dict[str, object]] = [{"env": env}, forked(words, env)]
    return [subprocess.run(words, check=False, **one, **given) for one in runs]  # type: ignore[call-overload]


@pytest.mark.skipif(sys.platform != "linux", reason="not here: /proc")
def test_it_has_nothing_of_the_tests(caplog: pytest.LogCaptureFixture) -> None:
    executed, forked_one = both(STATE, input="its input\n")
    assert forked_one.stdout.splitlines() == executed.stdout.splitlines()
    assert (forked_one.stderr, forked_one.returncode) == (executed.stderr, executed.returncode)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "raise SystemExit(3)",
        "raise SystemExit('a reason')",
        "raise KeyboardInterrupt",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import atexit; atexit.register(print, 'at the end')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('a thread'))).start()",
    ],
)
def test_it_ends_as_an_executed_one(code: str) -> None:
    executed, forked_one = both(code)
    assert (forked_one.returncode, forked_one.stdout) == (executed.returncode, executed.stdout)
    assert bool(forked_one.stderr) == bool(executed.stderr)


def test_an_exception_is_printed() -> None:
    _, done = both("raise ValueError('planted')")
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: planted\n")


def test_a_file_is_a_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys\nif __name__ == '__main__': print(sys.argv[1:], sys.modules['__main__'].__file__)")
    words = [sys.executable, str(program), "one"]
    done = subprocess.run(words, **forked(words), capture_output=True, text=True, check=True)
    assert done.stdout == f"['one'] {program}\n"


def test_variables_of_the_interpreter_need_one() -> None:
    words = [sys.executable, "-c", "import sys; print(sys.flags.dev_mode)"]
    options = forked(words, dict(os.environ) | {"PYTHONDEVMODE": "1"})
    assert subprocess.run(words, **options, capture_output=True, text=True, check=True).stdout == "True\n"


def test_signals_reach_it() -> None:
    words = [sys.executable, "-c", "print('begins', flush=True); import time; time.sleep(60)"]
    held = threading.Event()
    thread = threading.Thread(target=held.wait)
    thread.start()
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with subprocess.Popen(words, **forked(words), stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "begins\n"
                process.send_signal(number)
            assert process.returncode == -number
    finally:
        held.set()
        thread.join()
