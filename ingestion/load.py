"""Loads sources: one dlt pipeline each, one after another, in one session of the warehouse.

The warehouse is the truth. dlt's state (how far each table was read) is restored from it before every
run, so a working folder that was lost, a warehouse that was deleted and one that came back from a backup
all continue with what the warehouse really holds. The working folder only matters for a package that a
killed run left behind: see `_finish`.
"""

import importlib
import pkgutil
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingestion import sources as sources_package
from ingestion.context import Context, Options, Progress
from ingestion.errors import IngestError, Refused, UsageError, causes, explanation, redact
from ingestion.settings import OWN_TABLES, pipelines_dir, prepare_dlt
from ingestion.warehouse import Session, find_warehouse

if TYPE_CHECKING:
    import dlt
    from dlt.extract import DltResource


@dataclass
class SourceReport:
    """How loading one source went. `error` says what failed and what to do; the rest was loaded all the same."""

    source: str
    ok: bool = True
    error: str | None = None
    tables: dict[str, int] = field(default_factory=dict)  # rows landed, deletions included
    deleted: dict[str, int] = field(default_factory=dict)  # rows that the source no longer has
    quarantined: dict[str, int] = field(default_factory=dict)  # rows that did not fit, new in this run
    checked: dict[str, int] = field(default_factory=dict)  # rows that were compared with the source's: see ingestion.checksum
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    exception: BaseException | None = field(default=None, repr=False)  # what --debug shows


def source_names() -> list[str]:
    """The modules of ingestion.sources, in the order of the alphabet: each is a source."""
    return sorted(module.name for module in pkgutil.iter_modules(sources_package.__path__))


def run(
    sources: Iterable[str] | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    full: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    deletes: bool = False,
    allow_deletes: bool = False,
) -> list[SourceReport]:
    """Loads these sources (all when None) into the warehouse of this target, and tells how it went.

    A source that fails does not keep the others from being loaded: look at `ok` of each report. Raises
    UsageError for an unknown source, IngestError when the warehouse itself can't be used. Afterwards no
    connection is left open.
    """
    if since and until and since >= until:
        raise UsageError("The interval is empty: --since must lie before --until.")
    names = chosen(sources)
    options = Options(since, until, full, deletes, allow_deletes)
    warehouse = find_warehouse(target)
    prepare_dlt()
    with warehouse.connect() as session:
        return [_load(name, session, options, on_progress or (lambda _: None)) for name in names]


def chosen(sources: Iterable[str] | None) -> list[str]:
    """These sources, all when None; raises UsageError for an unknown one."""
    known = source_names()
    names = list(dict.fromkeys(sources or known))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"There is no source {', '.join(unknown)}.", f"There are: {', '.join(known)}.")
    return names


def _load(name: str, session: Session, options: Options, on_progress: Callable[[Progress], None]) -> SourceReport:
    """Loads one source; whatever goes wrong ends up in the report."""
    started = time.monotonic()
    report = SourceReport(name)
    context = Context(name, session, options, {}, on_progress)
    try:
        with session.lock(name):
            session.prepare(context.dataset)
            load_ids = _read_and_load(name, context)
            _count(report, context, load_ids)
            context.after_load()
            context.note_quarantine()
            keys = {table: context.keys.get(table, ()) for table in report.tables}
            session.tune(context.dataset, keys, [table for table, rows in report.tables.items() if rows])
            if not options.is_interval:
                _compare_a_sample(report, context)
        if context.failures:
            report.ok = False
            report.error = "; ".join(f"{table}: {why}" for table, why in sorted(context.failures.items()))
    except Exception as error:
        report.ok, report.exception = False, error
        report.error = redact(explanation(session.explained(error) or error), context.secrets)
    report.notes = [redact(note, context.secrets) for note in dict.fromkeys(context.notes)]
    report.seconds = time.monotonic() - started
    on_progress(Progress(name, None, "done" if report.ok else "failed", sum(report.tables.values())))
    return report


def _compare_a_sample(report: SourceReport, context: Context) -> None:
    """Compares some rows with the source's, which is quickly done; what differs is in raw, so what is made of it has to wait."""
    from ingestion.checksum import UNDATED, sample

    context.types.clear()
    try:
        checks = sample(context)
    except Exception as error:  # what was landed is landed
        context.notes.append(f"could not be compared with the source: {explanation(error)}")
        return
    for check in checks:
        report.checked[check.table] = check.rows
        if check.note and check.note != UNDATED:
            context.notes.append(f"{check.table}: {check.note}")
        if check.differences:
            context.record_failure(
                f"{'; '.join(check.differences)}. The next run reads the whole table: ingest {context.source}", check.table
            )


def _read_and_load(name: str, context: Context) -> list[str]:
    """Loads what is new and gives the ids of its loads; when nothing can be read, that is recorded."""
    try:
        return run_pipeline(name, context)
    except Exception as error:
        with suppress(Exception):  # a warehouse that broke off takes no record; the error itself says more
            context.record_failure(explanation(context.session.explained(error) or error))
        raise


def run_pipeline(name: str, context: Context) -> list[str]:
    """Loads what a killed run left and what is new, or what `context.replayed` gives; returns the ids of the loads."""
    return _run_pipeline(_usable_pipeline(name, context.session), context)


def _pipeline(name: str, session: Session) -> "dlt.Pipeline":
    """The pipeline of a source. Its state is shared by all targets whose warehouse is the same, as raw is;
    its working folder is not, since two targets may as well have different warehouses."""
    import dlt

    return dlt.pipeline(
        pipeline_name=name,
        destination=session.destination(),
        dataset_name=f"raw_{name}",
        pipelines_dir=str(pipelines_dir() / session.warehouse.target),
    )


