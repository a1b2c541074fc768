"""Which keys are missing at the source, which ones raw lacks, and how much a table may lose from one run to the next."""

from collections.abc import Sequence
from typing import Any

from ingestion.connectors.base import Window
from ingestion.errors import ContractViolated
from ingestion.landing.quarantine import key_texts
from ingestion.landing.shrinkage import MAY_VANISH_ROWS, has_shrunk, if_right
from ingestion.landing.typed_rows.table_info import TableInfo
from ingestion.sql import quoted

KEYS_IN_SQL = 1_000  # more missing keys than that: the table is read whole


def compare_keys(info: TableInfo, validates: bool) -> None:
    """Puts the keys that the source lost into the scratch table `deleted`, and those that raw lacks into `missing`. Raises
    ContractViolated when the source lost too many."""
    scratch, keys = info.scratch, info.key_columns
    texts = [column.name for column in keys if validates or column.is_changed]
    sent = info.connection.read(info.table, Window(), None).relation([column.source for column in keys], texts)
    if validates:  # a key that does not fit is not in raw
        received = ", ".join(f"{column.value} as {quoted(column.raw_name)}" for column in keys)
        fitting = f" where {' and '.join(column.fits for column in keys)}"
    else:
        received, fitting = ", ".join(column.received for column in keys), ""
    scratch.create("now", f"select {received} from {sent} as sent{fitting}")
    scratch.create("live", f"select * from {info.attempt.raw.live_keys(info.name, {c.raw_name: c.raw_type for c in keys})} as known")
    pairs = " and ".join(f"live.{quoted(name)} = now.{quoted(name)}" for name in info.key_names)
    for kind, left, right in (("deleted", "live", "now"), ("missing", "now", "live")):
        scratch.create(kind, f"select {left}.* from {scratch.name(left)} as {left} anti join {scratch.name(right)} as {right} on {pairs}")
    refuse_to_lose_too_much(info, scratch.count("deleted"), scratch.count("live"))
    quarantine = info.attempt.quarantine
    if gone := set(quarantine.open_keys(info.name)):
        con = info.attempt.run.session.scratch
        here = con.execute(f"select * from {scratch.name('now')} union all select * from {scratch.name('live')}")
        gone.difference_update(key_texts(here))
        for key in gone:
            quarantine.withdraw(info.name, key)  # was deleted before it ever fitted


def missing_keys(info: TableInfo) -> Sequence[Sequence[Any]] | None:
    """The keys that raw lacks; None when they are too many to name."""
    found = info.attempt.run.session.scratch.execute(f"select * from {info.scratch.name('missing')} limit {KEYS_IN_SQL + 1}").fetchall()
    return found if len(found) <= KEYS_IN_SQL else None


def refuse_to_lose_too_much(info: TableInfo, gone: int, live: int) -> None:
    """Raises ContractViolated when so many of the live rows are missing that an error is likelier."""
    shrunk = has_shrunk(live - gone, live, info.table.min_retained_share, MAY_VANISH_ROWS)
    if shrunk and not info.options.allow_deletes:
        raise ContractViolated(
            f"{gone} of {live} rows are missing from the source at once; nothing of the table was loaded.",
            if_right(info.attempt.run.source),
        )
