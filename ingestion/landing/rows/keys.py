"""Which keys are gone from the source, which ones raw lacks, and how much a table may lose from one run to the next."""

from collections.abc import Sequence
from typing import Any

from ingestion.connectors.base import Window
from ingestion.errors import ContractViolated
from ingestion.landing.quarantine import key_texts
from ingestion.landing.rows.facts import TableFacts
from ingestion.sql import quoted

KEYS_IN_SQL = 1_000  # more missing keys than that: the table is read whole
MAY_VANISH_ROWS = 2  # so many rows of a table may disappear between two runs, whatever share of it they are


def compare_keys(facts: TableFacts, validates: bool) -> None:
    """Puts the keys that the source lost into the scratch table `deleted`, and those that raw lacks into `missing`. Raises
    ContractViolated when the source lost too many."""
    staging, keys = facts.staging, facts.key_columns
    texts = [column.name for column in keys if validates or column.is_changed]
    sent = facts.connection.read(facts.table, Window(), None).relation([column.source for column in keys], texts)
    if validates:  # a key that does not fit is not in raw
        received = ", ".join(f"{column.value} as {quoted(column.raw_name)}" for column in keys)
        fitting = f" where {' and '.join(column.fits for column in keys)}"
    else:
        received, fitting = ", ".join(column.received for column in keys), ""
    staging.create("now", f"select {received} from {sent} as sent{fitting}")
    staging.create("live", f"select * from {facts.attempt.raw.live_keys(facts.name, {c.raw_name: c.raw_type for c in keys})} as known")
    pairs = " and ".join(f"live.{quoted(name)} = now.{quoted(name)}" for name in facts.key_names)
    for kind, left, right in (("deleted", "live", "now"), ("missing", "now", "live")):
        staging.create(kind, f"select {left}.* from {staging.name(left)} as {left} anti join {staging.name(right)} as {right} on {pairs}")
    refuse_to_lose_too_much(facts, staging.count("deleted"), staging.count("live"))
    quarantine = facts.attempt.quarantine
    if gone := set(quarantine.open_keys(facts.name)):
        con = facts.attempt.run.session.scratch
        here = con.execute(f"select * from {staging.name('now')} union all select * from {staging.name('live')}")
        gone.difference_update(key_texts(here))
        for key in gone:
            quarantine.withdraw(facts.name, key)  # was deleted before it ever fitted


def missing_keys(facts: TableFacts) -> Sequence[Sequence[Any]] | None:
    """The keys that raw lacks; None when they are too many to name."""
    found = facts.attempt.run.session.scratch.execute(f"select * from {facts.staging.name('missing')} limit {KEYS_IN_SQL + 1}").fetchall()
    return found if len(found) <= KEYS_IN_SQL else None


def refuse_to_lose_too_much(facts: TableFacts, gone: int, live: int) -> None:
    """Raises ContractViolated when so many of the live rows are gone that an error is likelier."""
    many = gone > max(MAY_VANISH_ROWS, (1 - facts.table.min_retained_share) * live) or 0 < gone == live
    if many and not facts.options.allow_deletes:
        raise ContractViolated(
            f"{gone} of {live} rows are gone from the source at once; nothing of the table was loaded.",
            f"If that is right: ingest {facts.attempt.run.source} --allow-deletes",
        )
