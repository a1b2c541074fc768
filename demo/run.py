"""`demo run`, the main job in one process: live, load, build, document, and say what came of it.

One process because every command of dbt and dlt that starts anew pays seconds of imports.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from demo.servers import Systems

LAST_DAYS = 7  # of revenue, in the summary
LOG_WIDTH = 120  # characters


def run(systems: Systems, options: argparse.Namespace) -> int:
    """Start the systems (and stop them again, unless they ran before), ingest, `dbt build`, `dbt docs generate`.

    Returns 0 when every source was loaded and everything was built and passed its tests, else 1: what could be
    done is done and shown all the same.
    """
    # Without a terminal rich assumes 80 columns and cuts the tables off.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    seconds: dict[str, float] = {}
    ran_before = systems.running
    try:
        with _step(console, seconds, "The sample company starts and lives its days"):
            systems.start(scale=options.scale)
            if options.live:
                systems.live(options.live)
        os.environ.update(systems.settings())
        with _step(console, seconds, "Sources are loaded"):
            reports = _ingest(console)
    finally:
        if not ran_before:
            systems.stop()
    with _step(console, seconds, "dbt builds and tests"):
        built = _dbt(console, "build")
    with _step(console, seconds, "dbt writes the documentation"):
        documented = _dbt(console, "docs", "generate", "--static")
    _summary(console, systems, reports, built, seconds)
    return 0 if all(report.ok for report in reports) and built.success and documented.success else 1


@contextmanager
def _step(console: Console, seconds: dict[str, float], title: str) -> Iterator[None]:
    console.print(f"[bold]{title} …[/bold]")
    start = time.monotonic()
    yield
    seconds[title] = time.monotonic() - start


def _ingest(console: Console) -> list[Any]:
    import ingestion

    reports = ingestion.run()
    for report in reports:
        if not report.ok:
            console.print(f"[red]{report.source}: {report.error}[/red]", soft_wrap=True)
    return reports


def _dbt(console: Console, *command: str) -> Any:
    """Run a dbt command in this process, quietly but for its errors, with a bar where there is a terminal."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    with Progress(
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("starting", total=None)

        def show(event: Any) -> None:
            if event.info.name == "LogStartLine":
                progress.update(task, total=event.data.total, description=event.data.description[:60])
            elif event.info.name == "NodeFinished":
                progress.advance(task)

        result = dbtRunner(callbacks=[show]).invoke(["--quiet", *command])
    if result.exception:
        console.print(f"[red]dbt {' '.join(command)}: {result.exception}[/red]", soft_wrap=True)
    # dbt keeps its connection for the life of the process; the summary, and the next process, want the file.
    DuckDBConnectionManager.close_all_connections()
    return result


def _summary(console: Console, systems: Systems, reports: list[Any], built: Any, seconds: dict[str, float]) -> None:
    from ingestion.warehouse import find_warehouse

    warehouse = find_warehouse()
    console.print()
    console.print(_landed(reports))
    console.print(_outcome(built))
    if built.success:
        with warehouse.connect(read_only=True) as connection:
            console.print(_revenue(connection))
            console.print(_history(connection), soft_wrap=True)
    console.print("Time: " + ", ".join(f"{title.lower()} {spent:.1f} s" for title, spent in seconds.items()))
    console.print(
        f"\nWarehouse  {_short(warehouse.path)}\n"
        f"Docs       {_short(Path('target/static_index.html'))} (open it in a browser, or: make docs)\n"
        f"The company stands at the end of its day {systems.day}.\n\n"
        "Next:  make run DAYS=3             three more days, and see history grow\n"
        "       . .venv/bin/activate        then dbt build, dbt test, dbt docs serve, ingest status\n"
        "       duckdb: python -c \"import duckdb; duckdb.connect('warehouse.duckdb')"
        ".sql('from marts.daily_revenue').show()\"",
        soft_wrap=True,
    )


def _landed(reports: list[Any]) -> Table:
    table = Table(title="Landed", title_justify="left", box=box.SIMPLE)
    for heading, justify in (("source", "left"), ("table", "left"), ("rows", "right"), ("deleted", "right")):
        table.add_column(heading, justify=justify)
    for report in reports:
        if not report.ok:
            table.add_row(report.source, "[red]failed, see above[/red]", "", "")
        for name, rows in report.tables.items():
            table.add_row(report.source, name, f"{rows:,}", f"{report.deleted.get(name, 0):,}")
    return table


def _outcome(built: Any) -> str:
    """How many models and tests passed; the failures by name."""
    kinds = {
        "test": "tests",
        "unit_test": "tests",
        "model": "models",
        "snapshot": "snapshots",
        "seed": "seeds",
    }
    passed, failed = Counter(), []
    for result in built.result or []:
        kind = kinds.get(result.node.resource_type)
        if kind and result.status in ("success", "pass"):
            passed[kind] += 1
        elif kind:
            failed.append(f"{result.node.name}: {result.status} {result.message or ''}")
    text = "Built and passed: " + ", ".join(f"{passed[kind]} {kind}" for kind in ("seeds", "snapshots", "models", "tests"))
    return text + "".join(f"\n[red]{failure}[/red]" for failure in failed)


def _revenue(connection: Any) -> Table:
    rows = connection.execute(
        """
        select
            daily_revenue.date,
            dim_date.day_name,
            sum(revenue) filter (where channel = 'store'),
            sum(revenue) filter (where channel = 'online'),
            sum(revenue),
            sum(revenue_week_before),
            sum(orders)
        from marts.daily_revenue
        inner join core.dim_date using (date_id)
        group by all
        order by 1 desc
        limit ?
        """,
        [LAST_DAYS],
    ).fetchall()
    table = Table(title="Revenue of the last days, NZD", title_justify="left", box=box.SIMPLE)
    for heading in ("date", "day", "stores", "online", "all", "week before", "orders"):
        table.add_column(heading, justify="left" if heading in ("date", "day") else "right")
    for on, day, *amounts, orders in reversed(rows):
        table.add_row(str(on), day, *("" if value is None else f"{value:,.2f}" for value in amounts), f"{orders:,}")
    return table


def _history(connection: Any) -> str:
    versions, members, lines = connection.execute(
        """
        select
            (select count(*) from core.dim_customer),
            (select count(distinct customer_id) from core.dim_customer),
            (select count(*) from core.fact_sales)
        """
    ).fetchone()
    return f"dim_customer has {versions:,} versions of {members:,} customers; fact_sales has {lines:,} order lines."


def _short(path: Path) -> str:
    path = path.resolve()
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
