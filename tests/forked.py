"""Python programs that tests start, forked from the process of the tests, which has imported their modules already.

To import tekana with its adapters takes a second of processor time, and hundreds of tests start a command. A forked one
is a process like any other, with its own environment, descriptors and signals, and the exit code of its program. Tests
of what happens while a program is imported start an interpreter instead.
"""

from __future__ import annotations

import atexit
import faulthandler
import io
import logging
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import runpy
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Final

TEKANA: Final = (sys.executable, "-m", "tekana_cli")


def forked(words: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the options of `subprocess` and `asyncio` that fork a Python program instead of executing it.

    Args:
        words: the interpreter; a file, or `-m` and a module, or `-c` and the text; then the arguments of the program.
        env: the environment of the program; that of this process by default.
    """
    assert words[0] == sys.executable
    environment = dict(os.environ if env is None else env)
    if _of_the_interpreter(environment) != _of_the_interpreter(os.environ):
        return {"env": environment}
    return {"env": environment, "preexec_fn": partial(_run, words[1:], environment)}


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an interpreter reads when it starts. A program with others needs one of its own."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def _run(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the program in this new process, and exit with its code. What follows in `subprocess` is never reached."""
    code = 1
    try:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # also the one by which `subprocess` waits for the start
        _reset_process()
        os.environ.clear()
        os.environ.update(environment)
        code = _exit_code_of(words)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _exit_code_of(words: Sequence[str]) -> int:
    try:
        if words[0] == "-m":
            sys.argv = [words[1], *words[2:]]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        elif words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.modules["__main__"] = program = ModuleType("__main__")
            exec(words[1], vars(program))  # noqa: S102 - the text of a test
        else:
            sys.argv = list(words)
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as stopped:
        if stopped.code is None or isinstance(stopped.code, int):
            return stopped.code or 0
        print(stopped.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _reset_process() -> None:
    """Undo what pytest and asyncio have set up in the process of the tests."""
    faulthandler.disable()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    atexit._clear()
    atexit.register(multiprocessing.util._exit_function)  # type: ignore[attr-defined]
    multiprocessing.util._finalizer_registry.clear()  # type: ignore[attr-defined]
    tracker = multiprocessing.resource_tracker._resource_tracker  # type: ignore[attr-defined]
    tracker._fd = tracker._pid = None
    sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
    threading.excepthook = threading.__excepthook__
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    for logger in (logging.root, *map(logging.getLogger, logging.root.manager.loggerDict)):
        logger.handlers.clear()
        logger.filters.clear()
        logger.setLevel(logging.NOTSET if logger is not logging.root else logging.WARNING)
        logger.propagate, logger.disabled = True, False
    logging.disable(logging.NOTSET)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False))  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), errors="backslashreplace", line_buffering=True)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
