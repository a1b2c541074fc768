"""The shop's customers: they sign up, move, change their e-mail or password, leave, and some come back."""

import unicodedata

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import TIMESTAMP, words
from demo.company.clock import HOUR, MINUTE
from demo.company.columns import Array, strings
from demo.company.day import Day
from demo.company.journal import ChangeJournal, Journal, texts
from demo.company.returns import Returns
from demo.company.table import Table

CUSTOMERS, NEW_CUSTOMERS_A_DAY = 4000, 11  # at scale 1
ATTRIBUTES = (("city", w.CITIES), ("segment", w.SEGMENTS))  # what changes, by its code; then:
EMAIL, PASSWORD = 2, 3


class Customers(Table):
    """Customers; `alive` ones are in the database, `late` ones came into it a day after they signed up."""

    def __init__(self, scale: float):
        super().__init__(
            full_name=object, email=object, phone=object, city="i2", segment="i1", password=object,
            created_at="i8", updated_at="i8", alive="?", late="?",
        )  # fmt: skip
        self._scale = scale
        self._tomorrow = np.empty(0, int)  # whose rows appear tomorrow
        self._returns = Returns()
        self.changed = ChangeJournal("customer_id")
        self.changed_passwords = Journal(customer_id=pa.int64(), day=pa.int32(), changed_at=TIMESTAMP)
        self.deleted = Journal(customer_id=pa.int64(), day=pa.int32())
        self.returned = Journal(customer_id=pa.int64(), day=pa.int32())

    def open(self, day: Day) -> None:
        """The customers of the years before."""
        self._sign_up(day, day.before(max(20, round(CUSTOMERS * self._scale))), np.False_)

    def leave(self, day: Day) -> None:
        """Their row goes, their orders stay. Some come back with the same id."""
        gone = day.pick(np.flatnonzero(self.alive), day.some(0.3 * self._scale, every=5))
        self.alive[gone] = False
        self._returns.plan(day, gone, 0.5, is_sure=day.every(10, offset=5))
        day.delete("customers", gone)
        self.deleted.note(customer_id=gone + 1, day=day.number)

    def appear(self, day: Day) -> None:
        """Rows that were committed late, and customers who return, come into the database."""
        self.alive[self._tomorrow] = True
        back = self._returns.today(day)
        self.alive[back] = True
        self.updated_at[back] = day.times(len(back))
        day.change("customers", self._tomorrow, back)
        self.returned.note(customer_id=back + 1, day=day.number)

    def change(self, day: Day) -> None:
        """Some move, change segment, e-mail or password; a few twice, and only the last is ever seen."""
        count = day.some(16 * self._scale) + 2
        who = day.pick(np.flatnonzero(self.alive & (self.updated_at < day.start)), count)
        what = day.rng.choice(4, len(who), p=(0.5, 0.2, 0.2, 0.1))
        twice = day.rng.random(len(who)) < 0.1
        if day.every(2):
            twice[:1] = True
        at = day.times(len(who), 7, 20)
        self._change_once(day, who, what, at, ~twice)
        later = at[twice] + day.rng.integers(5 * MINUTE, 2 * HOUR, int(twice.sum()))
        self._change_once(day, who[twice], what[twice], later, np.ones(len(later), bool))
        day.change("customers", who)

    def _change_once(self, day: Day, who: Array, what: Array, at: Array, seen: Array) -> None:
        self.updated_at[who] = at
        for code, (name, choices) in enumerate(ATTRIBUTES):
            chosen = what == code
            column, ids = getattr(self, name), who[chosen]
            old = column[ids].copy()
            column[ids] = (old + day.rng.integers(1, len(choices), len(ids))) % len(choices)
            self.changed.note_change(day.number, ids, at[chosen], name, texts(choices, old), texts(choices, column[ids]), seen[chosen])
        chosen = what == EMAIL
        ids, old = who[chosen], self.email[who[chosen]]
        spin = strings(day.rng.integers(100, 1000, len(ids)))
        self.email[ids] = "me" + spin + "." + strings(ids + 1) + f".{day.number}@example.org"
        self.changed.note_change(day.number, ids, at[chosen], "email", old, self.email[ids], seen[chosen])
        # A new password moves updated_at and nothing that the warehouse may see.
        ids = who[what == PASSWORD]
        self.password[ids] = _hashes(day, len(ids))
        self.changed_passwords.note(customer_id=ids + 1, day=day.number, changed_at=at[what == PASSWORD])

    def place_orders(self, day: Day, ordered_at: Array, late: Array) -> Array:
        """Who places these orders. New customers sign up minutes before; a few rows arrive a day after their order."""
        rng, known = day.rng, np.flatnonzero(self.alive)
        customer: Array = known[(len(known) * rng.random(len(ordered_at)) ** 1.4).astype(int)]
        order = day.pick(np.flatnonzero(~late), day.some(NEW_CUSTOMERS_A_DAY * self._scale))
        afternoon = ordered_at >= day.late_from + 30 * MINUTE
        order = np.union1d(order, day.pick(np.flatnonzero(afternoon & ~late), day.some(0, every=3)))
        tardy = afternoon[order] & (rng.random(len(order)) < 0.02)
        if day.every(3):
            tardy[np.flatnonzero(afternoon[order])[-1:]] = True
        signed_up = ordered_at[order] - rng.integers(2 * MINUTE, 20 * MINUTE, len(order))
        new = self._sign_up(day, np.maximum(signed_up, day.start), tardy)
        customer[order] = new
        day.change("customers", new[~tardy])
        self._tomorrow = new[tardy]
        return customer

    def _sign_up(self, day: Day, created_at: Array, late: Array | np.bool_) -> Array:
        """A customer at every point in time; returns positions. Late ones are not in the database yet."""
        rng, count, first = day.rng, len(created_at), self.count
        given, family = rng.integers(0, len(w.FIRST_NAMES), count), rng.integers(0, len(w.LAST_NAMES), count)
        number = np.arange(first, first + count)
        name = _FIRST[given] + " " + _LAST[family]
        odd = rng.random(count)
        name = np.where(odd < 0.01, name + np.array(w.EMOJI, object)[rng.integers(0, len(w.EMOJI), count)], name)
        blank = (odd > 0.995) | (number % 250 == 7)
        name[blank] = np.array(w.BLANK_NAMES, object)[rng.integers(0, 2, int(blank.sum()))]
        email = _FIRST_ASCII[given] + "." + _LAST_ASCII[family] + strings(number + 1) + "@example.com"
        shout = (rng.random(count) < 0.04) | (number % 50 == 3)
        email[shout] = np.array([f"  {e.upper()} " for e in email[shout]], object)
        email[rng.random(count) < 0.01] = None
        return self.add(
            count, full_name=name, email=email, phone=_phones(day, count), password=_hashes(day, count),
            city=np.where(rng.random(count) < 0.005, -1, rng.integers(0, len(w.CITIES), count)),
            segment=np.where(rng.random(count) < 0.005, -1, rng.choice(3, count, p=(0.8, 0.15, 0.05))),
            created_at=created_at, updated_at=created_at, alive=~np.broadcast_to(late, count), late=late,
        )  # fmt: skip

    def present(self) -> Array:
        return np.flatnonzero(self.alive)

    def rows(self, which: Array) -> dict[str, pa.Array]:
        return {
            "id": pa.array(which + 1),
            "full_name": pa.array(self.full_name[which], pa.string()),
            "email": pa.array(self.email[which], pa.string()),
            "phone": pa.array(self.phone[which], pa.string()),
            "city": words(w.CITIES, self.city[which]),
            "segment": words(w.SEGMENTS, self.segment[which]),
            "password_hash": pa.array(self.password[which], pa.string()),
            "created_at": pa.array(self.created_at[which], TIMESTAMP),
            "updated_at": pa.array(self.updated_at[which], TIMESTAMP),
        }


def _phones(day: Day, count: int) -> Array:
    numbers = strings(day.rng.integers(1_000_000, 10_000_000, count))
    phones: Array = np.array(("021 ", "+64 27 ", "(09) "), object)[day.rng.integers(0, 3, count)] + numbers
    phones[day.rng.random(count) < 0.02] = None
    return phones


def _hashes(day: Day, count: int) -> Array:
    hashes: Array = "scrypt$" + strings(day.rng.integers(10**17, 10**18, count))
    return hashes


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in plain if c.isalpha()) or "moa"


_FIRST, _LAST = np.array(w.FIRST_NAMES, object), np.array(w.LAST_NAMES, object)
_FIRST_ASCII = np.array([_ascii(name) for name in w.FIRST_NAMES], object)
_LAST_ASCII = np.array([_ascii(name) for name in w.LAST_NAMES], object)
