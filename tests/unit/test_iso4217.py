"""The table of currencies matches ISO 4217.

When it changes, and the package `iso4217` with it:

- paste the output of `python tests/unit/test_iso4217.py` over EXPONENTS in src/tekana/domain/iso4217.py: it has the
  active codes, and those that are withdrawn, which stay;
- name every code in WITHDRAWN that is not active any more.
"""

from iso4217 import Currency

from tekana.domain.iso4217 import EXPONENTS, WITHDRAWN


def active() -> dict[str, int]:
    """Return every active currency that has a minor unit, with its number of decimals."""
    return {one.code: one.exponent for one in Currency if one.exponent is not None}


def test_the_table_matches_iso_4217() -> None:
    assert {code: exponent for code, exponent in EXPONENTS.items() if code not in WITHDRAWN} == active()
    assert list(EXPONENTS) == sorted(EXPONENTS)


def test_withdrawn_currencies_keep_their_decimals() -> None:
    assert EXPONENTS.keys() >= WITHDRAWN


if __name__ == "__main__":
    print("\n".join(f'    "{code}": {exponent},' for code, exponent in sorted((EXPONENTS | active()).items())))
