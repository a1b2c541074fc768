"""The way of a source's rows into the warehouse: one dlt pipeline, in attempts.

The warehouse is the truth. dlt's state (how far each table was read) is restored from it before every attempt, so a working
folder that was lost, a warehouse that was deleted and one that came back from a backup all continue with what the warehouse
really holds. The working folder only matters for a package that a killed run left behind: see `_finish`.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingestion.dlt_internals import pipeline as dlt_pipeline
from ingestion.errors import IngestError, RefusedTable, causes, explanation
from ingestion.landing.attempt import Attempt
from ingestion.landing.raw_tables import RawTables
from ingestion.landing.run import Run

if TYPE_CHECKING:
    import dlt
    from dlt.extract import DltResource

# What an attempt lands; open until it is loaded.
Rows = Callable[[Attempt], AbstractContextManager[Sequence["DltResource"]]]


class Landing:
    """Lands `rows` of one source. `attempt` is the latest attempt to do it, `load_ids` are those of all complete loads."""

    def __init__(self, run: Run, rows: Rows) -> None:
        self._run, self._rows = run, rows
        self.attempt = Attempt(run, {})
        self.load_ids: list[str] = []

    def land(self) -> None:
        """Loads what a killed run left, then what is new.

        A table whose rows the warehouse refuses is validated value by value in a second attempt, where its reader can, and
        else left out, so that it stops nothing else."""
        run, session = self._run, self._run.session
        pipeline = dlt_pipeline.usable_pipeline(run.source, session.warehouse.target, session.destination())
        self.load_ids += _finish(pipeline, run)
        while True:
            pipeline = dlt_pipeline.restored(pipeline)
            self.attempt = Attempt(run, dlt_pipeline.table_states(pipeline.state, pipeline.pipeline_name))
            self.attempt.quarantine.close_left(self.attempt.state.values())
            try:
                self.load_ids += _extract_and_load(pipeline, self.attempt, self._rows)
                return
            except Exception as error:
                table, why = _refused(error)
                if table is None or table in run.failures.reasons:
                    raise
                if table in self.attempt.unvalidated:
                    run.validate_all.add(table)
                else:
                    run.failures.add(table, why)


def _extract_and_load(pipeline: "dlt.Pipeline", attempt: Attempt, rows: Rows) -> list[str]:
    import dlt

    last = attempt.raw.last_load()
    _check_clock(attempt.run.source, last)
    with rows(attempt) as resources:
        pipeline.set_local_state_val("begun_after", last)
        pipeline.extract(dlt.source(lambda: resources, name=attempt.run.source)())
        attempt.run.report("loading")
        return dlt_pipeline.normalize_and_load(pipeline)


def _check_clock(source: str, last: str) -> None:
    """Raises IngestError when a load of now would come before the last one; a load's id is its time."""
    if last and time.time() <= float(last):
        at = datetime.fromtimestamp(float(last), UTC)
        raise IngestError(
            f"The clock of this machine is before the last load of {source}, {at:%Y-%m-%d %H:%M:%S} UTC.",
            "Correct it: models find what is new by the time of the load.",
        )


def _finish(pipeline: "dlt.Pipeline", run: Run) -> list[str]:
    """Loads the package that a killed run left, when that is safe and saves work; else it is forgotten and the source is read
    again. Returns the ids of what was loaded.

    It is safe when none of its jobs had begun (nobody can tell whether a job that had begun was committed, and a second time
    it would land its rows twice) and when the warehouse is as the package found it. It saves work when the rows are in the
    package: a SELECT can run again just as well."""
    jobs = dlt_pipeline.pending_jobs(pipeline)
    if jobs is None or pipeline.get_local_state_val("begun_after") != RawTables(run.session, run.dataset).last_load():
        return []
    if any(state != "new_jobs" or file_format == "model" for state, file_format in jobs):
        return []
    try:
        return dlt_pipeline.normalize_and_load(pipeline)
    except Exception as error:
        run.notes.append(f"what an earlier run left could not be loaded and is read again: {explanation(error)}")
        return []


def _refused(error: BaseException) -> tuple[str | None, Exception]:
    """The table whose rows could not be read or landed, and why; no table when it was something else."""
    if refused := dlt_pipeline.refused_table(error):
        return refused[0], IngestError(explanation(refused[1]))
    for cause in causes(error):
        if isinstance(cause, RefusedTable):
            return cause.table, cause
    return None, IngestError(explanation(error))
