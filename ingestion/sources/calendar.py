"""Public holidays, from the library `holidays`: no server, and news only with a release of the library.

Settings, if need be: sources.calendar.country (ISO code, NZ), first_year (2025).
"""

from collections.abc import Iterator
from datetime import date

import holidays
import pyarrow

from ingestion.context import Context
from ingestion.settings import setting

COLUMNS = {
    "country": {"data_type": "text"},
    "date": {"data_type": "date"},
    "name": {"data_type": "text"},
}
SCHEMA = pyarrow.schema([("country", pyarrow.string()), ("date", pyarrow.date32()), ("name", pyarrow.string())])
YEARS_AHEAD = 2


def source(context: Context) -> list:
    """The holidays of the years that raw does not hold as the library has them now."""
    country = setting("sources.calendar.country", "NZ").upper()
    years = range(int(setting("sources.calendar.first_year", 2025)), date.today().year + YEARS_AHEAD + 1)

    def new_years() -> Iterator[pyarrow.Table]:
        context.covers("holidays", None, context.began_at)
        for year in years:
            rows = sorted(holidays.country_holidays(country, years=year).items())
            rows = [(day, name) for day, name in rows if day.year == year]
            # A year lands whole, so that the latest load of a year is all there is of it: a holiday that was
            # withdrawn or renamed is not in it.
            if set(rows) != _landed(context, country, year):
                yield pyarrow.table([[country] * len(rows), [day for day, _ in rows], [name for _, name in rows]], schema=SCHEMA)

    return [context.resource("holidays", COLUMNS, new_years)]


def _landed(context: Context, country: str, year: int) -> set[tuple[date, str]]:
    """What the latest complete load of this year holds."""
    if not context.has_rows("holidays"):
        return set()
    literal = context.session.literal
    rows = context.session.rows(
        f"select _dlt_load_id, date, name from {context.complete_rows('holidays')} as known "
        f"where country = {literal(country)} and extract(year from date) = {year}"
    )
    latest = max((load for load, *_ in rows), default=None)
    return {(day, name) for load, day, name in rows if load == latest}
