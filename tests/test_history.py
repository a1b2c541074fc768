"""History follows from raw alone, and facts mend themselves: generated histories and golden ones, on every engine.

No run of dbt per example: each generated history is another member of the same tables, which a few runs build step by step, and
which an oracle in Python (tests/history/oracle.py) foretells after each.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, bad
from engines.parity import run_dbt
from engines.servers import ENGINES, DuckDBFile
from history.oracle import BEGINNING, END, Version, history, listing_at, midnight, told_at
from history.raw import RawLog
from history.world import APART, ORDERS, at, in_loads, skus, tellings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# The loads that were complete before each run. s4 began before s5 and was completed after it.
SHOP_LOADS = (("s1",), ("s2", "s3"), ("s5",), ("s4", "s6"))
IN_ORDER = ("s1", "s2", "s3", "s5", "s6")
# The files of each load of the catalogue: u3 mends one that was read, u5 another, and brings one that is late.
FILES = {"u1": (1, 2), "u2": (3,), "u3": (2, 4), "u4": (6,), "u5": (5, 4)}
SUPPLIER_LOADS = (("u1",), ("u2",), ("u3", "u4"), ("u5",))
MODELS = ("--select", "+fact_sales", "+fact_payment", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
CUSTOMER = ("full_name", "email", "phone", "city", "segment", "is_deleted", "created_at")
PRODUCT = ("sku", "product_name", "brand", "pack_size", "is_deleted", "list_price", "unit_cost")
TABLES = (
    "snapshots.snap_customer", "snapshots.snap_store", "snapshots.snap_product",
    "core.dim_customer", "core.dim_store", "core.dim_product", "core.fact_sales", "core.fact_payment",
)  # fmt: skip
FACTS = ("core.fact_sales", "core.fact_payment")
HISTORIES, SHUFFLES = 150, 12
PRODUCTS_FROM = 5_000
ALWAYS = ("always", *skus(SHUFFLES + 1))  # what every file lists


def drawn(strategy: st.SearchStrategy, count: int) -> list[Any]:
    """So many examples, always the same."""
    found: list[Any] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


INSTANTS = st.sampled_from([datetime(2026, 1, day, hour, 0, 0, 1, tzinfo=UTC) for day in range(1, 6) for hour in (0, 11, 12)])
LOADS = st.sampled_from([load for loads in SHOP_LOADS for load in loads])
CUSTOMER_TELLINGS = st.lists(
    st.fixed_dictionaries(
        {
            "_changed_at": INSTANTS,
            "_dlt_load_id": LOADS,
            "full_name": st.sampled_from([None, "Ann", " Ann ", "Bea"]),
            "email": st.sampled_from([None, "", "A@x.nz", "a@x.nz "]),
            "city": st.sampled_from(["Nelson", "Nelson", "Picton"]),
            "is_deleted": st.sampled_from([False, False, True]),
            "created_at": st.sampled_from([None, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 2, tzinfo=UTC)]),
            "updated_at": INSTANTS,  # touched: no version
        }
    ),
    min_size=1, max_size=8, unique_by=lambda row: (row["_changed_at"], row["_dlt_load_id"]),
)  # fmt: skip
PRODUCT_TELLINGS = st.tuples(
    st.lists(
        st.fixed_dictionaries(
            {
                "_changed_at": INSTANTS,
                "_dlt_load_id": LOADS,
                "sku": st.sampled_from(["A", "A", "A", "B"]),
                "price": st.sampled_from([Decimal("1.00"), Decimal("2.00")]),
                "is_deleted": st.sampled_from([False, False, True]),
            }
        ),
        min_size=1, max_size=4, unique_by=lambda row: (row["_changed_at"], row["_dlt_load_id"]),
    ),
    st.fixed_dictionaries(
        {
            (load, day, sku): st.sampled_from([None, "old", "old", "old", "new"])
            for load, days in FILES.items()
            for day in days
            for sku in ("A", "B")
        }
    ),
)  # fmt: skip


class Told:
    """What was told on one engine, and what dbt made of it after each run."""

    def __init__(self, engine: DuckDBFile, folder: Path):
        self.engine, self.folder, self.log = engine, folder, RawLog(engine)
        self.customers = dict(enumerate(drawn(CUSTOMER_TELLINGS, HISTORIES), 1))
        self.products = dict(enumerate(drawn(PRODUCT_TELLINGS, HISTORIES), PRODUCTS_FROM))
        self.loads: set[str] = set()
        self.steps: list[
            tuple[set[str], dict[int, list[Version]], dict[int, list[Version]]]
        ] = []  # loads, customers, products after each run
        self._write()

    def go_on(self, steps: Sequence[int]) -> None:
        """The loads of these steps become complete, and a run follows."""
        for step in steps:
            for source, loads in (("shop", SHOP_LOADS[step]), ("payments", SHOP_LOADS[step]), ("supplier", SUPPLIER_LOADS[step])):
                for load in loads:
                    self.log.complete(source, load)
            self.loads |= {*SHOP_LOADS[step], *SUPPLIER_LOADS[step]}
        self.build()
        self.steps.append((set(self.loads), self.versions("customer", CUSTOMER), self.versions("product", PRODUCT)))

    def build(self, *options: str) -> None:
        assert bad(self.dbt("build", *MODELS, *options)) == {}

    def dbt(self, *command: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.engine.environment.items():
                patch.setenv(name, value)
            patch.setenv("DBT_TARGET_PATH", str(self.folder / "target"))
            patch.setenv("DBT_LOG_PATH", str(self.folder / "logs"))
            patch.chdir(PROJECT)
            result = run_dbt(*command)
        assert result.exception is None, result.exception
        return result

    def rows(self, table: str, columns: Sequence[str] = ()) -> list[tuple]:
        schema, name = table.split(".")
        names = list(columns) or [column.name for column in self.engine.catalogue()[schema, name]]
        return sorted(self.engine.rows(schema, name, names), key=repr)

    def everything(self) -> dict[str, list[tuple]]:
        return {table: self.rows(table) for table in TABLES}

    def versions(self, entity: str, columns: Sequence[str]) -> dict[int, list[Version]]:
        """History as it stands, by member."""
        found: dict[int, list[Version]] = defaultdict(list)
        names = (f"{entity}_id", f"{entity}_key", "valid_from", "valid_to", "is_current", *columns)
        for member, key, valid_from, valid_to, is_current, *state in self.rows(f"snapshots.snap_{entity}", names):
            found[member].append(Version(key, tuple(state), valid_from, valid_to, is_current))
        return {member: sorted(versions, key=lambda version: version.valid_from) for member, versions in found.items()}

    def _write(self) -> None:
        customers = [_raw(member, row) for member, rows in self.customers.items() for row in rows]
        self.log.add("shop", "customers", [*customers, *customers[:50]])  # of a load that died and went on: rows twice
        shop = [
            {**_raw(member, row), "sku": f"{member}-{row['sku']}", "name": "Thing"}
            for member, (rows, _) in self.products.items()
            for row in rows
        ]
        self.log.add("shop", "products", shop)
        listed = [
            _listing(load, day, f"{member}-{sku}", content)
            for member, (_, files) in self.products.items()
            for (load, day, sku), content in files.items()
            if content
        ]
        always = [_listing(load, day, sku, "old") for sku in ALWAYS for load, days in FILES.items() for day in days]
        self.log.add("supplier", "catalogue", listed + always)
        rows: dict[tuple[str, str], list] = defaultdict(list)
        for copy, loads in enumerate(arrivals(), 1):
            for source, table, row in in_loads(tellings(copy), loads):
                rows[source, table].append(row)
        for (source, table), some in rows.items():
            self.log.add(source, table, some)


def _raw(member: int, row: dict[str, Any]) -> dict[str, Any]:
    return {"id": member, **row, "_deleted_at": row["_changed_at"] if row["is_deleted"] else None}


def _listing(load: str, day: int, sku: str, content: str) -> dict[str, Any]:
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


def arrivals() -> list[list[str]]:
    """For each copy of the little shop the load of each telling: the first in the order of time, the others in any."""
    size = len(tellings(1))
    in_time = [IN_ORDER[place * len(IN_ORDER) // size] for place in range(size)]
    return [in_time, *drawn(st.lists(st.sampled_from(IN_ORDER), min_size=size, max_size=size), SHUFFLES)]


def expected_customer(member: int, rows: list[dict[str, Any]]) -> list[Version]:
    latest = told_at(rows, END)

    def state_at(instant: datetime) -> tuple:
        row = told_at(rows, instant)
        email = (row["email"] or "").strip().lower() or None
        return ((row["full_name"] or "").strip() or None, email, None, row["city"], None, row["is_deleted"], latest["created_at"])

    return history(member, [row["_changed_at"] for row in rows], state_at)


def expected_product(member: int, rows: list[dict[str, Any]], files: dict[tuple, str | None], loads: set[str]) -> list[Version]:
    counting = {
        sku: {date(2026, 1, day): files[load, day, sku] for load in FILES if load in loads for day in FILES[load]} for sku in ("A", "B")
    }
    began = min(row["_changed_at"] for row in rows)
    instants = [row["_changed_at"] for row in rows]
    instants += [instant for day in counting["A"] if (instant := midnight(day)) > began]

    def state_at(instant: datetime) -> tuple:
        row = told_at(rows, instant)
        listing = listing_at(counting[row["sku"]], instant)
        content, is_listed = listing or (None, True)
        cost = {"old": Decimal("5.00"), "new": Decimal("6.50"), None: None}[content]
        pack = 2 if content else None
        return (f"{member}-{row['sku']}", "Thing", content, pack, row["is_deleted"] or not is_listed, row["price"], cost)

    return history(member, instants, state_at)


@pytest.fixture(scope="module", params=["dev", "postgres", "bigquery"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All that is told, in loads that became complete one after another, with a run after each."""
    folder = tmp_path_factory.mktemp("history")
    with ExitStack() as stack:
        told = Told(stack.enter_context(ENGINES[request.param](folder)), folder)
        # The stand-in is slow, so there are fewer runs on it.
        for steps in ((0, 1), (2, 3)) if request.param == "bigquery" else ((0,), (1,), (2,), (3,)):
            told.go_on(steps)
        yield told


