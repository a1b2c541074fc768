"""The shop's products: new ones, prices that move, prices that are mistyped, categories that are spelt in a new way."""

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import MONEY, TIMESTAMP, amount_texts, digits, join, money, objects, words
from demo.company.clock import NEVER
from demo.company.columns import Array, strings
from demo.company.day import Day
from demo.company.journal import ChangeJournal, Journal, texts
from demo.company.table import Table

PRODUCTS = 580


class Products(Table):
    """Products; `category` is the true one, `spelling` the one that the shop has written down."""

    def __init__(self) -> None:
        super().__init__(
            name=object, category="i1", spelling="i1", price="i8", popularity="f8", created_at="i8", updated_at="i8",
        )  # fmt: skip
        self._typos: dict[int, int] = {}  # product -> price before the typing error, to be corrected the next morning
        self.changed = ChangeJournal("product_id")
        self.typos = Journal(product_id=pa.int64(), day=pa.int32(), price=MONEY)

    def open(self, day: Day) -> Array:
        """The products of the years before; returns their positions."""
        return self._introduce(day, day.before(PRODUCTS))

    def change(self, day: Day) -> Array:
        """Prices move, categories are spelt in a new way, and now and then a product is new; returns the new ones."""
        self._price_before = self.price.copy()
        self._price_at = np.full(self.count, NEVER)
        self._change_prices(day)
        respelt = day.pick(np.flatnonzero(self._price_at == NEVER), day.some(0.2, every=6))
        old = self.spelling[respelt].copy()
        self.spelling[respelt] = spellings(day, self.category[respelt])
        self.updated_at[respelt] = at = day.times(len(respelt))
        self.changed.note_change(day.number, respelt, at, "category", texts(w.SPELLINGS, old), texts(w.SPELLINGS, self.spelling[respelt]))
        new = self._introduce(day, day.times(1, 6, 8)) if day.every(5) else np.empty(0, int)
        day.change("products", np.flatnonzero(self._price_at != NEVER), respelt, new)
        return new

    def sell(self, day: Day, count: int) -> Array:
        """Which product each of `count` order lines is about; those of today come into the shop tomorrow."""
        chances = np.cumsum(self.popularity[: len(self._price_at)])
        chosen: Array = np.searchsorted(chances, day.rng.random(count) * chances[-1])
        return chosen

    def price_at(self, product: Array, at: Array) -> Array:
        """The prices of products at points in time of today."""
        return np.where(at >= self._price_at[product], self.price[product], self._price_before[product])

    def _change_prices(self, day: Day) -> None:
        """Prices move; now and then one is typed a hundredfold and corrected the next morning."""
        corrected = np.array(list(self._typos), int)
        self._set_price(day, corrected, np.array(list(self._typos.values()), np.int64), day.times(len(corrected), 8, 9))
        self._typos.clear()
        free = np.setdiff1d(np.arange(self.count), corrected)
        moved = day.pick(free, day.some(3) + 1)
        price = np.maximum(100, self.price[moved] * day.rng.uniform(0.85, 1.2, len(moved)) // 10 * 10).astype("i8")
        self._set_price(day, moved, price + day.rng.choice((0, 5, 9), len(moved)), day.times(len(moved)))
        if day.every(17, offset=9):
            typo = day.pick(np.setdiff1d(free, moved)[:50], 1)
            self._typos[int(typo[0])] = int(self.price[typo[0]])
            self._set_price(day, typo, self.price[typo] * 100, day.times(1, 9, 10))
            self.typos.note(product_id=typo + 1, day=day.number, price=self.price[typo])

    def _set_price(self, day: Day, which: Array, price: Array, at: Array) -> None:
        old = self.price[which].copy()
        self.price[which], self.updated_at[which], self._price_at[which] = price, at, at
        self.changed.note_change(day.number, which, at, "price", amount_texts(old), amount_texts(price))

    def _introduce(self, day: Day, created_at: Array) -> Array:
        rng, count = day.rng, len(created_at)
        number = np.arange(self.count, self.count + count)
        category = number % len(w.CATEGORIES)
        noun, adjective = rng.integers(0, 5, count), rng.integers(0, len(w.PRODUCT_ADJECTIVES), count)
        price = (np.exp(rng.normal(3.4, 0.9, count)) * 100).astype(np.int64) // 10 * 10 + rng.choice((0, 5, 9), count)
        return self.add(
            count, category=category, price=np.clip(price, 150, 99_990), popularity=1 / (rng.integers(0, 600, count) + 20),
            name=_ADJECTIVES[adjective] + " " + _NOUNS[category, noun] + " No. " + strings(number + 1),
            spelling=spellings(day, category), created_at=created_at, updated_at=created_at,
        )  # fmt: skip

    def rows(self, which: Array) -> dict[str, pa.Array]:
        return {
            "id": pa.array(which + 1),
            "sku": pa.array(skus(which), pa.string()),
            "name": pa.array(self.name[which], pa.string()),
            "category": words(w.SPELLINGS, self.spelling[which]),
            "price": money(self.price[which]),
            "created_at": pa.array(self.created_at[which], TIMESTAMP),
            "updated_at": pa.array(self.updated_at[which], TIMESTAMP),
        }


def spellings(day: Day, category: Array) -> Array:
    """Positions in SPELLINGS of some spelling of each category; -1 where it is left out."""
    way = day.rng.choice(5, len(category), p=(0.6, 0.1, 0.1, 0.1, 0.1))
    return np.where(day.rng.random(len(category)) < 0.02, -1, category * 5 + way)


def skus(which: Array) -> Array:
    """The article numbers by which the shop and the supplier know the products at these positions."""
    return objects(join("MM-", digits(which + 1, 5)))


_ADJECTIVES = np.array(w.PRODUCT_ADJECTIVES, object)
_NOUNS = np.array([w.PRODUCT_NOUNS[category] for category in w.CATEGORIES], object)
