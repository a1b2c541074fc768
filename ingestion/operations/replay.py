"""`ingest replay`: validates quarantined rows again and loads those that fit, once the contract or the mapping is fixed.

A replay is no read of the source: it leaves the read log as it is. A table whose last read violated its contract is built again after the
next `ingest SOURCE`, which is complete now that the source and the contract agree.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingestion.errors import explanation, redact, traceback_of
from ingestion.landing import quarantine
from ingestion.landing.attempt import Attempt
from ingestion.landing.pipeline import Landing
from ingestion.landing.replay import Replay
from ingestion.landing.run import OnProgress, Run
from ingestion.registry import known_sources
from ingestion.settings import prepare_dlt
from ingestion.warehouses import find_warehouse


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
    traceback: str = field(default="", repr=False)  # what --debug shows


def replay(sources: Iterable[str] | None = None, target: str | None = None, on_progress: OnProgress | None = None) -> list[ReplayReport]:
    """Lands the quarantined rows of these sources (all when None) that fit now, and reports how it went.

    Again is the same: rows that raw holds already are only marked. Raises UsageError for an unknown source, IngestError
    when the warehouse itself can't be used."""
    names = known_sources(sources)
    warehouse = find_warehouse(target)
    prepare_dlt()
    with warehouse.connect() as session:
        return [_replay(Run(name, session, on_progress=on_progress or (lambda _: None))) for name in names]


def _replay(run: Run) -> ReplayReport:
    """Replays one source; whatever goes wrong ends up in the report."""
    started, session = time.monotonic(), run.session
    report = ReplayReport(run.source)
    try:
        rows = Replay(run.source)
        with session.lock(run.source):
            if Attempt(run, {}).raw.has_rows(quarantine.TABLE):
                session.prepare(run.dataset)
                Landing(run, rows.rows).land()
                rows.close(Attempt(run, {}))
                session.tune(run.dataset, dict.fromkeys(rows.landing, ()), rows.landing)
        if run.failures.reasons:
            report.ok, report.error = False, str(run.failures)
        report.replayed = {table: len(ids) for table, ids in sorted(rows.fitting.items()) if ids and table not in run.failures.reasons}
        report.left = rows.left()
        run.notes += rows.notes(Attempt(run, {}))
        report.notes = run.redacted_notes()
    except Exception as error:
        report.ok, report.traceback = False, traceback_of(error, run.secrets)
        report.error = redact(explanation(session.explained(error) or error), run.secrets)
    report.seconds = time.monotonic() - started
    run.report("done" if report.ok else "failed", rows=sum(report.replayed.values()))
    return report
