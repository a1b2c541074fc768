"""Reads an interval of a source again, in chunks, and remembers which of them it has read.

Each chunk is one load of `[from, until)` that moves no cursor, and lands what raw lacks of it. What the source itself no
longer has does not come back: a version of a row that was replaced since, or the moment at which a row was deleted.

`raw_<source>.read_log` is the memory: a chunk was read when a read took in exactly this interval and was complete. Chunks are
read in their order, and a backfill that has come to the last one is over. So what was read since the first chunk was last
read belongs to the latest backfill of this interval. Unless that is over, or with `again`, its chunks are not read again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ingestion.errors import UsageError
from ingestion.operations.status import Coverage, Interval, gaps
from ingestion.registry import known_sources
from ingestion.warehouses import Session, find_warehouse

if TYPE_CHECKING:
    from ingestion.landing.run import Progress
    from ingestion.operations.load import SourceReport


@dataclass
class BackfillReport:
    """How a backfill went: its loads, and what is complete or missing now of each table of the source."""

    chunks: list[Interval]
    skipped: list[Interval] = field(default_factory=list)  # an unfinished backfill has read them
    loads: list["SourceReport"] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(load.ok for load in self.loads) and len(self.skipped) + len(self.loads) == len(self.chunks)


def backfill(
    source: str,
    since: datetime,
    until: datetime,
    days: int = 1,
    target: str | None = None,
    on_progress: "Callable[[Progress], None] | None" = None,
    *,
    again: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> BackfillReport:
    """Reads what changed in [since, until) again, so many days at a time. It ends at the first chunk that is not complete,
    so that those before it are what was done; `again` reads also what an unfinished backfill has read."""
    from ingestion.operations.load import run

    known_sources([source])
    if since >= until:
        raise UsageError("The interval is empty: --from must lie before --to.")
    report = BackfillReport(chunks_of(since, until, days))
    if not again:
        report.skipped = _already_read(source, target, report.chunks)
    if report.skipped:
        say(f"{len(report.skipped)} of {len(report.chunks)} chunks were read by a backfill that broke off; --again reads them too.")
    for number, (start, end) in enumerate(report.chunks, 1):
        if (start, end) in report.skipped:
            continue
        say(f"chunk {number} of {len(report.chunks)}: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
        # The interval can't show which rows were deleted in it; comparing keys does. Once is enough.
        report.loads += run([source], target, start, end, on_progress=on_progress, deletes=end == until)
        if not report.loads[-1].ok:
            break
    report.coverage = gaps([source], target)
    return report


def chunks_of(since: datetime, until: datetime, days: int) -> list[Interval]:
    """The interval cut into pieces of so many days; the last can be shorter."""
    starts = [since]
    while (following := starts[-1] + timedelta(days=days)) < until:
        starts.append(following)
    return list(zip(starts, [*starts[1:], until], strict=True))


def _already_read(source: str, target: str | None, chunks: Sequence[Interval]) -> list[Interval]:
    """The chunks that the latest backfill of this interval has read, unless it has read them all."""
    warehouse = find_warehouse(target)
    if not warehouse.exists:
        return []
    with warehouse.connect(read_only=True) as session:
        read = _complete_reads(session, f"raw_{source}")
    began = max((number for number, interval in read if interval == chunks[0]), default=None)
    if began is None:
        return []
    latest = [interval for number, interval in read if number >= began]
    # By its start: of a chunk that lies partly in the future only what was there is recorded as read.
    is_over = chunks[-1][0] in {start for start, _ in latest}
    return [] if is_over else [chunk for chunk in chunks if chunk in latest]


def _complete_reads(session: Session, schema: str) -> list[tuple[int, Interval]]:
    """Number and interval of the runs that were complete for every table."""
    if not {"read_log", "_dlt_loads"} <= set(session.catalogue.tables(schema)):
        return []
    rows = session.rows(
        f"""
        select read_id, min(read_from), max(read_until) from {session.dialect.table(schema, "read_log")}
        where _dlt_load_id in (select load_id from {session.dialect.table(schema, "_dlt_loads")} where status = 0)
        group by read_id
        having
            count(*) = count(case when outcome = 'complete' then 1 end)
            and min(read_from) = max(read_from) and min(read_until) = max(read_until)
        """
    )
    return [(number, (start, end)) for number, start, end in rows]
