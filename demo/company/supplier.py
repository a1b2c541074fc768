"""The supplier's catalogue: products vanish from it and return, costs rise, spellings change; a full file a day."""

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import amount_texts
from demo.company.clock import business_date
from demo.company.columns import Array, Columns, strings
from demo.company.day import Day
from demo.company.journal import Journal
from demo.company.products import Products, skus, spellings
from demo.company.returns import Returns

HEADER = "sku|product_name|brand|category|unit_cost|pack_size"


class Supplier(Columns):
    """What the supplier knows of each product of the shop."""

    def __init__(self, products: Products):
        super().__init__(brand="i1", spelling="i1", unit_cost="i8", pack_size="i4", listed="?")
        self._products = products
        self._returns = Returns()
        self.journal = Journal(sku=pa.string(), on=pa.date32(), listed=pa.bool_())

    def offer(self, day: Day, new: Array) -> None:
        """Products that are new in the shop are in the catalogue from today."""
        rng, count, products = day.rng, len(new), self._products
        self.add(
            count, spelling=spellings(day, products.category[new]), brand=rng.integers(0, len(w.BRANDS), count),
            unit_cost=products.price[new] * 6 // 10, pack_size=rng.choice((1, 1, 1, 6, 12, 24), count), listed=True,
        )  # fmt: skip

    def change(self, day: Day) -> None:
        """The supplier drops products, takes some back, changes costs and spellings."""
        back = self._returns.today(day)
        self.listed[back] = True
        gone = day.pick(np.flatnonzero(self.listed), day.some(0.3, every=4))
        self.listed[gone] = False
        self._returns.plan(day, gone, 0.4, is_sure=day.every(8, offset=4))
        self.journal.note(sku=skus(gone), on=business_date(day.number), listed=False)
        self.journal.note(sku=skus(back), on=business_date(day.number), listed=True)
        dearer = day.pick(np.arange(self.count), day.some(2))
        self.unit_cost[dearer] = self.unit_cost[dearer] * 103 // 100 + 1
        respelt = day.pick(np.arange(self.count), day.some(0.5))
        self.spelling[respelt] = spellings(day, self._products.category[respelt])

    def catalogue(self, seed: int, day: int) -> str:
        """The file of a day, as text: some costs are blank, and on every other day a line is there twice."""
        rng = np.random.default_rng((seed, day, 1))  # chances of its own: reading it changes no day that follows
        which = np.flatnonzero(self.listed)
        cost = amount_texts(self.unit_cost[which])
        cost[rng.random(len(which)) < 0.004] = ""
        category = np.array((*w.SPELLINGS, ""), object)[self.spelling[which]]  # -1 takes the last: blank
        brand = np.array(w.BRANDS, object)[self.brand[which]]
        lines = skus(which)
        for values in (self._products.name[which], brand, category, cost, strings(self.pack_size[which])):
            lines = lines + "|" + values
        if rng.random() < 0.5:
            again = int(rng.integers(0, len(lines)))
            lines = np.insert(lines, int(rng.integers(again, len(lines))) + 1, lines[again])
        return "\n".join((HEADER, *lines, ""))
