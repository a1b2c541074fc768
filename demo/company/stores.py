"""The shop's stores, which are renamed now and then."""

from datetime import date

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import TIMESTAMP, words
from demo.company.clock import DAY
from demo.company.columns import Array
from demo.company.day import Day
from demo.company.journal import ChangeJournal
from demo.company.table import Table


class Stores(Table):
    """The stores, opened one after another from 2015 on."""

    def __init__(self) -> None:
        super().__init__(name=object, opened_on="i4", updated_at="i8")
        opened = (date(2015, 3, 1) - date(1970, 1, 1)).days + 97 * np.arange(len(w.STORES))
        names = np.array([f"Moa Market {city}" for city, _ in w.STORES], object)
        self.add(len(names), name=names, opened_on=opened, updated_at=opened * DAY)
        self.changed = ChangeJournal("store_id")

    def change(self, day: Day) -> None:
        """About once a month a store is renamed."""
        if day.every(30, offset=12):
            store = day.number // 30 % self.count
            old = self.name[store]
            new = old[:-8] if old.endswith(" Central") else old + " Central"
            at = day.times(1, 9, 17)
            self.name[store], self.updated_at[store] = new, at[0]
            self.changed.note_change(day.number, np.array([store]), at, "name", np.array([old]), np.array([new]))
            day.change("stores", np.array([store]))

    def rows(self, which: Array) -> dict[str, pa.Array]:
        return {
            "id": pa.array(which + 1),
            "name": pa.array(self.name[which], pa.string()),
            "city": words(tuple(city for city, _ in w.STORES), which),
            "region": words(tuple(region for _, region in w.STORES), which),
            "opened_on": pa.array(self.opened_on[which], pa.date32()),
            "created_at": pa.array(self.opened_on[which].astype("i8") * DAY, TIMESTAMP),
            "updated_at": pa.array(self.updated_at[which], TIMESTAMP),
        }