def differences(found: dict[int, list[Version]], expected: dict[int, list[Version]], tellings: dict[int, Any]) -> list[tuple]:
    """The shortest of the histories that are not what they must be: what was told, what must be, what is."""
    wrong = [
        (tellings[member], expected.get(member), found.get(member)) for member in tellings if found.get(member) != expected.get(member)
    ]
    return sorted(wrong, key=lambda each: len(repr(each[0])))[:1]


def test_history_is_what_the_rule_says_after_every_run(told: Told):
    """Several versions in one load, late ones, out of order, deleted and back, told again, touched: whatever was drawn."""
    for loads, customers, products in told.steps:
        known = {member: [row for row in rows if row["_dlt_load_id"] in loads] for member, rows in told.customers.items()}
        expected = {member: expected_customer(member, rows) for member, rows in known.items() if rows}
        assert differences(customers, expected, known) == []
        listed = {member: ([row for row in rows if row["_dlt_load_id"] in loads], files) for member, (rows, files) in told.products.items()}
        expected = {member: expected_product(member, rows, files, loads) for member, (rows, files) in listed.items() if rows}
        assert differences(products, expected, listed) == []


def test_there_was_history_to_foretell(told: Told):
    """Otherwise the test above would compare nothing."""
    _, customers, products = told.steps[-1]
    for found in (customers, products):
        sizes = Counter(len(versions) for versions in found.values())
        assert min(sizes[size] for size in (1, 2, 3, 4)) >= 3, sizes
    assert sum(len(versions) for versions in told.steps[0][1].values()) < sum(len(versions) for versions in customers.values())


