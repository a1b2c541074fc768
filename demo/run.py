"""`demo run`, the main job in one process: live, load, build, document, and print a summary.

One process because every new process of dbt and dlt takes seconds to import.
"""

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import ingestion
from demo.servers import DemoError, Systems
from ingestion.console import keep_lines_in_order, print_reports, print_table, progress
from ingestion.warehouses import Session, Warehouse, find_warehouse

LAST_DAYS = 7  # of revenue, in the summary


def run(systems: Systems, options: argparse.Namespace) -> int:
    """Start the systems (and stop them again, unless they ran before), ingest, `dbt build`, `dbt docs generate`.

    Returns 0 when every source was loaded and everything was built and passed its tests, else 1: what could be
    done is done and shown all the same.
    """
    keep_lines_in_order()
    warehouse = find_warehouse()
    with warehouse.connect():
        pass  # a warehouse that another program holds is better found now than after minutes
    ran_before = systems.running
    try:
        with _step("The sample company's systems start" + (f" and live {options.live} more days" if options.live else "")):
            systems.start(scale=options.scale)
            _check_company(warehouse, systems)
            if options.live:
                systems.live(options.live)
        os.environ.update(systems.settings())
        with _step("ingest: the sources are loaded"), progress() as on_progress:
            reports = ingestion.run(on_progress=on_progress)
    finally:
        if not ran_before:
            systems.stop()
    with _step("dbt build: models, history and tests"):
        built = run_dbt("build")
    with _step("dbt docs generate"):
        documented = run_dbt("docs", "generate", "--static")
    _summary(warehouse, systems, reports, built)
    return 0 if all(report.ok for report in reports) and built.success and documented.success else 1


def _check_company(warehouse: Warehouse, systems: Systems) -> None:
    """Two companies in one warehouse would give wrong numbers, so the warehouse records the first one."""
    with warehouse.connect() as session:
        session.execute("create schema if not exists raw_demo")
        session.execute(f"create table if not exists raw_demo.company as select {session.dialect.literal(systems.id)} as id")
        if session.rows("select id from raw_demo.company") != [(systems.id,)]:
            remedy = "make clean" if warehouse.kind == "duckdb" else "empty it, or choose another"
            raise DemoError(f"{warehouse.address} was filled from another company, which no longer exists. Start again: {remedy}")


@contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"{title} …", flush=True)
    start = time.monotonic()
    yield
    print(f"  {time.monotonic() - start:.1f} s", flush=True)


def run_dbt(*command: str) -> Any:
    """Run a dbt command in this process, with a bar where there is a terminal. What failed is in the result and in dbt's log."""
    from dbt.cli.main import dbtRunner

    with _bar() as show, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="agate")  # as BigQuery's catalogue lacks some statistics
        result = dbtRunner(callbacks=[show]).invoke(["--log-level", "none", "--log-level-file", "debug", *command])
    if result.exception:
        print(f"dbt {' '.join(command)}: {result.exception}")
    if manager := sys.modules.get("dbt.adapters.duckdb.connections"):
        # dbt keeps its connection for the life of the process; the summary, and the next process, want the file.
        manager.DuckDBConnectionManager.close_all_connections()
    return result


@contextmanager
def _bar() -> Iterator[Callable[[Any], None]]:
    """A callback for dbt's events that moves a bar."""
    console = Console()
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("parsing", total=None)

        def show(event: Any) -> None:
            if event.info.name == "LogStartLine":
                bar.update(task, total=event.data.total, description=event.data.description[:60])
            elif event.info.name == "NodeFinished":
                bar.advance(task)

        yield show


def _summary(warehouse: Warehouse, systems: Systems, reports: list[Any], built: Any) -> None:
    print("\nLanded")
    print_reports(reports)
    print(f"\n{outcome(built)}")
    if built.success:
        with warehouse.connect(read_only=True) as session:
            tables = {result.node.name: result.node.relation_name for result in built.result if result.node.resource_type == "model"}
            _revenue(session, tables)
            if missing := [report.source for report in reports if not report.ok]:
                print(f"NOT UP TO DATE: {', '.join(missing)} could not be loaded, see above.")
            print(f"\n{_history(session, tables)}")
    print(
        f"The company is at the end of day {systems.day}{'; its systems run on (demo stop)' if systems.running else ''}.\n\n"
        f"Warehouse  {_short(Path(warehouse.address)) if warehouse.kind == 'duckdb' else warehouse.address}\n"
        f"Docs       {_short(Path(os.environ.get('DBT_TARGET_PATH', 'target')) / 'static_index.html')} "
        "(open it in a browser, or: make docs)\n\n"
        "Next:\n"
        "  make run DAYS=3            three more days, and see history grow\n"
        "  . .venv/bin/activate       then: dbt build, dbt test, dbt docs serve, ingest status\n"
        "  dbt show --inline \"select * from {{ ref('daily_revenue') }} order by date desc\""
    )


def outcome(built: Any) -> str:
    """How many models and tests passed; the failures by name."""
    kinds = {"seed": "seed", "model": "model", "snapshot": "snapshot", "test": "test", "unit_test": "test"}
    if not built.result:
        return "dbt build did not finish; run it again."
    passed, failed, skipped = Counter[str](), list[str](), 0
    for result in built.result:
        kind = kinds.get(result.node.resource_type)
        if kind and result.status in ("success", "pass"):
            passed[kind] += 1
        elif kind and result.status == "skipped":
            skipped += 1
        elif kind:
            failed.append(f"\n  {result.status} {result.node.name}: {result.message}")
    text = "Built and passed: " + ", ".join(f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in sorted(passed.items()))
    if not failed and not skipped:
        return f"{text}; nothing failed"
    return f"{text}\nFAILED: {len(failed)}{''.join(sorted(failed))}\n{skipped} more were skipped, as they depend on these."


def _revenue(session: Session, tables: dict[str, str]) -> None:
    rows = session.rows(
        f"""
        select
            daily_revenue.date,
            dim_date.day_name,
            sum(case when channel = 'store' then revenue end) as in_stores,
            sum(case when channel = 'online' then revenue end) as online,
            sum(revenue) as revenue,
            sum(revenue_week_before) as revenue_week_before,
            sum(orders) as orders
        from {tables["daily_revenue"]} as daily_revenue
        inner join {tables["dim_date"]} as dim_date on daily_revenue.date_id = dim_date.date_id
        group by daily_revenue.date, dim_date.day_name
        order by daily_revenue.date desc
        limit {LAST_DAYS}
        """
    )
    print("\nRevenue of the last days, NZD")
    print_table(
        ("date", "day", "stores", "online", "all", "week before", "orders"),
        [
            (str(on), day, *("" if amount is None else f"{amount:,.2f}" for amount in amounts), f"{orders:,}")
            for on, day, *amounts, orders in reversed(rows)
        ],
        numbers=(2, 3, 4, 5, 6),
    )


def _history(session: Session, tables: dict[str, str]) -> str:
    [(versions, members)] = session.rows(
        f"select count(*), count(distinct customer_id) from {tables['dim_customer']} where customer_id <> -1"
    )
    # A large fact may refuse to be read without a condition on its day.
    [(lines,)] = session.rows(f"select count(*) from {tables['fact_sales']} where ordered_on >= date '0001-01-01'")
    return f"dim_customer has {versions:,} versions of {members:,} customers; fact_sales has {lines:,} order lines."


def _short(path: Path) -> str:
    path = path.resolve()
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
