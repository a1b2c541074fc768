"""Runs of the pipeline that kill themselves by SIGKILL when they reach a place. They work in forked processes.

A place is a step of the landing of a source ("load shop"), or a dbt model. A run reaches it before and after each call of the step,
or statement of the model.
Call `prepare_dlt` before importing this module, because dlt reads its settings when it is imported.
"""

import json
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import dlt.extract.extractors
import dlt.load.load
import dlt.normalize.normalize
from dbt.adapters.sql.connections import SQLConnectionManager
from dlt.destinations.job_client_impl import SqlJobClientBase
from support.dbt import dbt_command

from ingestion.landing.pipeline import Landing
from ingestion.landing.quarantine import Quarantine
from ingestion.operations import load

STATEMENT_END = re.compile(r";(?=(?:[^$]*\$\$[^$]*\$\$)*[^$]*$)")  # not those within $$


class Places:
    """Counts how often the run reached each place, and kills the process at one of them."""

    def __init__(self, kill_at: tuple[str, int] | None):
        self.counts: Counter[str] = Counter()
        self._source = ""
        self._kill_at = kill_at

    def reach(self, place: str | None) -> None:
        if not place:
            return
        self.counts[place] += 1
        if (place, self.counts[place]) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def in_landing(self) -> None:
        self._around(dlt.extract.extractors.ArrowExtractor, "write_items", "extract")  # a batch of rows
        self._around(dlt.normalize.normalize, "w_normalize_files", "normalise")
        self._around(dlt.load.load.Load, "w_run_job", "load")  # a table's rows
        self._around(SqlJobClientBase, "complete_load", "complete")  # the row in _dlt_loads, which makes the load count
        self._around(Quarantine, "after_load", "after the load")
        original = Landing.land

        def land(landing: Landing) -> None:
            self._source = landing.attempt.run.source
            original(landing)

        Landing.land = land

    def _around(self, owner: Any, function: str, step: str) -> None:
        """Reach a step of the current source before and after each call of a function."""
        original = getattr(owner, function)

        def reaching(*arguments: Any, **options: Any) -> Any:
            place = f"{step} {self._source}"
            self.reach(place)
            result = original(*arguments, **options)
            self.reach(place)
            return result

        setattr(owner, function, reaching)

    def in_dbt(self) -> None:
        """Before and after each statement of a model, and of what dbt does after the last node, which is "publish"."""
        built: set[str] = set()

        def place(manager: SQLConnectionManager) -> str | None:
            kind, _, name = str(manager.get_thread_connection().name).rpartition("waterworks.")
            if kind:
                built.add(name)
                return name if kind in ("model.", "snapshot.") else None
            return "publish" if built else None

        original = SQLConnectionManager.add_query

        def add_query(manager: SQLConnectionManager, *arguments: Any, **options: Any) -> Any:
            name = place(manager)
            self.reach(name)
            result = original(manager, *arguments, **options)
            self.reach(name)
            return result

        SQLConnectionManager.add_query = add_query


def run(folder: Path, kill_at: tuple[str, int] | None, is_landing: bool, *options: str) -> int:
    """`ingest`, if `is_landing`, and `dbt build` with these options.

    A run that reaches its end writes how often it reached each place to `places.json`.
    """
    places = Places(kill_at)
    if is_landing:
        places.in_landing()
        reports = load.run()
        if failed := [f"{report.source}: {report.error}" for report in reports if not report.ok]:
            print("\n".join(failed))
            return 1
        places.reach("between")
    places.in_dbt()
    # dbt's tests decide only about publishing: a run that is killed before it does not need them.
    tests = ["test"] if kill_at and kill_at[0] != "publish" else []
    exit_code = dbt_command("build", "--exclude-resource-type", "unit_test", *tests, *options)
    (folder / "places.json").write_text(json.dumps(places.counts))
    return exit_code


def publish(share: float) -> int:
    """`dbt build` that executes only this share of the statements of publishing, one by one, and then kills itself."""
    original = SQLConnectionManager.execute

    def execute(manager: SQLConnectionManager, sql: str, *arguments: Any, **options: Any) -> Any:
        if "parts_that_differ" not in sql:
            return original(manager, sql, *arguments, **options)
        statements = STATEMENT_END.split(sql)
        for statement in statements[: int(len(statements) * share)]:
            original(manager, statement, *arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    SQLConnectionManager.execute = execute
    return dbt_command("build")
