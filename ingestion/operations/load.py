"""`ingest run`: loads sources, one after another, in one session of the warehouse, and verifies a sample of what landed."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from ingestion.errors import UsageError, explanation, redact, traceback_of
from ingestion.landing.attempt import Attempt
from ingestion.landing.pipeline import Landing
from ingestion.landing.reading import open_source
from ingestion.landing.run import OnProgress, Options, Run
from ingestion.operations import verify
from ingestion.operations.verify_database import Snapshot
from ingestion.registry import known_sources
from ingestion.settings import prepare_dlt
from ingestion.warehouses import find_warehouse


@dataclass
class SourceReport:
    """How loading one source went. `error` says what failed and what to do; the rest was loaded all the same."""

    source: str
    ok: bool = True
    error: str | None = None
    tables: dict[str, int] = field(default_factory=dict)  # rows landed, deletions included
    deleted: dict[str, int] = field(default_factory=dict)  # rows that the source no longer has
    quarantined: dict[str, int] = field(default_factory=dict)  # rows that did not fit, new in this run
    checked: dict[str, int] = field(default_factory=dict)  # rows that were compared with the source's: see `operations.verify`
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    traceback: str = field(default="", repr=False)  # what --debug shows


def run(
    sources: Iterable[str] | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    full: bool = False,
    on_progress: OnProgress | None = None,
    *,
    deletes: bool = False,
    allow_deletes: bool = False,
) -> list[SourceReport]:
    """Loads these sources (all when None) into the warehouse of this target, and reports how it went.

    A source that fails does not keep the others from being loaded: look at `ok` of each report. Raises
    UsageError for an unknown source, IngestError when the warehouse itself can't be used. Afterwards no
    connection is left open.
    """
    if since and until and since >= until:
        raise UsageError("The interval is empty: --since must lie before --until.")
    names = known_sources(sources)
    options = Options(since, until, full, deletes, allow_deletes)
    warehouse = find_warehouse(target)
    prepare_dlt()
    with warehouse.connect() as session:
        return [_load(Run(name, session, options, on_progress or (lambda _: None))) for name in names]


def _load(run: Run) -> SourceReport:
    """Loads one source; whatever goes wrong ends up in the report."""
    started, session = time.monotonic(), run.session
    report = SourceReport(run.source)
    try:
        with session.lock(run.source), verify.before_load(run) as before:
            session.prepare(run.dataset)
            landing = _land(run)
            _count(report, landing)
            attempt = landing.attempt
            attempt.quarantine.after_load()
            run.notes += Attempt(run, {}).quarantine.notes(run.source)
            keys = {table: attempt.keys.get(table, ()) for table in report.tables}
            session.tune(run.dataset, keys, [table for table, rows in report.tables.items() if rows])
            if not run.options.is_interval:
                _verify_a_sample(report, run, attempt, before)
        if run.failures.reasons:
            report.ok, report.error = False, str(run.failures)
    except Exception as error:
        report.ok, report.traceback = False, traceback_of(error, run.secrets)
        report.error = redact(explanation(session.explained(error) or error), run.secrets)
    report.notes = run.redacted_notes()
    report.seconds = time.monotonic() - started
    run.report("done" if report.ok else "failed", rows=sum(report.tables.values()))
    return report


def _land(run: Run) -> Landing:
    """Lands what is new; when nothing can be read, that is recorded."""
    landing = Landing(run, open_source)
    try:
        landing.land()
    except Exception as error:
        with suppress(Exception):  # a warehouse that broke off takes no record; the error itself says more
            landing.attempt.log.record_failure(explanation(run.session.explained(error) or error))
        raise
    return landing


def _count(report: SourceReport, landing: Landing) -> None:
    """Counts in the warehouse what these loads have landed: no other count is as sure."""
    attempt = landing.attempt
    raw, session = attempt.raw, attempt.run.session
    loads = ", ".join(map(session.dialect.literal, landing.load_ids)) or "null"
    counts = [
        f"select {session.dialect.literal(table)}, count(*), {'count(_deleted_at)' if '_deleted_at' in raw.types(table) else '0'} "
        f"from {raw.name(table)} where _dlt_load_id in ({loads})"
        for table in raw.landed_tables()
    ]
    if not counts:
        return
    for table, rows, deleted in sorted(session.rows(" union all ".join(counts))):
        report.tables[table] = rows
        if deleted:
            report.deleted[table] = deleted
        if attempt.is_uncounted(table):
            attempt.log.write_count(table, rows, landing.load_ids)
    report.quarantined = dict(attempt.quarantine.new)


def _verify_a_sample(report: SourceReport, run: Run, attempt: Attempt, before: Snapshot | None) -> None:
    """Compares some rows with the source's, which is quick. A difference is recorded, so that dbt builds nothing from the table."""
    try:
        checks = verify.sample(run, before)
    except Exception as error:  # what was landed is landed
        run.notes.append(f"raw could not be compared with the source: {explanation(error)}")
        return
    for check in checks:
        if check.rows:
            report.checked[check.raw_table] = check.rows
        if check.not_compared:
            run.notes.append(f"{check.table} could not be compared with the source: {check.not_compared}")
        if check.differences:
            why = f"{'; '.join(check.differences)}. The next run reads the whole table: ingest {run.source}"
            attempt.log.record_difference(check.table, why)