def test_no_version_is_there_twice(told: Told):
    """After a kill raw may hold rows twice; a primary key that is broken would stop the build for good."""
    assert told.rows("raw_shop.customers") != sorted(set(told.rows("raw_shop.customers")), key=repr)
    rows = told.rows("staging.stg_shop__customer_version", ("customer_id", "changed_at", "_dlt_load_id"))
    assert len(rows) == len(set(rows)) > HISTORIES


@pytest.fixture(scope="module")
def rebuilt(told: Told) -> tuple[dict[str, list[tuple]], dict[str, list[tuple]]]:
    """All tables after the runs, and after they were dropped and built once from the same raw."""
    before = told.everything()
    told.build("--full-refresh")
    return before, told.everything()


@pytest.mark.parametrize("table", TABLES)
def test_dropped_and_built_once_is_the_same(rebuilt: tuple[dict[str, list[tuple]], ...], table: str):
    """Every row and column, lineage too."""
    before, after = rebuilt
    assert before[table] == after[table] != []


def facts_of_copies(told: Told) -> dict[int, dict[str, list[tuple]]]:
    """The facts of each copy of the little shop, with what their keys lead to; ids as if there were no other copy."""
    found: dict[int, dict[str, list[tuple]]] = defaultdict(lambda: defaultdict(list))
    for fact, ids, columns, entities in (
        ("core.fact_sales", ("order_id", "order_item_id", "customer_id", "product_id", "store_id"),
         ("channel", "order_status", "line_number", "is_amount_missing", "quantity", "unit_price", "gross_amount", "discount_amount",
          "net_amount", "refunded_amount", "date_id", "ordered_on", "ordered_at"), ("customer", "product", "store")),
        ("core.fact_payment", ("order_id", "customer_id", "store_id"),
         ("transaction_type", "payment_method", "transaction_status", "currency", "is_amount_missing", "amount", "net_amount", "date_id",
          "occurred_on", "occurred_at"), ("customer", "store")),
    ):  # fmt: skip
        members = {entity: members_of(told, entity) for entity in entities}
        for row in told.rows(fact, (*ids, *columns, *(f"{entity}_key" for entity in entities))):
            base = row[0] // APART * APART
            said, keys = row[len(ids) : -len(entities)], row[-len(entities) :]
            own = tuple(None if each is None else each - base for each in row[: len(ids)])
            versions = tuple(members[entity][key] for entity, key in zip(entities, keys, strict=True))
            found[row[0] // APART][fact].append(
                (*own, *said, *((member if member == -1 else member - base, *rest) for member, *rest in versions))
            )
    return found