def _usable_pipeline(name: str, session: Session) -> "dlt.Pipeline":
    """The pipeline; its working folder is removed when a kill has left it in a state that dlt can't read.

    A kill can fall on dlt making or wiping its folder, and then every later run would fail on it. Nothing is lost:
    the warehouse holds the state, and what was not completed is read again."""
    try:
        pipeline = _pipeline(name, session)
        pipeline.list_extracted_load_packages()
        pipeline.list_normalized_load_packages()
        return pipeline
    except Exception:
        shutil.rmtree(pipelines_dir() / session.warehouse.target / name, ignore_errors=True)
        return _pipeline(name, session)


def _run_pipeline(pipeline: "dlt.Pipeline", context: Context) -> list[str]:
    """Finishes what a killed run left, then loads what is new; returns the ids of both loads.

    A table whose rows the warehouse refuses is read carefully in a second attempt, where its reader can, and else left
    out, so that it stops nothing else."""
    load_ids = _finish(pipeline, context)
    while True:
        pipeline = pipeline.drop()
        pipeline.sync_destination()
        context.begin_attempt(_state(pipeline))
        context.close_left()
        try:
            return load_ids + _extract_and_load(pipeline, context)
        except Exception as error:
            table, why = _refused(error)
            if table is None or table in context.failures:
                raise
            if table in context.unchecked:
                context.doubted.add(table)
            else:
                context.fail(table, why)


def _extract_and_load(pipeline: "dlt.Pipeline", context: Context) -> list[str]:
    import dlt

    module = importlib.import_module(f"ingestion.sources.{context.source}")
    try:
        last = _last_load(context)
        if last and time.time() <= float(last):
            at = datetime.fromtimestamp(float(last), UTC)
            raise IngestError(
                f"The clock of this machine stands before the last load of {context.source}, {at:%Y-%m-%d %H:%M:%S} UTC.",
                "Set it right: models tell what is new by the time of the load.",
            )
        if context.replayed:
            resources: list[DltResource] = context.replayed(context)
        else:
            resources = [r for r in module.source(context) if r.name not in context.skipped]
            resources += context.records([r.name for r in resources])
        pipeline.set_local_state_val("begun_after", last)
        pipeline.extract(dlt.source(lambda: resources, name=context.source)())
        pipeline.normalize()
        context.report(Progress(context.source, None, "loading"))
        return list(pipeline.load().loads_ids)
    finally:
        if leave := getattr(module, "leave", None):
            leave(context)


def _finish(pipeline: "dlt.Pipeline", context: Context) -> list[str]:
    """Loads the package that a killed run left, when that is safe and saves work; else it is forgotten and
    the source is read again. Returns the ids of what was loaded.

    It is safe when none of its jobs had begun (nobody can tell whether a job that had begun was committed,
    and a second time it would land its rows twice) and when the warehouse is as the package found it. It
    saves work when the rows are in the package: a SELECT is run anew just as well.
    """
    ids = [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]
    if not ids or pipeline.get_local_state_val("begun_after") != _last_load(context):
        return []
    jobs = [
        (state, job.job_file_info.file_format)
        for load_id in ids
        for state, some in pipeline.get_load_package_info(load_id).jobs.items()
        for job in some
    ]
    if any(state != "new_jobs" or file_format == "model" for state, file_format in jobs):
        return []
    try:
        pipeline.normalize()
        return list(pipeline.load().loads_ids)
    except Exception as error:
        context.notes.append(f"what an earlier run left could not be loaded and is read again: {explanation(error)}")
        return []


def _last_load(context: Context) -> str:
    """The id of the last load that the warehouse holds of this source; empty when it holds none."""
    if not context.raw_types("_dlt_loads"):
        return ""
    return context.session.rows(f"select max(load_id) from {context.raw('_dlt_loads')}")[0][0] or ""


def _state(pipeline: "dlt.Pipeline") -> dict[str, dict[str, Any]]:
    """What each table remembered, by table."""
    return dict(pipeline.state.get("sources", {}).get(pipeline.pipeline_name, {}).get("resources", {}))


def _count(report: SourceReport, context: Context, load_ids: list[str]) -> None:
    """Counts in the warehouse what these loads have landed, which is surer than what anyone says of it."""
    session = context.session
    tables = [name for name in session.tables(context.dataset) if not name.startswith("_dlt") and name not in OWN_TABLES]
    loads = ", ".join(map(session.literal, load_ids)) or "null"
    counts = [
        f"select {session.literal(table)}, count(*), {'count(_deleted_at)' if '_deleted_at' in context.raw_types(table) else '0'} "
        f"from {context.raw(table)} where _dlt_load_id in ({loads})"
        for table in tables
    ]
    if not tables:
        return
    for table, rows, deleted in sorted(session.rows(" union all ".join(counts))):
        report.tables[table] = rows
        if deleted:
            report.deleted[table] = deleted
        if table in context.uncounted:
            session.execute(
                f"update {context.raw('reads')} set rows_landed = {rows} "
                f"where rows_landed is null and table_name = {session.literal(table)} and _dlt_load_id in ({loads})"
            )
    report.quarantined = dict(context.quarantined)


def _refused(error: BaseException) -> tuple[str | None, Exception]:
    """The table whose rows could not be read or landed, and why; no table when it was something else."""
    from dlt.load.exceptions import LoadClientJobException

    for cause in causes(error):
        if isinstance(cause, LoadClientJobException):
            return cause.job_id.partition(".")[0], IngestError(explanation(cause))
        if isinstance(cause, Refused):
            return cause.table, cause
    return None, IngestError(explanation(error))
