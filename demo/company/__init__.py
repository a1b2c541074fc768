"""Moa Market, simulated: a company that lives one business day after another, the same way for the same seed.

`Company(seed, scale)` is at the start of 2026-01-01 (day 0). `live()` lives the next day and returns which rows
changed; `rows()` gives rows as the source systems would hold them; `truth()` gives what really happened.
Nothing here knows of servers: demo.servers carries the changes to them.

Every day draws its chances from (seed, day), so it is the same whether lived today or replayed later. The order of the
draws is part of the company: whoever moves one makes another company, and raises SIMULATION.
"""

from demo.company.clock import business_date, clock_at, to_datetime
from demo.company.company import SIMULATION, Company
from demo.company.day import PAYMENT_TABLES, SHOP_TABLES, Changes
from demo.company.truth import Truth
from demo.company.words import CATEGORY_SPELLINGS, SPELLINGS

__all__ = [
    "CATEGORY_SPELLINGS",
    "PAYMENT_TABLES",
    "SHOP_TABLES",
    "SIMULATION",
    "SPELLINGS",
    "Changes",
    "Company",
    "Truth",
    "business_date",
    "clock_at",
    "to_datetime",
]
