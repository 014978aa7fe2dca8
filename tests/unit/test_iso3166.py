"""The table of countries matches ISO 3166-1.

When it changes, and the package `pycountry` with it, regenerate the table:

    python tests/unit/test_iso3166.py > table && paste it over COUNTRIES in src/tekana/domain/iso3166.py
"""

import pycountry

from tekana.domain.iso3166 import COUNTRIES


def codes() -> list[str]:
    """Return every officially assigned alpha-2 code."""
    return sorted(one.alpha_2 for one in pycountry.countries)


def test_the_table_matches_iso_3166_1() -> None:
    assert sorted(COUNTRIES) == codes()
    assert len(COUNTRIES) == 249


if __name__ == "__main__":
    print("\n".join(f'        "{code}",' for code in codes()))
