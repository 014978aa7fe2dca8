"""The Python that a benchmark runs on: how it was built, and how fast it runs a short program.

python benchmarks/interpreter.py prints the microseconds of that program. It needs nothing but the standard library, so
that `nox -s bench` can ask every Python on this machine and take the fastest: one that was built with PGO (profile
guided optimization) takes some 30 % less time for objects and calls, and distributions do not always state that it was.
"""

from __future__ import annotations

import platform
import sys
import sysconfig
import timeit
from dataclasses import dataclass

_REPEATS = 100
_RUNS = 30


@dataclass
class _Item:
    first: int
    second: int
    name: str


def _run_program() -> int:
    found = {}
    for number in range(100):
        item = _Item(number, number + 1, "x")
        found[item.first] = item
        f"{item.second}:{item.name}"
    return sum(item.second for item in found.values())


def program_us() -> float:
    """Return the microseconds of a run of a short program: the least of many."""
    return min(timeit.repeat(_run_program, number=_RUNS, repeat=_REPEATS)) / _RUNS * 1e6


def describe() -> str:
    """Describe this interpreter in one line."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    pgo = "with PGO" if "--enable-optimizations" in options else "build options name no PGO"
    lto = ", with LTO" if "--with-lto" in options else ""
    return (
        f"Python {platform.python_version()}, {pgo}{lto}; {program_us():.1f} us for a short program; {sys.executable}"
    )


if __name__ == "__main__":
    print(program_us())
