"""Which keys are gone from the source, which ones raw lacks, and how much a table may lose from one run to the next."""

from collections.abc import Iterator, Sequence
from typing import Any

from ingestion.connectors.base import Window
from ingestion.errors import ContractViolated
from ingestion.landing.quarantine import key_text
from ingestion.landing.rows.columns import names, values
from ingestion.landing.rows.facts import TableFacts
from ingestion.sql import quoted

KEYS_IN_SQL = 1_000  # more missing keys than that: the table is read whole
MAY_VANISH_ROWS = 2  # so many rows of a table may disappear between two runs, whatever share of it they are
BATCH_ROWS = 100_000


def compare_keys(facts: TableFacts, validates: bool) -> None:
    """Puts the keys that the source lost into the scratch table `deleted`, and those that raw lacks into `missing`. Raises
    ContractViolated when the source lost too many."""
    con, keys = facts.attempt.run.session.scratch, facts.key_columns
    texts = [column.name for column in keys if validates or column.is_changed]
    sent = facts.connection.read(facts.table, Window(), None).relation([column.source for column in keys], texts)
    if validates:  # a key that does not fit is not in raw
        received, fitting = values(keys), f" where {' and '.join(column.fits for column in keys)}"
    else:
        received, fitting = ", ".join(column.received for column in keys), ""
    _create(facts, "now", f"select {received} from {sent} as sent{fitting}")
    _create(facts, "live", f"select * from {facts.attempt.raw.live_keys(facts.name, {c.raw_name: c.raw_type for c in keys})} as known")
    pairs = " and ".join(f"live.{quoted(name)} = now.{quoted(name)}" for name in facts.key_names)
    for kind, left, right in (("deleted", "live", "now"), ("missing", "now", "live")):
        _create(facts, kind, f"select {left}.* from {facts.scratch(left)} as {left} anti join {facts.scratch(right)} as {right} on {pairs}")
    refuse_to_lose_too_much(facts, size(facts, "deleted"), size(facts, "live"))
    quarantine = facts.attempt.quarantine
    if gone := set(quarantine.open_keys(facts.name)):
        here = con.execute(f"select * from {facts.scratch('now')} union all select * from {facts.scratch('live')}")
        gone.difference_update(_texts(here))
        for key in gone:
            quarantine.withdraw(facts.name, key)  # was deleted before it ever fitted


def missing_keys(facts: TableFacts) -> Sequence[Sequence[Any]] | None:
    """The keys that raw lacks; None when they are too many to name."""
    found = facts.attempt.run.session.scratch.execute(f"select * from {facts.scratch('missing')} limit {KEYS_IN_SQL + 1}").fetchall()
    return found if len(found) <= KEYS_IN_SQL else None


def refuse_to_lose_too_much(facts: TableFacts, gone: int, live: int) -> None:
    """Raises ContractViolated when so many of the live rows are gone that an error is likelier."""
    many = gone > max(MAY_VANISH_ROWS, (1 - facts.table.min_retained_share) * live) or 0 < gone == live
    if many and not facts.options.allow_deletes:
        raise ContractViolated(
            f"{gone} of {live} rows are gone from the source at once; nothing of the table was loaded.",
            f"If that is right: ingest {facts.attempt.run.source} --allow-deletes",
        )


def withdraw_read_keys(facts: TableFacts) -> None:
    """What is in quarantine of a key that has just been read, and fits, is no longer what the source says, be it that it says
    what it had said before, or something that it dates earlier."""
    quarantine = facts.attempt.quarantine
    if facts.key_columns and quarantine.open_keys(facts.name):
        found = facts.attempt.run.session.scratch.execute(f"select {names(facts.key_columns)} from {facts.scratch('source')}")
        for key in _texts(found):
            quarantine.withdraw(facts.name, key)


def size(facts: TableFacts, kind: str) -> int:
    """The rows of a scratch table."""
    [(count,)] = facts.attempt.run.session.scratch.execute(f"select count(*) from {facts.scratch(kind)}").fetchall()
    return int(count)


def _create(facts: TableFacts, kind: str, query: str) -> None:
    facts.attempt.run.session.scratch.execute(f'create or replace temp table "{kind}_{facts.name}" as {query}')


def _texts(found: Any) -> Iterator[str]:
    """The keys of a query's rows, as quarantine has them."""
    while rows := found.fetchmany(BATCH_ROWS):
        yield from map(key_text, rows)
