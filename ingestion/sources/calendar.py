"""Public holidays, from the library `holidays`: no server, and news only with a release of the library.

Settings, if need be: sources.calendar.country (ISO code, NZ), first_year (2025).
"""

from collections.abc import Iterator
from datetime import date

import holidays
import pyarrow

from ingestion.connectors.base import Part
from ingestion.connectors.python_parts import Parts, PythonSource
from ingestion.settings import setting

SCHEMA = pyarrow.schema([("country", pyarrow.string()), ("date", pyarrow.date32()), ("name", pyarrow.string())])
YEARS_AHEAD = 2


def years(source: str) -> Iterator[Part]:
    """The holidays, a year at a time."""
    country = setting(f"sources.{source}.country", "NZ").upper()
    first_year = int(setting(f"sources.{source}.first_year", 2025))
    for year in range(first_year, date.today().year + YEARS_AHEAD + 1):
        days = sorted((day, name) for day, name in holidays.country_holidays(country, years=year).items() if day.year == year)
        rows = [[country] * len(days), [day for day, _ in days], [name for _, name in days]]
        yield Part(pyarrow.table(rows, schema=SCHEMA), equal={"country": country}, year_of=("date", year))


SOURCE = PythonSource(tables=[Parts("holidays", SCHEMA, years)])
