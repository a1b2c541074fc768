"""Starts local-bigquery 0.4.0, with three fixes without which dbt-bigquery can't use it, and one that halves its work.

Runs in the Python 3.13 environment that tests/engines/servers.py makes, takes local-bigquery's arguments, and ends
with the process that started it: a test run that is killed leaves no server behind.
"""

import functools
import os
import re
import sys
import threading
import time
from typing import Any

from local_bigquery.cli import main
from local_bigquery.engine import database
from local_bigquery.jobs import merge, query
from local_bigquery.sql.rules import tables

_connect = database._connect
_execute = query.execute
_run_merge = merge.run
_check = tables._check
_merging = threading.local()
_SET_OF_ONE_COLUMN = re.compile(r"set \((\w+)\) = \(\s*select as struct", re.IGNORECASE)


def execute(cursor: Any, project: str, job: str, configuration: Any, *arguments: Any, **options: Any) -> Any:
    """As local-bigquery's own, but

    1. dbt describes tables by `update … set (column) = (select as struct …)`, where a single column is refused;
    2. BigQuery names the table that `create table as` made as the destination of the job, and dbt counts its rows by it.
    """
    if configuration.query:
        fixed = _SET_OF_ONE_COLUMN.sub(r"set \1 = (select", configuration.query)
        if fixed != configuration.query:
            configuration = configuration.replace(query=fixed)
    statistics, children, destination = _execute(cursor, project, job, configuration, *arguments, **options)
    if destination is None and statistics.statementType == "CREATE_TABLE_AS_SELECT":
        destination = statistics.ddlTargetTable
    return statistics, children, destination


def run_merge(*arguments: Any) -> Any:
    """As local-bigquery's own, but

    3. it runs a merge as several queries of its own, and then refuses them for want of a filter on the partitions, which
       BigQuery looks for in the merge's `on`.
    """
    _merging.now = True
    try:
        return _run_merge(*arguments)
    finally:
        _merging.now = False


def check(tree: Any, table: Any, is_target: bool) -> None:
    """local-bigquery's check of a table that a query names; as a target it needs no filter."""
    _check(tree, table, is_target or getattr(_merging, "now", False))


@functools.cache
def connect() -> Any:
    """Each statement makes dozens of small queries of the catalogue, on which a second thread costs more than it brings."""
    connection = _connect()
    connection.execute("set threads = 1")
    return connection


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    query.execute = execute
    database._connect = connect
    merge.run = run_merge
    tables._check = check
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.exit(main())
