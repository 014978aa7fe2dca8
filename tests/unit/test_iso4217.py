"""The table of currencies is that of ISO 4217.

When it changes, and the package `iso4217` with it, regenerate the table:

    python tests/unit/test_iso4217.py > table && paste it over EXPONENTS in src/tekana/domain/iso4217.py
"""

from iso4217 import Currency

from tekana.domain.iso4217 import EXPONENTS


def table() -> dict[str, int]:
    """Every active currency that has a minor unit, with its number of decimals."""
    return {one.code: one.exponent for one in sorted(Currency, key=lambda one: one.code) if one.exponent is not None}


def test_the_table_is_that_of_iso_4217() -> None:
    assert table() == EXPONENTS
    assert list(EXPONENTS) == sorted(EXPONENTS)


if __name__ == "__main__":
    print("\n".join(f'    "{code}": {exponent},' for code, exponent in table().items()))
