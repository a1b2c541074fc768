"""`demo incident`: the story that Waterworks exists for, played from its first Friday to its last cent.

A company of its own and a DuckDB file of its own, in a new folder, or an empty warehouse of another target: neither
the sample company that `make run` keeps nor its warehouse is touched. What is printed is what the people in the story see.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import ingestion
from demo.run import outcome, run_dbt
from demo.servers import DemoError, Systems
from ingestion.console import keep_lines_in_order, print_replays, print_reports, print_table
from ingestion.sources import payments
from ingestion.warehouses import find_warehouse

FRIDAY = 23  # the company's first day is the first of January 2026, a Thursday
SCALE, SEED = 0.05, 1
FIX = {"amount": "total_amount"}


def play(folder: Path, target: str = "dev") -> int:
    """Plays the story; returns 0 when it ended as it should. Raises DemoError when a promise was broken, or the warehouse is in use."""
    systems = Systems(folder / "company")
    systems.clean()
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    os.environ |= {
        "DBT_TARGET": target,
        "WAREHOUSE_PATH": str(warehouse),
        "PIPELINES_DIR": str(folder / "pipelines"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    found = find_warehouse()
    if found.exists:
        with found.connect() as session:
            if any(schema.startswith("raw_") and session.catalogue.tables(schema) for schema in session.catalogue.schemas()):
                raise DemoError(f"{found.address} has raw tables: the incident needs an empty warehouse.")
    declared = payments.SOURCE
    try:
        _tell(systems)
    finally:
        payments.SOURCE = declared
        systems.clean()
    return 0


def _tell(systems: Systems) -> None:
    _scene("Friday, 23 January, the shops have closed. The nightly run.")
    keep_lines_in_order()
    systems.start(days=FRIDAY, scale=SCALE, seed=SEED)
    os.environ.update(systems.settings())
    _expect(_run(), True, "Friday's run")
    friday = _board()

    _scene("Friday night. The payment provider renames `amount` to `total_amount`, without notice.")
    systems.rename(**FIX)
    for day in ("Saturday", "Sunday"):
        _scene(f"{day} night. The nightly run, nobody looks at it.")
        systems.live()
        _expect(_run(), False, f"{day}'s run")

    _scene("Monday morning. What the board sees.")
    if _board() != friday:
        raise DemoError("The published numbers changed, although their tests had failed.")

    _scene("Monday, nine o'clock. An engineer reads the message above, and adds one line to ingestion/sources/payments.py:")
    print('    renamed={"amount": "total_amount"},\n')
    fixed = [replace(endpoint, renamed=FIX) for endpoint in payments.SOURCE.tables]
    payments.SOURCE = replace(payments.SOURCE, tables=fixed)
    _replay()
    _expect(_run(), True, "The run after the fix")

    _scene("Monday, ten past nine. What the board sees.")
    _board()
    _compare(systems)


def _scene(text: str) -> None:
    print(f"\n== {text}\n", flush=True)


def _run() -> bool:
    """`ingest` and `dbt build`, as the scheduler runs them; whether both ended well."""
    print("$ ingest")
    reports = ingestion.run()
    print_reports(reports)
    print("\n$ dbt build")
    built = run_dbt("build")
    print(outcome(built))
    return all(report.ok for report in reports) and built.success


def _expect(ended_well: bool, wanted: bool, what: str) -> None:
    if ended_well is not wanted:
        raise DemoError(f"{what} ended {'well' if ended_well else 'badly'}, and should not have.")


def _board() -> Sequence[tuple[Any, ...]]:
    """The dashboard: revenue of the last days, and how old it is; gives the revenue of all days."""
    revenue = _ask("select date, sum(revenue), sum(refunded_amount), sum(orders) from published.daily_revenue group by date order by date")
    [status] = _ask("select published_at, is_stale, stale_since, reason from published.data_status where model = 'daily_revenue'")
    print("published.daily_revenue, NZD")
    print_table(
        ("date", "day", "revenue", "refunded", "orders"),
        [(str(on), f"{on:%A}", f"{amount:,.2f}", f"{refunded:,.2f}", f"{orders:,}") for on, amount, refunded, orders in revenue[-4:]],
        numbers=(2, 3, 4),
    )
    published_at, is_stale, stale_since, reason = status
    age = f"STALE since {stale_since:%Y-%m-%d %H:%M}: {reason}" if is_stale else "up to date"
    print(f"published.data_status: published {published_at:%Y-%m-%d %H:%M}, {age}")
    return revenue


def _ask(sql: str) -> Sequence[tuple[Any, ...]]:
    with find_warehouse().connect(read_only=True) as session:
        return session.rows(sql)


def _replay() -> None:
    print("$ ingest replay payments")
    print_replays(ingestion.replay(["payments"]))


def _compare(systems: Systems) -> None:
    """What was published against what the company says that it sold; raises DemoError when a cent is missing."""
    truth = systems.company.truth()
    sold = sum(truth.sales["net_amount"].to_pylist(), Decimal(0))
    paid = sum(truth.payments["amount"].to_pylist(), Decimal(0)) - sum(truth.refunds["amount"].to_pylist(), Decimal(0))
    [(revenue,)] = _ask("select sum(revenue) from published.daily_revenue")
    [(moved,)] = _ask("select sum(net_amount) from published.fact_payment")
    print_table(
        ("", "the company", "published"),
        [("sold", f"{sold:,.2f}", f"{revenue:,.2f}"), ("paid less refunded", f"{paid:,.2f}", f"{moved:,.2f}")],
        numbers=(1, 2),
    )
    if (sold, paid) != (revenue, moved):
        raise DemoError("What was published is not what the company sold and was paid.")
    print("Equal to the cent.")
