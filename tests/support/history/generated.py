"""Generated histories: row versions of many customers and products in random loads, and the history that each must give.

Each history is another member of the same tables, so that a few runs of dbt build all of them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from support.history.oracle import END, Version, history, listing_at, midnight, row_at

# The loads that are complete before each run. s4 begins before s5 and is completed after it.
SHOP_LOADS = (("s1",), ("s2", "s3"), ("s5",), ("s4", "s6"))
# The days whose files each load of the catalogue reads: u3 corrects a file, and so does u5, which also brings a late one.
FILES = {"u1": (1, 2), "u2": (3,), "u3": (2, 4), "u4": (6,), "u5": (5, 4)}
SUPPLIER_LOADS = (("u1",), ("u2",), ("u3", "u4"), ("u5",))
PRODUCTS_FROM = 5_000  # ids

TIMES = st.sampled_from([datetime(2026, 1, day, hour, 0, 0, 1, tzinfo=UTC) for day in range(1, 6) for hour in (0, 11, 12)])
LOADS = st.sampled_from([load for loads in SHOP_LOADS for load in loads])
CUSTOMERS = st.lists(
    st.fixed_dictionaries(
        {
            "_changed_at": TIMES,
            "_dlt_load_id": LOADS,
            "full_name": st.sampled_from([None, "Ann", " Ann ", "Bea"]),
            "email": st.sampled_from([None, "", "A@x.nz", "a@x.nz "]),
            "city": st.sampled_from(["Nelson", "Nelson", "Picton"]),
            "is_deleted": st.sampled_from([False, False, True]),
            "created_at": st.sampled_from([None, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 2, tzinfo=UTC)]),
            "updated_at": TIMES,  # makes no version
        }
    ),
    min_size=1, max_size=8, unique_by=lambda row: (row["_changed_at"], row["_dlt_load_id"]),
)  # fmt: skip
PRODUCTS = st.tuples(
    st.lists(
        st.fixed_dictionaries(
            {
                "_changed_at": TIMES,
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


def draw(strategy: st.SearchStrategy, count: int, seed: int | None) -> list[Any]:
    """So many examples; always the same without a seed."""
    found: list[Any] = []

    @settings(max_examples=count, derandomize=seed is None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    (collect if seed is None else seeded(seed)(collect))()
    return found


@dataclass(frozen=True)
class Histories:
    """The row versions of each member, by its id; of a product also its entry in each file of each load."""

    customers: dict[int, list[dict[str, Any]]]
    products: dict[int, tuple[list[dict[str, Any]], dict[tuple[str, int, str], str | None]]]

    @classmethod
    def drawn(cls, fixed: int, more: int, seed: int | None) -> "Histories":
        """So many that are always the same, which have versions enough for certain, and more that the seed draws."""
        customers, products = (
            [*draw(strategy, fixed, None), *(draw(strategy, more, seed) if more else ())] for strategy in (CUSTOMERS, PRODUCTS)
        )
        return cls(dict(enumerate(customers, 1)), dict(enumerate(products, PRODUCTS_FROM)))

    def known_customers(self, loads: set[str]) -> dict[int, list[dict[str, Any]]]:
        """The row versions that these loads brought."""
        return {member: [row for row in rows if row["_dlt_load_id"] in loads] for member, rows in self.customers.items()}

    def known_products(self, loads: set[str]) -> dict[int, tuple[list[dict[str, Any]], dict[tuple[str, int, str], str | None]]]:
        return {
            member: ([row for row in rows if row["_dlt_load_id"] in loads], {file: row for file, row in files.items() if file[0] in loads})
            for member, (rows, files) in self.products.items()
        }


def expected_customer(member: int, rows: list[dict[str, Any]]) -> list[Version]:
    latest = row_at(rows, END)

    def state_at(time: datetime) -> tuple:
        row = row_at(rows, time)
        email = (row["email"] or "").strip().lower() or None
        return ((row["full_name"] or "").strip() or None, email, None, row["city"], None, row["is_deleted"], latest["created_at"])

    return history(member, [row["_changed_at"] for row in rows], state_at)


def expected_product(member: int, rows: list[dict[str, Any]], files: dict[tuple[str, int, str], str | None]) -> list[Version]:
    """Of a day's files, that of the latest load counts."""
    counting: dict[str, dict[date, Any]] = {"A": {}, "B": {}}
    for (_, day, sku), content in sorted(files.items(), key=lambda file: list(FILES).index(file[0][0])):
        counting[sku][date(2026, 1, day)] = content
    began = min(row["_changed_at"] for row in rows)
    times = [row["_changed_at"] for row in rows]
    times += [time for day in counting["A"] if (time := midnight(day)) > began]

    def state_at(time: datetime) -> tuple:
        row = row_at(rows, time)
        listing = listing_at(counting[row["sku"]], time)
        content, is_listed = listing or (None, True)
        cost = {"old": Decimal("5.00"), "new": Decimal("6.50"), None: None}[content]
        pack = 2 if content else None
        return (f"{member}-{row['sku']}", "Thing", content, pack, row["is_deleted"] or not is_listed, row["price"], cost)

    return history(member, times, state_at)
