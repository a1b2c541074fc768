"""Puts quarantined rows through again, once the contract or the mapping is mended: `ingest replay SOURCE`.

What fits now lands in one load, from the instant that its version has always had, so history has it in its place. A later
version of the key may have come meanwhile: the row that it superseded in quarantine is put through as well, as it is a
version of its own. What still does not fit stays, with today's reason.

A replay is no read of the source: it leaves `reads` as it is. A table whose last read was stopped is built again after the next
`ingest SOURCE`, which is complete now that the source and the contract agree.
"""

import importlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ingestion.context import Context, Options, Progress
from ingestion.contract import Quarantined
from ingestion.errors import IngestError, explanation, redact
from ingestion.load import chosen, run_pipeline
from ingestion.settings import prepare_dlt
from ingestion.warehouse import Session, find_warehouse

if TYPE_CHECKING:
    import pyarrow
    from dlt.extract import DltResource

WAITING = "(closed_at is null or closed_as = 'superseded')"
HINTS = ("data_type", "nullable", "precision", "scale", "timezone")


@dataclass
class ReplayReport:
    """How the replay of one source went. `left` counts what is still in quarantine, by table and reason."""

    source: str
    ok: bool = True
    error: str | None = None
    replayed: dict[str, int] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    exception: BaseException | None = field(default=None, repr=False)  # what --debug shows


def replay(
    sources: Iterable[str] | None = None, target: str | None = None, on_progress: Callable[[Progress], None] | None = None
) -> list[ReplayReport]:
    """Lands the quarantined rows of these sources (all when None) that fit now, and tells how it went.

    Again is the same: rows that raw holds already are only marked. Raises UsageError for an unknown source, IngestError
    when the warehouse itself can't be used."""
    names = chosen(sources)
    warehouse = find_warehouse(target)
    prepare_dlt()
    with warehouse.connect() as session:
        return [_replay(name, session, on_progress or (lambda _: None)) for name in names]


def _replay(name: str, session: Session, on_progress: Callable[[Progress], None]) -> ReplayReport:
    """Replays one source; whatever goes wrong ends up in the report."""
    started = time.monotonic()
    report = ReplayReport(name)
    rows = _Rows(importlib.import_module(f"ingestion.sources.{name}"))
    context = Context(name, session, Options(), {}, on_progress, replayed=rows.resources)
    try:
        with session.lock(name):
            if context.has_rows("quarantine"):
                session.prepare(context.dataset)
                run_pipeline(name, context)
                context.types.clear()
                rows.close(context)
                session.tune(context.dataset, dict.fromkeys(rows.landing, ()), rows.landing)
        if context.failures:
            report.ok = False
            report.error = "; ".join(f"{table}: {why}" for table, why in sorted(context.failures.items()))
        report.replayed = {table: len(ids) for table, ids in sorted(rows.fitting.items()) if ids and table not in context.failures}
        report.left = rows.left()
        report.notes = [redact(note, context.secrets) for note in _next(context, rows)]
    except Exception as error:
        report.ok, report.exception = False, error
        report.error = redact(explanation(session.explained(error) or error), context.secrets)
    report.seconds = time.monotonic() - started
    on_progress(Progress(name, None, "done" if report.ok else "failed", sum(report.replayed.values())))
    return report


class _Rows:
    """The quarantined rows of one source: those that fit now, and why the others do not."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.fitting: dict[str, list[str]] = {}  # by table: ids
        self.reasons: dict[str, dict[str, str]] = {}  # by table and id
        self.landing: list[str] = []  # tables of which something lands
        self.open: set[str] = set()  # ids of the rows that nothing has superseded

    def resources(self, context: Context) -> list["DltResource"]:
        """dlt resources of the rows that fit."""
        import dlt

        if not hasattr(self.module, "replay"):
            raise IngestError(f"ingestion/sources/{context.source}.py has no function `replay`.", "docs/add-a-source.md has one to copy.")
        self.fitting, self.reasons, self.landing = {}, {}, []
        schema = dlt.current.pipeline().default_schema.tables
        found: dict[str, list[Quarantined]] = {}
        for table, row_id, record, changed_at, load_id, closed_at in context.open_quarantine(
            "table_name", "row_id", "record", "changed_at", "_dlt_load_id", "closed_at", where=WAITING
        ):
            found.setdefault(table, []).append(Quarantined(row_id, record, changed_at, load_id, closed_at is None))
        resources = []
        for table, rows in found.items():
            self.open |= {row.row_id for row in rows if row.is_open}
            if table in context.skipped:
                self.reasons[table] = {row.row_id: context.failures[table] for row in rows}
                continue
            context.report(Progress(context.source, table, "reading", len(rows)))
            landing, self.reasons[table] = self.module.replay(context, table, rows)
            self.fitting[table] = [row.row_id for row in rows if row.row_id not in self.reasons[table]]
            if landing is not None and landing.num_rows:
                self.landing.append(table)
                columns = {name: {key: hint[key] for key in HINTS if key in hint} for name, hint in schema[table]["columns"].items()}
                columns = {name: hint for name, hint in columns.items() if name in landing.column_names}
                resources.append(context.appending(table, columns, _once(landing)))
        return resources

    def left(self) -> dict[str, dict[str, int]]:
        """By table and reason: rows that are still open."""
        counts = {
            table: Counter(why for row_id, why in reasons.items() if row_id in self.open) for table, reasons in sorted(self.reasons.items())
        }
        return {table: dict(reasons) for table, reasons in counts.items() if reasons}

    def close(self, context: Context) -> None:
        """Marks what raw holds now, and writes down why the rest does not fit. A replay that dies before this does no harm:
        the next one finds that raw holds the rows."""
        session, now = context.session, context.session.literal(datetime.now(UTC))
        for table, ids in self.fitting.items():
            if table not in context.failures:
                context.mark(ids, f"closed_at = {now}, closed_as = 'replayed'", WAITING)
        for reasons in self.reasons.values():
            by_reason: dict[str, list[str]] = {}
            for row_id, reason in reasons.items():
                by_reason.setdefault(reason, []).append(row_id)
            for reason, ids in by_reason.items():
                context.mark(ids, f"reason = {session.literal(redact(reason, context.secrets))}", WAITING)


def _once(rows: "pyarrow.Table") -> Callable[[], Iterator[Any]]:
    def once() -> Iterator[Any]:
        yield rows

    return once


def _next(context: Context, rows: _Rows) -> Iterator[str]:
    """What is left to do for the tables that were replayed."""
    if not context.has_rows("quarantine") or not context.raw_types("reads"):
        return
    literal = context.session.literal
    for table in sorted(rows.fitting):
        last = context.session.rows(
            f"select outcome from {context.raw('reads')} where table_name = {literal(table)} order by read_id desc limit 1"
        )
        if last and last[0][0] != "complete":
            yield f"{table}: its last read was {last[0][0]}, so models that read it wait for the next: ingest {context.source}"