def members_of(told: Told, entity: str) -> dict[str, tuple]:
    """Of each version of a dimension what facts see of it, by its key."""
    name = {"customer": "city", "product": "product_name", "store": "store_name"}[entity]
    columns = (f"{entity}_key", f"{entity}_id", name, "is_deleted", "is_inferred", "is_current", "valid_from", "valid_to")
    return {row[0]: row[1:] for row in told.rows(f"core.dim_{entity}", columns)}


def test_facts_are_the_same_on_time_late_or_shuffled(told: Told, rebuilt: Any):
    """An order before its customer, lines before their order, a payment before both, versions in any order."""
    found = facts_of_copies(told)
    assert len(found) == SHUFFLES + 1
    assert {fact: len(rows) for fact, rows in found[1].items()} == {"core.fact_sales": 13, "core.fact_payment": 8}
    for copy in found:
        assert {fact: sorted(rows, key=repr) for fact, rows in found[copy].items()} == {
            fact: sorted(rows, key=repr) for fact, rows in found[1].items()
        }, copy


def test_facts_find_the_version_that_was_valid(told: Told, rebuilt: Any):
    """By hand: half-open at the instant of a change; the first version for an early fact; an inferred member; the unknown one."""
    rows = told.engine.query(
        f"""
        select distinct sales.order_id - {APART}, customer.city, customer.is_inferred, customer.customer_id - {APART}
        from core.fact_sales as sales inner join core.dim_customer as customer on sales.customer_key = customer.customer_key
        where sales.order_id between {APART} and {2 * APART} and sales.ordered_on >= '2026-01-01'
        order by 1
        """
    )
    assert [tuple(row) for row in rows] == [
        (1, "Nelson", False, 1), (2, "Napier", False, 2), (3, "Picton", False, 1), (4, "Unknown", True, 3), (6, "Picton", False, 1),
        (7, "Picton", False, 1), (8, "Nelson", False, 1),
    ]  # fmt: skip
    unknown = told.engine.query("select order_id from core.fact_payment where customer_key = '-1' and occurred_on >= '2026-01-01'")
    assert {row[0] % APART for row in unknown} == {5, 99}  # deleted, never told of


MARKS = {"customer": "phone", "product": "brand"}


def mark(told: Told) -> None:
    """Every version is marked behind dbt's back: a member that is computed anew loses the mark."""
    for entity, column in MARKS.items():
        told.engine.execute(f"update snapshots.snap_{entity} set {column} = 'mark' where true")


def computed_anew(told: Told, entity: str) -> set[int]:
    found = told.rows(f"snapshots.snap_{entity}", (f"{entity}_id", MARKS[entity]))
    assert found
    return {member for member, value in found if value != "mark"}


@dataclass
class Later:
    """One more load of shop and supplier in which a few things are told, some of them long after they were true."""

    touched: int  # told again, and nothing but `updated_at` differs
    overwritten: int  # a column that is not tracked has another value
    retold: int  # the same version, delivered again
    relisted: int  # a product of which the catalogue says something new
    before: dict[str, dict[Any, tuple]]  # facts by key
    after: dict[str, dict[Any, tuple]]
    anew: dict[str, set[int]]  # members that the run computed anew
    anew_again: dict[str, set[int]]  # and those that the run after it did, before which nothing was told
    seen: dict[int, list[Version]]


