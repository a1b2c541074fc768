"""Moa Market, simulated: a company that lives one business day after another, the same way for the same seed.

`Company(seed, scale)` stands at the start of 2026-01-01 (day 0). `live()` lives the next day and says which
rows changed; `rows()` gives rows as the source systems would hold them; `truth()` says what really happened.
Nothing here knows of servers: demo.servers carries the changes to them.

Every day draws its chances from (seed, day), so it is the same whether lived today or replayed later.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import words as w
from demo.tables import INSTANT, MONEY, NEVER, Columns, Journal, money, spread, words
from demo.words import CATEGORY_SPELLINGS

SIMULATION = 1  # raise it when a change here makes other days of the same seed: folders are then remade
FIRST_DATE = date(2026, 1, 1)
ZONE = ZoneInfo("Pacific/Auckland")
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND

CUSTOMERS, NEW_CUSTOMERS_A_DAY, PRODUCTS, ORDERS_A_DAY = 4000, 11, 580, 425  # at scale 1
WEEKDAYS = (0.85, 0.85, 0.9, 0.95, 1.15, 1.35, 1.05)  # Monday to Sunday, how busy
LATEST_COMMIT = 34 * HOUR  # a late row is at most this old when it appears (the contract says 36 h)
PLACED, COMPLETED, CANCELLED = range(3)
CAPTURED, FAILED = range(2)
PENDING, SUCCEEDED = range(2)
STORE, ONLINE = range(2)
NO_REFUND, PARTIAL, FULL = range(3)
CATEGORIES = tuple(CATEGORY_SPELLINGS)
SPELLINGS = tuple(s for spellings in CATEGORY_SPELLINGS.values() for s in spellings)
SHOP_TABLES = ("customers", "products", "stores", "orders", "order_items")
PAYMENT_TABLES = ("payments", "refunds")


def clock_at(day: int) -> int:
    """The instant (microseconds) at which day `day` has been lived: midnight in New Zealand."""
    midnight = datetime.combine(FIRST_DATE + timedelta(day), time(), ZONE)
    return round(midnight.timestamp()) * SECOND


def business_date(day: int) -> date:
    """The date of day 1, 2, ..."""
    return FIRST_DATE + timedelta(day - 1)


@dataclass
class Changes:
    """What one day did: positions of inserted or changed rows per table, and ids of rows that are gone."""

    day: int
    upserts: dict[str, np.ndarray]
    deletes: dict[str, np.ndarray]


@dataclass
class Truth:
    """What the company says happened up to the end of `day`; amounts are exact decimals of NZD.

    sales      one row per business_date, store_id, channel: orders that are in the shop, not cancelled.
               net_amount leaves out lines whose price is missing; units and lines count them too.
    payments   captured payments per NZ date of created_at: payments, amount
    refunds    succeeded refunds per NZ date of created_at: refunds, amount
    planted    name of an oddity -> table of its rows
    """

    day: int
    sales: pa.Table
    payments: pa.Table
    refunds: pa.Table
    planted: dict[str, pa.Table] = field(default_factory=dict)


class Company:
    """The whole company in memory. `scale` multiplies customers and orders; products and stores stay."""

    def __init__(self, seed: int = 1, scale: float = 1.0):
        self.seed, self.scale, self.day = seed, scale, 0
        self.customers = Columns(
            full_name=object, email=object, phone=object, city="i2", segment="i1", password=object,
            created_at="i8", updated_at="i8", alive="?", late="?",
        )  # fmt: skip
        self.products = Columns(
            name=object, category="i1", spelling="i1", price="i8", popularity="f8", created_at="i8",
            updated_at="i8", brand="i1", supplier_spelling="i1", unit_cost="i8", pack_size="i4", listed="?",
        )  # fmt: skip
        self.stores = Columns(name=object, opened_on="i4", updated_at="i8")
        # Orders carry their own future (complete_at ... delete_day), drawn when they are placed.
        self.orders = Columns(
            day="i4", customer="i8", store="i4", channel="i1", status="i1", ordered_at="i8", updated_at="i8",
            first_item="i8", items="i4", payment="i8", alive="?", late="?", complete_at="i8", cancel_at="i8",
            refund_at="i8", refund_kind="i1", delete_day="i4",
        )  # fmt: skip
        self.items = Columns(
            order="i8",
            line="i4",
            product="i4",
            quantity="i4",
            price="i8",
            known="?",
            discount="i8",
            amount="i8",
        )
        self.payments = Columns(
            order="i8",
            amount="i8",
            status="i1",
            brand="i1",
            last4="i2",
            created_at="i8",
            day="i4",
            visible="?",
        )
        self.refunds = Columns(
            payment="i8", order="i8", amount="i8", reason="i1", status="i1", created_at="i8", updated_at="i8",
            settle_at="i8", first_line="i8", lines="i4", day="i4",
        )  # fmt: skip
        self.refund_lines = Columns(item="i8", amount="i8")
        self._late = {}  # day -> (customers, orders) whose rows only appear on that day
        self._returns = {}  # day -> (customers, products) that come back on that day
        self._typos = {}  # product -> price before the typing error, to be mended the next morning
        self._journals = _journals()
        self._open()

    # -- living ---------------------------------------------------------------------------------------------

    def live(self) -> Changes:
        """Live the next day. `rows(table, changes.upserts[table])` are right until the day after is lived."""
        self.day += 1
        self._rng = np.random.default_rng((self.seed, self.day))
        self._start, self._end = clock_at(self.day - 1), clock_at(self.day)
        self._changed = {table: [] for table in SHOP_TABLES + PAYMENT_TABLES}
        gone_orders = self._delete_orders()
        gone_customers = self._delete_customers()
        self._appear()
        self._change_customers()
        self._change_products()
        self._change_catalogue()
        self._change_stores()
        self._place_orders()
        self._advance_orders()
        self._refund()
        upserts = {t: np.unique(np.concatenate(p or [np.empty(0, int)])) for t, p in self._changed.items()}
        gone_items = spread(self.orders.first_item[gone_orders], self.orders.items[gone_orders])
        gone = {"customers": gone_customers, "orders": gone_orders, "order_items": gone_items}
        return Changes(self.day, upserts, {table: positions + 1 for table, positions in gone.items()})

    def live_until(self, day: int) -> "Company":
        """Live up to and including day `day`; returns the company itself."""
        while self.day < day:
            self.live()
        return self

    @property
    def clock(self) -> datetime:
        """The company's present: the end of the last day lived, in UTC."""
        return datetime.fromtimestamp(clock_at(self.day) // SECOND, UTC)

    def _open(self) -> None:
        """The state before the first day: customers, products and stores of the years before."""
        self._rng = rng = np.random.default_rng((self.seed, 0))
        opening = clock_at(0)
        self._new_customers(opening - rng.integers(DAY, 700 * DAY, max(20, round(CUSTOMERS * self.scale))))
        self._new_products(opening - rng.integers(DAY, 700 * DAY, PRODUCTS))
        opened = (date(2015, 3, 1) - date(1970, 1, 1)).days + 97 * np.arange(len(w.STORES))
        names = np.array([f"Moa Market {city}" for city, _ in w.STORES], object)
        self.stores.add(len(names), name=names, opened_on=opened, updated_at=opened * DAY)

    def _times(self, count: int, earliest: float = 7, latest: float = 22) -> np.ndarray:
        """Instants of today between two hours of the local day."""
        return self._instants(self._rng.uniform(earliest, latest, count))

    def _instants(self, hours: np.ndarray) -> np.ndarray:
        """Local hours (0..24) as instants. Clocks change before 3 a.m.: count from the nearer midnight."""
        parts = (hours * HOUR).astype(np.int64)
        times = np.where(hours < 3, self._start + parts, self._end - 24 * HOUR + parts)
        return np.clip(times, self._start, self._end - SECOND)

    def _pick(self, positions: np.ndarray, count: int) -> np.ndarray:
        """`count` different ones of `positions`, or all of them if there are fewer; ascending."""
        return np.sort(self._rng.choice(positions, min(count, len(positions)), replace=False))

    def _some(self, average: float, every: int = 0) -> int:
        """How often something happens today; surely on every `every`-th day, so that small companies see it."""
        return int(self._rng.poisson(average)) + (1 if every and self.day % every == 0 else 0)

    # -- customers ------------------------------------------------------------------------------------------

    def _new_customers(self, created_at: np.ndarray, late: np.ndarray | bool = False) -> np.ndarray:
        """Sign up a customer at every instant; returns positions. Late ones are not in the database yet."""
        rng, count, first = self._rng, len(created_at), self.customers.count
        given, family = rng.integers(0, len(w.FIRST_NAMES), count), rng.integers(0, len(w.LAST_NAMES), count)
        number = np.arange(first + 1, first + count + 1).astype(str).astype(object)
        name = _FIRST[given] + " " + _LAST[family]
        odd = rng.random(count)
        name = np.where(odd < 0.01, name + np.array(w.EMOJI, object)[rng.integers(0, len(w.EMOJI), count)], name)
        blank = (odd > 0.995) | (np.arange(first, first + count) % 250 == 7)
        name[blank] = np.array(w.BLANK_NAMES, object)[rng.integers(0, 2, int(blank.sum()))]
        email = _FIRST_ASCII[given] + "." + _LAST_ASCII[family] + number + "@example.com"
        shout = (rng.random(count) < 0.04) | (np.arange(first, first + count) % 50 == 3)
        email[shout] = np.array([f"  {e.upper()} " for e in email[shout]], object)
        email[rng.random(count) < 0.01] = None
        return self.customers.add(
            count, full_name=name, email=email, phone=self._phones(count), password=self._hashes(count),
            city=np.where(rng.random(count) < 0.005, -1, rng.integers(0, len(w.CITIES), count)),
            segment=np.where(rng.random(count) < 0.005, -1, rng.choice(3, count, p=(0.8, 0.15, 0.05))),
            created_at=created_at, updated_at=created_at, alive=~np.broadcast_to(late, count), late=late,
        )  # fmt: skip

    def _phones(self, count: int) -> np.ndarray:
        digits = self._rng.integers(1_000_000, 10_000_000, count).astype(str).astype(object)
        phones = np.array(("021 ", "+64 27 ", "(09) "), object)[self._rng.integers(0, 3, count)] + digits
        phones[self._rng.random(count) < 0.02] = None
        return phones

    def _hashes(self, count: int) -> np.ndarray:
        return "scrypt$" + self._rng.integers(10**17, 10**18, count).astype(str).astype(object)

    def _delete_customers(self) -> np.ndarray:
        """Customers who leave today: their row goes, their orders stay. Some come back with the same id."""
        customers = self.customers
        gone = self._pick(np.flatnonzero(customers.alive), self._some(0.3 * self.scale, every=5))
        customers.alive[gone] = False
        returning = self._rng.random(len(gone)) < 0.5
        if self.day % 10 == 5:
            returning[:1] = True
        for customer in gone[returning]:
            self._come_back(customer=int(customer))
        self._journals["deleted_customers"].note(customer_id=gone + 1, day=self.day)
        return gone

    def _come_back(self, customer: int | None = None, product: int | None = None) -> None:
        customers, products = self._returns.setdefault(self.day + int(self._rng.integers(2, 13)), ([], []))
        if customer is not None:
            customers.append(customer)
        if product is not None:
            products.append(product)

    def _appear(self) -> None:
        """Rows that were committed late, and customers who return, come into the database."""
        customers, orders = self._late.pop(self.day, (np.empty(0, int), np.empty(0, int)))
        self.customers.alive[customers] = True
        self.orders.alive[orders] = True
        payments = np.flatnonzero(~self.payments.visible)
        self.payments.visible[payments] = True
        back = np.array(self._returns.get(self.day, ([], []))[0], int)
        self.customers.alive[back] = True
        self.customers.updated_at[back] = self._times(len(back))
        self._journals["returned_customers"].note(customer_id=back + 1, day=self.day)
        self._changed["customers"] += [customers, back]
        self._changed["orders"].append(orders)
        self._changed["order_items"].append(spread(self.orders.first_item[orders], self.orders.items[orders]))
        self._changed["payments"].append(payments)

    def _change_customers(self) -> None:
        """Some move, change segment, e-mail or password; a few twice, and only the last is ever seen."""
        count = self._some(16 * self.scale) + 2
        who = self._pick(np.flatnonzero(self.customers.alive & (self.customers.updated_at < self._start)), count)
        what = self._rng.choice(4, len(who), p=(0.5, 0.2, 0.2, 0.1))
        twice = self._rng.random(len(who)) < 0.1
        if self.day % 2 == 0:
            twice[:1] = True
        at = self._times(len(who), 7, 20)
        self._change_customers_once(who, what, at, ~twice)
        later = at[twice] + self._rng.integers(5 * MINUTE, 2 * HOUR, int(twice.sum()))
        self._change_customers_once(who[twice], what[twice], later, np.ones(len(later), bool))
        self._changed["customers"].append(who)

    def _change_customers_once(self, who, what, at, seen) -> None:
        customers, rng = self.customers, self._rng
        customers.updated_at[who] = at
        for code, (name, choices) in enumerate((("city", w.CITIES), ("segment", w.SEGMENTS))):
            chosen = what == code
            column, ids = getattr(customers, name), who[chosen]
            old = column[ids].copy()
            column[ids] = (old + rng.integers(1, len(choices), len(ids))) % len(choices)
            old, new = _text(choices, old), _text(choices, column[ids])
            self._note_change("customer", ids, at[chosen], name, old, new, seen[chosen])
        chosen = what == 2
        ids, old = who[chosen], customers.email[who[chosen]]
        number = (ids + 1).astype(str).astype(object)
        spin = rng.integers(100, 1000, len(ids)).astype(str).astype(object)
        customers.email[ids] = "me" + spin + "." + number + f".{self.day}@example.org"
        self._note_change("customer", ids, at[chosen], "email", old, customers.email[ids], seen[chosen])
        # A new password moves updated_at and nothing that the warehouse may see.
        ids = who[what == 3]
        customers.password[ids] = self._hashes(len(ids))
        self._journals["password_changes"].note(customer_id=ids + 1, day=self.day, changed_at=at[what == 3])

    def _note_change(self, kind: str, ids, at, name, old, new, seen=True) -> None:
        seen = np.broadcast_to(seen, len(ids)).astype(object)
        self._journals[f"{kind}_changes"].note(
            **{f"{kind}_id": ids + 1}, day=self.day, changed_at=at, field=name, old=old, new=new, seen=seen
        )

    # -- products, catalogue, stores ------------------------------------------------------------------------

    def _new_products(self, created_at: np.ndarray) -> None:
        rng, count, first = self._rng, len(created_at), self.products.count
        category = np.arange(first, first + count) % len(CATEGORIES)
        noun, adjective = rng.integers(0, 5, count), rng.integers(0, len(w.PRODUCT_ADJECTIVES), count)
        number = np.arange(first + 1, first + count + 1).astype(str).astype(object)
        price = (np.exp(rng.normal(3.4, 0.9, count)) * 100).astype(np.int64) // 10 * 10 + rng.choice((0, 5, 9), count)
        price = np.clip(price, 150, 99_990)
        self.products.add(
            count, category=category, price=price, popularity=1 / (rng.integers(0, 600, count) + 20),
            name=_ADJECTIVES[adjective] + " " + _NOUNS[category, noun] + " No. " + number,
            spelling=self._spellings(category), supplier_spelling=self._spellings(category),
            created_at=created_at, updated_at=created_at, brand=rng.integers(0, len(w.BRANDS), count),
            unit_cost=price * 6 // 10, pack_size=rng.choice((1, 1, 1, 6, 12, 24), count), listed=True,
        )  # fmt: skip

    def _spellings(self, category: np.ndarray) -> np.ndarray:
        """Positions in SPELLINGS of some spelling of each category; -1 where it is left out."""
        way = self._rng.choice(5, len(category), p=(0.6, 0.1, 0.1, 0.1, 0.1))
        return np.where(self._rng.random(len(category)) < 0.02, -1, category * 5 + way)

    def _change_products(self) -> None:
        """Prices move; now and then one is typed a hundredfold and mended the next morning."""
        products, rng = self.products, self._rng
        self._price_before = products.price.copy()
        self._price_at = np.full(products.count, NEVER)
        mended = np.array(list(self._typos), int)
        self._set_price(mended, np.array(list(self._typos.values()), np.int64), self._times(len(mended), 8, 9))
        self._typos.clear()
        free = np.setdiff1d(np.arange(products.count), mended)
        moved = self._pick(free, self._some(3) + 1)
        price = np.maximum(100, products.price[moved] * rng.uniform(0.85, 1.2, len(moved)) // 10 * 10).astype("i8")
        self._set_price(moved, price + rng.choice((0, 5, 9), len(moved)), self._times(len(moved)))
        if self.day % 17 == 9:
            typo = self._pick(np.setdiff1d(free, moved)[:50], 1)
            self._typos[int(typo[0])] = int(products.price[typo[0]])
            self._set_price(typo, products.price[typo] * 100, self._times(1, 9, 10))
            self._journals["price_typos"].note(product_id=typo + 1, day=self.day, price=products.price[typo])
        relabelled = self._pick(np.flatnonzero(self._price_at == NEVER), self._some(0.2, every=6))
        old = products.spelling[relabelled].copy()
        products.spelling[relabelled] = self._spellings(products.category[relabelled])
        products.updated_at[relabelled] = at = self._times(len(relabelled))
        self._note_change("product", relabelled, at, "category", _text(SPELLINGS, old),
                          _text(SPELLINGS, products.spelling[relabelled]))  # fmt: skip
        self._changed["products"] += [mended, moved, np.flatnonzero(self._price_at != NEVER), relabelled]
        if self.day % 5 == 0:
            self._new_products(self._times(1, 6, 8))
            self._changed["products"].append(np.array([products.count - 1]))

    def _set_price(self, which: np.ndarray, price: np.ndarray, at: np.ndarray) -> None:
        products = self.products
        old = products.price[which].copy()
        products.price[which], products.updated_at[which], self._price_at[which] = price, at, at
        self._note_change("product", which, at, "price", _amounts(old), _amounts(price))

    def _change_catalogue(self) -> None:
        """The supplier drops products, takes some back, changes costs and spellings."""
        products, rng = self.products, self._rng
        back = np.array(self._returns.get(self.day, ([], []))[1], int)
        products.listed[back] = True
        gone = self._pick(np.flatnonzero(products.listed), self._some(0.3, every=4))
        products.listed[gone] = False
        returning = rng.random(len(gone)) < 0.4
        if self.day % 8 == 4:
            returning[:1] = True
        for product in gone[returning]:
            self._come_back(product=int(product))
        self._journals["catalogue"].note(sku=_skus(gone), on=business_date(self.day), listed=False)
        self._journals["catalogue"].note(sku=_skus(back), on=business_date(self.day), listed=True)
        dearer = self._pick(np.arange(products.count), self._some(2))
        products.unit_cost[dearer] = products.unit_cost[dearer] * 103 // 100 + 1
        respelt = self._pick(np.arange(products.count), self._some(0.5))
        products.supplier_spelling[respelt] = self._spellings(products.category[respelt])

    def _change_stores(self) -> None:
        """About once a month a store is renamed."""
        if self.day % 30 == 12:
            store = self.day // 30 % self.stores.count
            old = self.stores.name[store]
            new = old[:-8] if old.endswith(" Central") else old + " Central"
            at = self._times(1, 9, 17)
            self.stores.name[store], self.stores.updated_at[store] = new, at[0]
            self._note_change("store", np.array([store]), at, "name", np.array([old]), np.array([new]))
            self._changed["stores"].append(np.array([store]))

    def catalogue(self) -> str:
        """The supplier's file of today, as text."""
        products, rng = self.products, np.random.default_rng((self.seed, self.day, 1))
        which = np.flatnonzero(products.listed)
        cost = _amounts(products.unit_cost[which])
        cost[rng.random(len(which)) < 0.004] = ""
        category = np.array((*SPELLINGS, ""), object)[products.supplier_spelling[which]]  # -1 takes the last: blank
        fields = (
            products.name[which], np.array(w.BRANDS, object)[products.brand[which]], category, cost,
            products.pack_size[which].astype(str).astype(object),
        )  # fmt: skip
        lines = _skus(which)
        for values in fields:
            lines = lines + "|" + values
        if rng.random() < 0.5:
            again = int(rng.integers(0, len(lines)))
            lines = np.insert(lines, int(rng.integers(again, len(lines))) + 1, lines[again])
        return "\n".join(("sku|product_name|brand|category|unit_cost|pack_size", *lines, ""))

    # -- orders and payments --------------------------------------------------------------------------------

    def _place_orders(self) -> None:
        """Today's orders with their lines, payments and futures."""
        rng = self._rng
        busy = WEEKDAYS[business_date(self.day).weekday()] * (1 + 0.001 * self.day)
        count = max(4, int(rng.poisson(ORDERS_A_DAY * self.scale * busy)))
        channel = (rng.random(count) < 0.42).astype("i1")
        hours = np.where(channel == ONLINE, rng.normal(19.5, 4.5, count) % 24, rng.triangular(9, 13.5, 19, count))
        ordered_at = np.sort(self._instants(hours))
        # Sorted times no longer match the channels drawn: whoever orders outside trading hours is online.
        local = (ordered_at - self._end) / HOUR + 24
        channel = np.where((local < 9) | (local > 19), ONLINE, channel)
        late = self._late_orders(ordered_at)
        first = self.orders.count
        customer = self._order_customers(ordered_at, late)
        items = 1 + np.minimum(rng.poisson(1.5, count), 8)
        future = self._futures(ordered_at, channel, late)
        orders = self.orders.add(
            count, day=self.day, customer=customer, store=rng.choice(len(w.STORES), count, p=_STORE_SHARE),
            channel=channel, status=PLACED, ordered_at=ordered_at, updated_at=ordered_at, items=items,
            first_item=self.items.count + np.cumsum(items) - items, payment=-1, alive=~late, late=late,
            **future,
        )  # fmt: skip
        self._add_items(orders)
        self._pay(orders)
        on_time = orders[~late]
        self._changed["orders"].append(on_time)
        self._changed["order_items"].append(spread(self.orders.first_item[on_time], items[~late]))
        tomorrow = self._late.get(self.day + 1, (np.empty(0, int), None))
        self._late[self.day + 1] = (tomorrow[0], first + np.flatnonzero(late))

    def _late_orders(self, ordered_at: np.ndarray) -> np.ndarray:
        """Which of today's orders only reach the database tomorrow; by then not older than LATEST_COMMIT."""
        late = np.zeros(len(ordered_at), bool)
        candidates = np.flatnonzero(ordered_at >= clock_at(self.day + 1) - LATEST_COMMIT)
        late[self._pick(candidates, self._some(2 * self.scale) + 1)] = True
        return late

    def _order_customers(self, ordered_at: np.ndarray, late: np.ndarray) -> np.ndarray:
        """Who orders. New customers sign up minutes before; a few rows arrive a day after their order."""
        rng, known = self._rng, np.flatnonzero(self.customers.alive)
        customer = known[(len(known) * rng.random(len(ordered_at)) ** 1.4).astype(int)]
        order = self._pick(np.flatnonzero(~late), self._some(NEW_CUSTOMERS_A_DAY * self.scale))
        afternoon = ordered_at >= clock_at(self.day + 1) - LATEST_COMMIT + 30 * MINUTE
        order = np.union1d(order, self._pick(np.flatnonzero(afternoon & ~late), self._some(0, every=3)))
        tardy = afternoon[order] & (rng.random(len(order)) < 0.02)
        if self.day % 3 == 0:
            tardy[np.flatnonzero(afternoon[order])[-1:]] = True
        signed_up = ordered_at[order] - rng.integers(2 * MINUTE, 20 * MINUTE, len(order))
        new = self._new_customers(np.maximum(signed_up, self._start), tardy)
        customer[order] = new
        self._changed["customers"].append(new[~tardy])
        self._late[self.day + 1] = (new[tardy], np.empty(0, int))
        return customer

    def _futures(self, ordered_at: np.ndarray, channel: np.ndarray, late: np.ndarray) -> dict[str, np.ndarray]:
        """When orders will be completed, cancelled, refunded (or NEVER) and on which day deleted (or 0)."""
        rng, count = self._rng, len(ordered_at)
        in_store = (channel == STORE) & (rng.random(count) < 0.8)
        delay = np.where(in_store, rng.integers(5 * MINUTE, HOUR, count), rng.integers(6 * HOUR, 44 * HOUR, count))
        # What happens to a late order happens once it is in the database, or it would not look late.
        base = ordered_at + np.where(late, 48 * HOUR, 0)
        fate = rng.random(count)
        fate[rng.integers(0, count)] = 0.01  # every day has one that will be cancelled,
        fate[rng.integers(0, count)] = 0.05  # and one that comes back in part
        cancelled, partial, full = (
            fate < 0.03,
            (fate >= 0.03) & (fate < 0.055),
            (fate >= 0.055) & (fate < 0.07),
        )
        cancel_at = base + rng.integers(HOUR, 10 * DAY, count)
        return_at = base + delay + rng.integers(HOUR, 20 * DAY, count)
        refund_at = np.where(cancelled, cancel_at + rng.integers(MINUTE, 20 * HOUR, count), return_at)
        refund_at = np.where(cancelled | partial | full, refund_at, NEVER)
        delete_day = np.zeros(count, int)
        chosen = self._pick(np.arange(count), int(rng.binomial(count, 0.003)) + (self.day % 2))
        settled = np.where(refund_at == NEVER, 0, (refund_at - clock_at(0)) // DAY + 2)
        wanted = self.day + 1 + np.minimum(rng.exponential(4, count), 20).astype(int)
        delete_day[chosen] = np.maximum(wanted, settled)[chosen]
        return {
            "complete_at": base + delay,
            "cancel_at": np.where(cancelled, cancel_at, NEVER),
            "refund_at": refund_at,
            "refund_kind": np.select([cancelled | full, partial], [FULL, PARTIAL], NO_REFUND),
            "delete_day": delete_day,
        }

    def _add_items(self, orders: np.ndarray) -> None:
        rng = self._rng
        counts = self.orders.items[orders]
        order, total = np.repeat(orders, counts), int(counts.sum())
        chances = np.cumsum(self.products.popularity[: len(self._price_at)])
        product = np.searchsorted(chances, rng.random(total) * chances[-1])
        bulk = self.customers.segment[self.orders.customer[order]] == w.SEGMENTS.index("wholesale")
        quantity = np.minimum(rng.geometric(0.7, total), 6) * np.where(bulk, 5, 1)
        outlier = rng.random(total) < 0.0001
        if self.day % 7 == 3:
            outlier[rng.integers(0, total)] = True
        quantity[outlier] = rng.integers(250, 1000, int(outlier.sum()))
        changed = self.orders.ordered_at[order] >= self._price_at[product]
        price = np.where(changed, self.products.price[product], self._price_before[product])
        percent = np.where(rng.random(total) < 0.3, rng.choice((5, 10, 15, 20, 25, 30), total), 0)
        discount = (quantity * price * percent + 50) // 100
        known = rng.random(total) >= 0.002
        if self.day % 2 == 0:
            known[rng.integers(0, total)] = False
        items = self.items.add(
            total, order=order, line=np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + 1,
            product=product, quantity=quantity, price=price, known=known, discount=discount,
            amount=quantity * price - discount,
        )  # fmt: skip
        self._journals["large_quantities"].note(order_item_id=items[outlier] + 1, quantity=quantity[outlier])

    def _pay(self, orders: np.ndarray) -> None:
        """One captured payment an order; some fail first, a few fail for good and are cancelled unpaid."""
        rng, columns, count = self._rng, self.orders, len(orders)
        amount = np.add.reduceat(self.items.amount, columns.first_item[orders])[:count]
        chance = rng.random(count)
        unpaid = (chance < 0.003) & (columns.refund_kind[orders] == NO_REFUND) & ~columns.late[orders]
        failed = chance < 0.02
        paid_at = columns.ordered_at[orders] + rng.integers(5 * SECOND, 3 * MINUTE, count)
        tries = np.concatenate([orders[failed], orders[~unpaid]])
        at = np.concatenate([paid_at[failed] - 3 * SECOND, paid_at[~unpaid]])
        status = np.repeat((FAILED, CAPTURED), (failed.sum(), (~unpaid).sum()))
        at = np.minimum(at, self._end - SECOND) // 1000 * 1000  # the API speaks in milliseconds
        in_time = np.lexsort((status == CAPTURED, at))
        tries, status = tries[in_time], status[in_time]
        payments = self.payments.add(
            len(tries), order=tries, amount=amount[tries - orders[0]], status=status, created_at=at[in_time],
            brand=rng.choice(3, len(tries), p=(0.55, 0.35, 0.1)), last4=rng.integers(0, 10000, len(tries)),
            day=self.day, visible=~columns.late[tries],
        )  # fmt: skip
        captured = status == CAPTURED
        columns.payment[tries[captured]] = payments[captured]
        columns.cancel_at[orders[unpaid]] = columns.ordered_at[orders[unpaid]] + HOUR
        self._changed["payments"].append(payments[self.payments.visible[payments]])

    def _advance_orders(self) -> None:
        """Orders whose time has come are completed or cancelled."""
        orders = self.orders
        open_ = orders.alive & (orders.status != CANCELLED)
        done = np.flatnonzero(open_ & (orders.status == PLACED) & (orders.complete_at < self._end))
        orders.status[done], orders.updated_at[done] = COMPLETED, orders.complete_at[done]
        stopped = np.flatnonzero(open_ & (orders.cancel_at < self._end))
        orders.status[stopped], orders.updated_at[stopped] = CANCELLED, orders.cancel_at[stopped]
        self._changed["orders"] += [done, stopped]

    def _delete_orders(self) -> np.ndarray:
        """Orders that vanish from the shop today, lines and all. Their payments stay where they are."""
        orders = self.orders
        gone = np.flatnonzero(orders.alive & (orders.delete_day == self.day))
        orders.alive[gone] = False
        self._journals["deleted_orders"].note(order_id=gone + 1, day=self.day, ordered_at=orders.ordered_at[gone], items=orders.items[gone])
        return gone

    def _refund(self) -> None:
        """Refunds that are due are made, in full or for one line; pending ones succeed a day or two later."""
        orders, refunds, rng = self.orders, self.refunds, self._rng
        settled = np.flatnonzero((refunds.status == PENDING) & (refunds.settle_at < self._end))
        refunds.status[settled], refunds.updated_at[settled] = SUCCEEDED, refunds.settle_at[settled]
        due = np.flatnonzero(orders.alive & (orders.refund_at >= self._start) & (orders.refund_at < self._end))
        due = due[np.argsort(orders.refund_at[due], kind="stable")]
        full = orders.refund_kind[due] == FULL
        chosen = orders.first_item[due] + rng.integers(0, orders.items[due])
        item = spread(np.where(full, orders.first_item[due], chosen), lines := np.where(full, orders.items[due], 1))
        part = np.repeat(np.where(full, 100, rng.choice((50, 100), len(due))), lines)
        lines_added = self.refund_lines.add(len(item), item=item, amount=(self.items.amount[item] * part + 50) // 100)
        first_line = (lines_added[0] if len(item) else 0) + np.cumsum(lines) - lines
        totals = np.concatenate([[0], np.cumsum(self.refund_lines.amount[lines_added])])
        ends = np.cumsum(lines)
        at = orders.refund_at[due] // 1000 * 1000
        pending = rng.random(len(due)) < 0.3
        if self.day % 2 == 0:
            pending[:1] = True
        cancelled = orders.status[due] == CANCELLED
        made = refunds.add(
            len(due), payment=orders.payment[due], order=due, amount=totals[ends] - totals[ends - lines],
            reason=np.where(cancelled, 0, rng.integers(1, len(w.REFUND_REASONS), len(due))),
            status=np.where(pending, PENDING, SUCCEEDED), created_at=at, updated_at=at, day=self.day,
            settle_at=np.where(pending, at + rng.integers(24 * 3600, 48 * 3600, len(due)) * SECOND, at),
            first_line=first_line, lines=lines,
        )  # fmt: skip
        self._changed["refunds"] += [settled, made]

    # -- what the systems hold ------------------------------------------------------------------------------

    def present(self, table: str) -> np.ndarray:
        """Positions of the rows that a table of the shop or the payments API holds now."""
        if table in ("customers", "orders"):
            return np.flatnonzero(getattr(self, table).alive)
        if table == "order_items":
            return np.flatnonzero(self.orders.alive[self.items.order])
        if table == "payments":
            return np.flatnonzero(self.payments.visible)
        return np.arange(getattr(self, table).count)

    def rows(self, table: str, which: np.ndarray | None = None) -> pa.Table:
        """Rows at the positions `which` (default: all present) as the source holds them now.

        For payments and refunds the columns are id, updated_at (milliseconds) and record, the JSON text.
        """
        which = self.present(table) if which is None else which
        return pa.table(getattr(self, f"_{table}_rows")(which))

    def _customers_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        c = self.customers
        return {
            "id": pa.array(which + 1),
            "full_name": pa.array(c.full_name[which], pa.string()),
            "email": pa.array(c.email[which], pa.string()),
            "phone": pa.array(c.phone[which], pa.string()),
            "city": words(w.CITIES, c.city[which]),
            "segment": words(w.SEGMENTS, c.segment[which]),
            "password_hash": pa.array(c.password[which], pa.string()),
            "created_at": pa.array(c.created_at[which], INSTANT),
            "updated_at": pa.array(c.updated_at[which], INSTANT),
        }

    def _products_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        p = self.products
        return {
            "id": pa.array(which + 1),
            "sku": pa.array(_skus(which), pa.string()),
            "name": pa.array(p.name[which], pa.string()),
            "category": words(SPELLINGS, p.spelling[which]),
            "price": money(p.price[which]),
            "created_at": pa.array(p.created_at[which], INSTANT),
            "updated_at": pa.array(p.updated_at[which], INSTANT),
        }

    def _stores_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        s = self.stores
        return {
            "id": pa.array(which + 1),
            "name": pa.array(s.name[which], pa.string()),
            "city": words(tuple(city for city, _ in w.STORES), which),
            "region": words(tuple(region for _, region in w.STORES), which),
            "opened_on": pa.array(s.opened_on[which], pa.date32()),
            "created_at": pa.array(s.opened_on[which].astype("i8") * DAY, INSTANT),
            "updated_at": pa.array(s.updated_at[which], INSTANT),
        }

    def _orders_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        o = self.orders
        return {
            "id": pa.array(which + 1),
            "customer_id": pa.array(o.customer[which] + 1),
            "store_id": pa.array(o.store[which].astype("i8") + 1),
            "channel": words(w.CHANNELS, o.channel[which]),
            "status": words(w.ORDER_STATUSES, o.status[which]),
            "ordered_at": pa.array(o.ordered_at[which], INSTANT),
            "updated_at": pa.array(o.updated_at[which], INSTANT),
        }

    def _order_items_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        i = self.items
        return {
            "id": pa.array(which + 1),
            "order_id": pa.array(i.order[which] + 1),
            "line_number": pa.array(i.line[which]),
            "product_id": pa.array(i.product[which].astype("i8") + 1),
            "quantity": pa.array(i.quantity[which]),
            "unit_price": money(i.price[which], ~i.known[which]),
            "discount_amount": money(i.discount[which]),
            "updated_at": pa.array(self.orders.ordered_at[i.order[which]], INSTANT),
        }

    def _payments_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        p = self.payments
        id_, at = _record_ids("pay_", which), _iso(p.created_at[which])
        record = _join(
            '{"id":"', id_, '","object":"payment","order":{"id":', _digits(p.order[which] + 1),
            ',"channel":"', words(w.CHANNELS, self.orders.channel[p.order[which]]), '"},"amount":{"value":"',
            pc.cast(money(p.amount[which]), pa.string()),
            '","currency":"NZD"},"method":{"type":"card","card":{"brand":"',
            words(w.CARD_BRANDS, p.brand[which]), '","last4":"', _digits(p.last4[which], 4), '"}},"status":"',
            words(w.PAYMENT_STATUSES, p.status[which]), '","created_at":"', at, '","updated_at":"', at, '"}',
        )  # fmt: skip
        return {"id": id_, "updated_at": pa.array(p.created_at[which] // 1000), "record": record}

    def _refunds_rows(self, which: np.ndarray) -> dict[str, pa.Array]:
        r, counts = self.refunds, self.refunds.lines[which]
        id_, line = _record_ids("ref_", which), spread(r.first_line[which], counts)
        each = _join('{"order_item_id":', _digits(self.refund_lines.item[line] + 1), ',"amount":"',
                     pc.cast(money(self.refund_lines.amount[line]), pa.string()), '"}')  # fmt: skip
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype("i4")
        lines = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), each), ",")
        record = _join(
            '{"id":"', id_, '","object":"refund","payment":{"id":"', _record_ids("pay_", r.payment[which]),
            '"},"order":{"id":', _digits(r.order[which] + 1), '},"amount":{"value":"',
            pc.cast(money(r.amount[which]), pa.string()), '","currency":"NZD"},"reason":"',
            words(w.REFUND_REASONS, r.reason[which]), '","lines":[', lines, '],"status":"',
            words(w.REFUND_STATUSES, r.status[which]), '","created_at":"', _iso(r.created_at[which]),
            '","updated_at":"', _iso(r.updated_at[which]), '"}',
        )  # fmt: skip
        return {"id": id_, "updated_at": pa.array(r.updated_at[which] // 1000), "record": record}

    # -- what really happened -------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """What the company says it sold, was paid and gave back, and every oddity that was planted."""
        o, i, p, r = self.orders, self.items, self.payments, self.refunds
        items = np.flatnonzero((o.alive & (o.status != CANCELLED))[i.order])
        order = i.order[items]
        lines = pa.table({
            "business_date": _dates(o.day[order]), "store_id": o.store[order].astype("i8") + 1,
            "channel": words(w.CHANNELS, o.channel[order]),
            "cents": np.where(i.known[items], i.amount[items], 0),
            "quantity": i.quantity[items].astype("i8"), "first": (i.line[items] == 1).astype("i8"),
            "priceless": (~i.known[items]).astype("i8"),
        })  # fmt: skip
        keys = ["business_date", "store_id", "channel"]
        sums = lines.group_by(keys).aggregate(
            [
                ("cents", "sum"),
                ("first", "sum"),
                ("quantity", "sum"),
                ("cents", "count"),
                ("priceless", "sum"),
            ]
        )
        sales = pa.table({
            **{key: sums[key] for key in keys}, "net_amount": money(sums["cents_sum"].to_numpy()),
            "orders": sums["first_sum"], "units": sums["quantity_sum"], "lines": sums["cents_count"],
            "lines_without_price": sums["priceless_sum"],
        }).sort_by([(key, "ascending") for key in keys])  # fmt: skip
        captured = p.visible & (p.status == CAPTURED)
        succeeded = r.status == SUCCEEDED
        return Truth(
            self.day,
            sales,
            _per_date("payments", p.day[captured], p.amount[captured]),
            _per_date("refunds", r.day[succeeded], r.amount[succeeded]),
            self._planted(),
        )

    def _planted(self) -> dict[str, pa.Table]:
        c, o, i = self.customers, self.orders, self.items
        planted = {name: journal.table() for name, journal in self._journals.items()}
        late = np.flatnonzero(o.late & (o.day < self.day))
        planted["late_orders"] = pa.table({
            "order_id": late + 1, "ordered_at": pa.array(o.ordered_at[late], INSTANT),
            "appeared_on_day": o.day[late] + 1,
        })  # fmt: skip
        tardy = np.flatnonzero(c.late & (c.created_at < clock_at(self.day - 1)))
        first = np.sort(np.flatnonzero(np.isin(o.customer, tardy)))
        _, position = np.unique(o.customer[first], return_index=True)
        planted["late_customers"] = pa.table({
            "customer_id": tardy + 1, "created_at": pa.array(c.created_at[tardy], INSTANT),
            "first_order_id": first[position] + 1, "appeared_on_day": o.day[first[position]] + 1,
        })  # fmt: skip
        priceless = np.flatnonzero(~i.known & o.alive[i.order])
        planted["lines_without_price"] = pa.table({
            "order_item_id": priceless + 1, "order_id": i.order[priceless] + 1,
            "amount": money(i.amount[priceless]),
        })  # fmt: skip
        return planted


def _journals() -> dict[str, Journal]:
    change = {"day": pa.int32(), "changed_at": INSTANT, "field": pa.string(), "old": pa.string(),
              "new": pa.string(), "seen": pa.bool_()}  # fmt: skip
    return {
        # seen is false where the row changed again before the day was over: no reader can know of it
        "customer_changes": Journal(customer_id=pa.int64(), **change),
        "password_changes": Journal(customer_id=pa.int64(), day=pa.int32(), changed_at=INSTANT),
        "product_changes": Journal(product_id=pa.int64(), **change),
        "store_changes": Journal(store_id=pa.int64(), **change),
        "deleted_customers": Journal(customer_id=pa.int64(), day=pa.int32()),
        "returned_customers": Journal(customer_id=pa.int64(), day=pa.int32()),
        "deleted_orders": Journal(order_id=pa.int64(), day=pa.int32(), ordered_at=INSTANT, items=pa.int32()),
        "catalogue": Journal(sku=pa.string(), on=pa.date32(), listed=pa.bool_()),
        "price_typos": Journal(product_id=pa.int64(), day=pa.int32(), price=MONEY),
        "large_quantities": Journal(order_item_id=pa.int64(), quantity=pa.int32()),
    }


def _per_date(name: str, day: np.ndarray, cents: np.ndarray) -> pa.Table:
    days, group = np.unique(day, return_inverse=True)
    total = np.zeros(len(days), np.int64)
    np.add.at(total, group, cents)
    return pa.table({"date": _dates(days), name: np.bincount(group, minlength=len(days)), "amount": money(total)})


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array((FIRST_DATE - date(1970, 1, 1)).days - 1 + days.astype("i4"), pa.int32()).cast(pa.date32())


def _text(choices: tuple[str, ...], codes: np.ndarray) -> np.ndarray:
    return np.array((*choices, None), object)[codes]  # -1 takes the last: None


def _amounts(cents: np.ndarray) -> np.ndarray:
    return np.asarray(pc.cast(money(np.ascontiguousarray(cents)), pa.string()).to_numpy(zero_copy_only=False), object)


def _skus(which: np.ndarray) -> np.ndarray:
    return np.asarray(_join("MM-", _digits(which + 1, 5)).to_numpy(zero_copy_only=False), object)


def _record_ids(prefix: str, which: np.ndarray) -> pa.Array:
    return _join(prefix, _digits(which + 1, 9))


def _digits(numbers: np.ndarray, width: int = 0) -> pa.Array:
    text = pc.cast(pa.array(numbers), pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def _iso(instants: np.ndarray) -> pa.Array:
    return pc.strftime(pa.array(instants // 1000, pa.timestamp("ms", tz="UTC")), "%Y-%m-%dT%H:%M:%SZ")


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in plain if c.isalpha()) or "moa"


_FIRST, _LAST = np.array(w.FIRST_NAMES, object), np.array(w.LAST_NAMES, object)
_FIRST_ASCII = np.array([_ascii(name) for name in w.FIRST_NAMES], object)
_LAST_ASCII = np.array([_ascii(name) for name in w.LAST_NAMES], object)
_ADJECTIVES = np.array(w.PRODUCT_ADJECTIVES, object)
_NOUNS = np.array([w.PRODUCT_NOUNS[category] for category in CATEGORIES], object)
_STORE_SHARE = np.arange(len(w.STORES), 0, -1) / np.arange(1, len(w.STORES) + 1).sum()
