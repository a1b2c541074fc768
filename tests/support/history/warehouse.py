"""A warehouse on one engine with raw tables that a test wrote, and the history and facts that dbt builds from them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from engines.servers import DuckDBFile
from hypothesis import strategies as st
from support import dbt
from support.deployment import PROJECT
from support.history.fixtures import APART, in_loads, shop_versions, skus
from support.history.generated import FILES, SHOP_LOADS, SUPPLIER_LOADS, Histories, draw
from support.history.oracle import Version
from support.history.raw import RawLog

MODELS = ("--select", "+fact_sales", "+fact_payment", *dbt.WITHOUT_TESTS)
CUSTOMER = ("full_name", "email", "phone", "city", "segment", "is_deleted", "created_at")
PRODUCT = ("sku", "product_name", "brand", "pack_size", "is_deleted", "list_price", "unit_cost")
TABLES = (
    "snapshots.snap_customer", "snapshots.snap_store", "snapshots.snap_product",
    "core.dim_customer", "core.dim_store", "core.dim_product", "core.fact_sales", "core.fact_payment",
)  # fmt: skip
SHUFFLES = 12  # copies of the small shop whose row versions arrive in a random order
IN_ORDER = ("s1", "s2", "s3", "s5", "s6")
ALWAYS_LISTED = ("always", *skus(SHUFFLES + 1))  # by every file of the catalogue
MARKS = {"customer": "phone", "product": "brand"}  # by entity, the column that takes a mark


@dataclass(frozen=True)
class Run:
    """The loads that were complete before a run, and the histories after it."""

    loads: set[str]
    customers: dict[int, list[Version]]
    products: dict[int, list[Version]]


@dataclass(frozen=True)
class Rebuilt:
    """The tables after the runs and after a rebuild from the same raw, and the facts of each copy of the small shop."""

    before: dict[str, list[tuple]]
    after: dict[str, list[tuple]]
    facts: dict[int, dict[str, list[tuple]]]


class HistoryWarehouse:
    """Generated histories, and copies of the small shop, in one warehouse."""

    def __init__(self, engine: DuckDBFile, folder: Path, histories: Histories, seed: int | None):
        self.engine, self.folder, self.raw, self.histories = engine, folder, RawLog(engine), histories
        self.loads: set[str] = set()
        self.runs: list[Run] = []
        self._write(seed)

    def run(self, steps: Sequence[int]) -> None:
        """Complete the loads of these steps, and build."""
        for step in steps:
            for source, loads in (("shop", SHOP_LOADS[step]), ("payments", SHOP_LOADS[step]), ("supplier", SUPPLIER_LOADS[step])):
                for load in loads:
                    self.raw.complete(source, load)
            self.loads |= {*SHOP_LOADS[step], *SUPPLIER_LOADS[step]}
        self.build()
        self.runs.append(Run(set(self.loads), self.versions("customer", CUSTOMER), self.versions("product", PRODUCT)))

    def build(self, *options: str) -> None:
        assert dbt.not_passed(self.dbt("build", *MODELS, *options)) == {}

    def rebuild(self) -> Rebuilt:
        """Drop all tables, and build once."""
        before = self.tables()
        self.build("--full-refresh")
        return Rebuilt(before, self.tables(), self.facts_of_copies())

    def dbt(self, *command: str) -> Any:
        """Run a dbt command; gives dbt's result."""
        folders = {"DBT_TARGET_PATH": str(self.folder / "target"), "DBT_LOG_PATH": str(self.folder / "logs")}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**dbt.SETTINGS, **self.engine.environment, **folders}.items():
                patch.setenv(name, value)
            patch.chdir(PROJECT)
            result = dbt.run_dbt(*command)
        assert result.exception is None, result.exception
        return result

    def rows(self, table: str, columns: Sequence[str] = ()) -> list[tuple]:
        """All rows of a table, sorted; of all columns unless some are named."""
        schema, name = table.split(".")
        names = list(columns) or [column.name for column in self.engine.catalogue()[schema, name]]
        return sorted(self.engine.rows(schema, name, names), key=repr)

    def tables(self) -> dict[str, list[tuple]]:
        return {table: self.rows(table) for table in TABLES}

    def versions(self, entity: str, columns: Sequence[str]) -> dict[int, list[Version]]:
        """The history of each member."""
        found: dict[int, list[Version]] = defaultdict(list)
        names = (f"{entity}_id", f"{entity}_key", "valid_from", "valid_to", "is_current", *columns)
        for member, key, valid_from, valid_to, is_current, *state in self.rows(f"snapshots.snap_{entity}", names):
            found[member].append(Version(key, tuple(state), valid_from, valid_to, is_current))
        return {member: sorted(versions, key=lambda version: version.valid_from) for member, versions in found.items()}

    def facts_of_copies(self) -> dict[int, dict[str, list[tuple]]]:
        """The facts of each copy of the small shop, with the versions that their keys lead to; ids as if it were the only copy."""
        found: dict[int, dict[str, list[tuple]]] = defaultdict(lambda: defaultdict(list))
        for fact, ids, columns, entities in (
            ("core.fact_sales", ("order_id", "order_item_id", "customer_id", "product_id", "store_id"),
             ("channel", "order_status", "line_number", "is_amount_missing", "quantity", "unit_price", "gross_amount",
              "discount_amount", "net_amount", "refunded_amount", "date_id", "ordered_on", "ordered_at"), ("customer", "product", "store")),
            ("core.fact_payment", ("order_id", "customer_id", "store_id"),
             ("transaction_type", "payment_method", "transaction_status", "currency", "is_amount_missing", "amount", "net_amount",
              "date_id", "occurred_on", "occurred_at"), ("customer", "store")),
        ):  # fmt: skip
            members = {entity: self._members(entity) for entity in entities}
            for row in self.rows(fact, (*ids, *columns, *(f"{entity}_key" for entity in entities))):
                base = row[0] // APART * APART
                values, keys = row[len(ids) : -len(entities)], row[-len(entities) :]
                own = tuple(None if each is None else each - base for each in row[: len(ids)])
                versions = tuple(members[entity][key] for entity, key in zip(entities, keys, strict=True))
                found[row[0] // APART][fact].append(
                    (*own, *values, *((member if member == -1 else member - base, *rest) for member, *rest in versions))
                )
        return found

    def _members(self, entity: str) -> dict[str, tuple]:
        """Of each version of a dimension, by its key, the values that facts use."""
        name = {"customer": "city", "product": "product_name", "store": "store_name"}[entity]
        columns = (f"{entity}_key", f"{entity}_id", name, "is_deleted", "is_inferred", "is_current", "valid_from", "valid_to")
        return {row[0]: row[1:] for row in self.rows(f"core.dim_{entity}", columns)}

    def mark(self) -> None:
        """Write a mark into every version, without dbt: a member that a run computes again loses it."""
        for entity, column in MARKS.items():
            self.engine.execute(f"update snapshots.snap_{entity} set {column} = 'mark' where true")

    def computed_again(self) -> dict[str, set[int]]:
        """The members of each entity that lost the mark."""
        return {entity: self._without_mark(entity, column) for entity, column in MARKS.items()}

    def _without_mark(self, entity: str, column: str) -> set[int]:
        found = self.rows(f"snapshots.snap_{entity}", (f"{entity}_id", column))
        assert found
        return {member for member, value in found if value != "mark"}

    def _write(self, seed: int | None) -> None:
        """All row versions, in loads that are not complete yet."""
        customers = [raw_row(member, row) for member, rows in self.histories.customers.items() for row in rows]
        self.raw.add("shop", "customers", [*customers, *customers[:50]])  # a load that was killed and resumed: rows twice
        products = [
            {**raw_row(member, row), "sku": f"{member}-{row['sku']}", "name": "Thing"}
            for member, (rows, _) in self.histories.products.items()
            for row in rows
        ]
        self.raw.add("shop", "products", products)
        listed = [
            raw_listing(load, day, f"{member}-{sku}", content)
            for member, (_, files) in self.histories.products.items()
            for (load, day, sku), content in files.items()
            if content
        ]
        always = [raw_listing(load, day, sku, "old") for sku in ALWAYS_LISTED for load, days in FILES.items() for day in days]
        self.raw.add("supplier", "catalogue", listed + always)
        rows: dict[tuple[str, str], list] = defaultdict(list)
        for copy, loads in enumerate(_arrivals(seed), 1):
            for source, table, row in in_loads(shop_versions(copy), loads):
                rows[source, table].append(row)
        for (source, table), some in rows.items():
            self.raw.add(source, table, some)


def raw_row(member: int, row: dict[str, Any]) -> dict[str, Any]:
    return {"id": member, **row, "_deleted_at": row["_changed_at"] if row["is_deleted"] else None}


def raw_listing(load: str, day: int, sku: str, content: str) -> dict[str, Any]:
    cost = {"old": "5.00", "new": "6.50"}[content]
    return {
        "sku": sku,
        "brand": content,
        "unit_cost": cost,
        "pack_size": "2",
        "file_date": date(2026, 1, day),
        "line_number": 1,
        "_dlt_load_id": load,
    }


def _arrivals(seed: int | None) -> list[list[str]]:
    """For each copy of the small shop the load of each row version: of the first copy in the order of time, of the others in any."""
    size = len(shop_versions(1))
    in_time = [IN_ORDER[place * len(IN_ORDER) // size] for place in range(size)]
    return [in_time, *draw(st.lists(st.sampled_from(IN_ORDER), min_size=size, max_size=size), SHUFFLES, seed)]
