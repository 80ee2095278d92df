"""Lists of public holidays: dates that a pack writes out, or those of a place in the `holidays` package.

A list answers `day in list`, and equals another one of the same content, because it is part of a cache's key.
"""

from datetime import date
from functools import lru_cache

import holidays

from gateway.domain.walltime import Day, date_of, day_number


class PublicHolidays:
    """The public holidays, observed days included, of an ISO 3166 code such as `US` or `CA-ON`; each year is worked out
    when it is first asked for. Raises ValueError where the package has no such place."""

    __slots__ = ("code",)

    def __init__(self, code: str) -> None:
        self.code = code
        _of_year(code, 2026)

    def __contains__(self, day: Day) -> bool:
        return day in _of_year(self.code, date_of(day).year)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicHolidays) and self.code == other.code

    def __hash__(self) -> int:
        return hash(self.code)


Holidays = frozenset[Day] | PublicHolidays


@lru_cache(maxsize=4096)
def _of_year(code: str, year: int) -> frozenset[Day]:
    country, _, subdivision = code.partition("-")
    try:
        found: dict[date, str] = holidays.country_holidays(
            country, subdiv=subdivision or None, years=year, expand=False
        )
    except NotImplementedError:
        raise ValueError(f"the holidays package knows no place called {code}") from None
    return frozenset(map(day_number, found))