LATE = {  # of copies of the little shop
    "customers": (
        {"id": APART + 1, "full_name": "Ann", "city": "Wanaka", "_changed_at": at(1.7)},  # between two versions
        {"id": APART + 3, "full_name": "Cid", "city": "Timaru", "_changed_at": at(20)},  # of whom only facts spoke
    ),
    "products": ({"id": 2 * APART + 2, "sku": f"W{2 * APART}-2", "name": "Mat", "_changed_at": at(5.5)},),  # before the first
}


@pytest.fixture(scope="module")
def later(told: Told, rebuilt: Any) -> Later:
    def facts() -> dict[str, dict[Any, tuple]]:
        return {fact: {row[0]: row for row in told.rows(fact)} for fact in FACTS}

    latest = {member: told_at(rows, END) for member, rows in told.customers.items()}
    touched, overwritten, retold = sorted(member for member, row in latest.items() if row["created_at"])[:3]
    new = [
        {**_raw(touched, latest[touched]), "_changed_at": at(0), "updated_at": at(0)},
        {**_raw(overwritten, latest[overwritten]), "_changed_at": at(0), "created_at": at(0)},
        _raw(retold, latest[retold]),
    ]
    for table, rows in {"customers": [*LATE["customers"], *new], "products": LATE["products"]}.items():
        told.log.add("shop", table, [{**row, "_dlt_load_id": "s7"} for row in rows])
    # The next day's file says what the last one said, but of one product.
    last = {(member, sku): files["u4", 6, sku] for member, (_, files) in told.products.items() for sku in ("A", "B")}
    relisted = min(member for member, (rows, _) in told.products.items() if last[member, "A"] == "old" and told_at(rows, END)["sku"] == "A")
    last[relisted, "A"] = "new"
    listed = [_listing("u6", 7, f"{member}-{sku}", content) for (member, sku), content in last.items() if content]
    told.log.add("supplier", "catalogue", listed + [_listing("u6", 7, sku, "old") for sku in ALWAYS])
    before = facts()
    mark(told)
    told.log.complete("shop", "s7")
    told.log.complete("supplier", "u6")
    told.build()
    anew, after, seen = {entity: computed_anew(told, entity) for entity in MARKS}, facts(), told.versions("customer", CUSTOMER)
    mark(told)
    told.build()
    anew_again = {entity: computed_anew(told, entity) for entity in MARKS}
    return Later(touched, overwritten, retold, relisted, before, after, anew, anew_again, seen)


def test_work_grows_with_the_members_that_changed(later: Later):
    """A row that makes no version is seen, and not seen again."""
    assert later.anew == {
        "customer": {later.touched, later.overwritten, later.retold, APART + 1, APART + 3},
        "product": {later.relisted, 2 * APART + 2},
    }
    assert later.anew_again == {"customer": set(), "product": set()}


def test_what_is_not_tracked_makes_no_version_and_is_overwritten(told: Told, later: Later):
    for member in (later.touched, later.retold):
        assert later.seen[member] == expected_customer(member, told.customers[member])
    was = expected_customer(later.overwritten, told.customers[later.overwritten])
    assert later.seen[later.overwritten] == [replace(version, state=(*version.state[:-1], at(0))) for version in was]


def test_a_late_change_keys_exactly_the_facts_in_its_range_anew(later: Later):
    """The late version of the first customer holds from 1.7 to 4: that is order 8. The third customer has order 4. The late version of
    the second product takes over all before 6, as the first version reaches back; orders 4 and 6 keep theirs."""
    changed = {fact: {key for key in later.after[fact] if later.after[fact][key] != later.before[fact][key]} for fact in FACTS}
    assert {fact: set(rows) for fact, rows in later.before.items()} == {fact: set(rows) for fact, rows in later.after.items()}
    assert changed["core.fact_payment"] == {f"pay-{APART + 8}-3.9"}
    gone = {51, 52, 82}
    sold = {10 * order + number for order, day, *_ in ORDERS for number in (1, 2) if day < 6 and (order + number) % 3 == 1} - gone
    assert sold
    assert changed["core.fact_sales"] == {APART + 81, APART + 41, APART + 42} | {2 * APART + line for line in sold}


def test_an_inferred_member_gives_way_to_the_real_one(told: Told, later: Later):
    for member, expected in ((APART + 3, ("Timaru", False)), (2 * APART + 3, ("Unknown", True))):
        found = told.engine.query(f"select city, is_inferred from core.dim_customer where customer_id = {member}")
        assert [tuple(row) for row in found] == [expected]


GOLDEN = """
with told as (
    {tellings}
),

versions as (
    {{{{ history('told', 'thing', ['a', 'b', 'is_deleted'], ['note'], {{'b': '2026-01-03 00:00:00+00'}}) }}}}
)

select thing_id, {{{{ epoch_microseconds('valid_from') }}}} as begin_us, {{{{ epoch_microseconds('valid_to') }}}} as end_us,
    a, b, note, is_deleted, is_current
from versions
order by thing_id, valid_from
"""
# By case: what is told as (day, load, a, b, note, is deleted), and the versions as (from, to, a, b, note, is deleted).
CASES: dict[str, tuple[list[tuple], list[tuple]]] = {
    "deleted and back": (
        [(1, "1", "x", None, "n", False), (4, "2", "x", None, "n", True), (6, "3", "x", None, "n", False)],
        [(None, 4, "x", None, "n", False), (4, 6, "x", None, "n", True), (6, None, "x", None, "n", False)],
    ),
    "told again": ([(1, "1", "x", None, "n", False), (1, "2", "x", None, "n", False)], [(None, None, "x", None, "n", False)]),
    "several in one load, and null is a value": (
        [
            (4, "1", "x", None, "n", False),
            (5, "1", None, None, "n", False),
            (6, "1", None, None, "n", False),
            (7, "1", "x", None, "n", False),
        ],
        [(None, 5, "x", None, "n", False), (5, 7, None, None, "n", False), (7, None, "x", None, "n", False)],
    ),
    "the earlier comes later": (
        [(6, "1", "y", None, "n", False), (4, "2", "x", None, "n", False)],
        [(None, 6, "x", None, "n", False), (6, None, "y", None, "n", False)],
    ),
    "the later load of one instant": (
        [(4, "2", "right", None, "n", False), (4, "1", "wrong", None, "n", False)],
        [(None, None, "right", None, "n", False)],
    ),
    "overwritten on all versions": (
        [(4, "1", "x", None, "old", False), (5, "2", "y", None, "old", False), (6, "3", "y", None, "new", False)],
        [(None, 5, "x", None, "new", False), (5, None, "y", None, "new", False)],
    ),
    "a new column makes no version": (
        [(1, "1", "x", None, "n", False), (4, "2", "x", "first", "n", False)],
        [(None, None, "x", "first", "n", False)],
    ),
    "a column that is tracked since a day": (
        [(1, "1", "x", "p", "n", False), (2, "2", "x", "q", "n", False), (4, "3", "x", "r", "n", False), (5, "4", "x", "s", "n", False)],
        [(None, 5, "x", "r", "n", False), (5, None, "x", "s", "n", False)],
    ),
    "a new column and a change": (
        [(1, "1", "x", None, "n", False), (4, "2", "y", "first", "n", False), (5, "3", "y", None, "n", False)],
        [(None, 4, "x", None, "n", False), (4, 5, "y", "first", "n", False), (5, None, "y", None, "n", False)],
    ),
}


def test_golden_histories(told: Told):
    """Written by hand, from the rule. `b` is tracked since day 3."""

    def text(value: str | None) -> str:
        return f"cast({'null' if value is None else repr(value)} as {{{{ dbt.type_string() }}}})"

    def microseconds(instant: datetime) -> int:
        return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    tellings = "\n    union all\n    ".join(
        f"select {number} as thing_id, {{{{ as_timestamp(\"'2026-01-0{day} 00:00:00+00'\") }}}} as changed_at, "
        f"{text(load)} as _dlt_load_id, {text(a)} as a, {text(b)} as b, {text(note)} as note, {is_deleted} as is_deleted"
        for number, (told_of, _) in enumerate(CASES.values())
        for day, load, a, b, note, is_deleted in told_of
    )
    result = told.dbt("show", "--inline", GOLDEN.format(tellings=tellings), "--limit", "100", "--output", "json")
    found: dict[int, list[tuple]] = defaultdict(list)
    for thing, begin, end, *state, is_current in result.result.results[0].agate_table.rows:
        assert is_current == (end == microseconds(END))
        found[int(thing)].append((begin, end, *state))
    for number, (case, (_, versions)) in enumerate(CASES.items()):
        instants = [
            (datetime(2026, 1, begin, tzinfo=UTC) if begin else BEGINNING, datetime(2026, 1, end, tzinfo=UTC) if end else END)
            for begin, end, *_ in versions
        ]
        assert found[number] == [
            (microseconds(begin), microseconds(end), *state) for (begin, end), (_, _, *state) in zip(instants, versions, strict=True)
        ], case
