"""How far a table was read, and from where this read goes on."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ingestion.connectors.base import Window
from ingestion.landing.rows.facts import TableFacts

# How far the newest value of a cursor may lie from the clock: less is the wear of clocks, more no time zone.
NEAR, FAR = timedelta(minutes=25), timedelta(hours=14, minutes=30)


class Reach:
    """The cursor of one table in one attempt. `ask` has to come first."""

    def __init__(self, facts: TableFacts) -> None:
        self._facts = facts
        self.highest: str | None = None  # cursor at the source, as text
        self.is_set_back = False  # whether the source's clock stands before the cursor that was reached

    def ask(self) -> None:
        """Asks the source how far its cursor has come, but not beyond its clock: one row dated 2099 must not end all reading;
        and whether the clock was set back: rows that changed since are dated before the bookmark."""
        facts = self._facts
        if not facts.cursor:
            return
        until = facts.clock if facts.cursor_is_time else None
        reached = facts.connection.highest(facts.table, facts.cursor.source, until)
        self.highest = reached.cursor
        self._note_another_zone(reached.ahead)
        if self._follows_cursor and not facts.options.is_interval:
            self.is_set_back = facts.connection.is_before(facts.clock, facts.cursor.source, facts.state["cursor"])

    def _note_another_zone(self, ahead: timedelta | None) -> None:
        """Tells people when a cursor without a zone seems to be of another zone than UTC: then versions would be dated hours off. One
        that lags behind may as well be of a table in which nothing happens, so that is told by the first read alone."""
        facts, cursor = self._facts, self._facts.cursor
        if cursor is None or cursor.source.timezone or ahead is None or not NEAR < abs(ahead) < FAR or (ahead < NEAR and facts.state):
            return
        hours, lies = abs(ahead) / timedelta(hours=1), "after" if ahead > NEAR else "before"
        setting = f"SOURCES__{facts.attempt.run.source.upper()}__TIMEZONE"
        facts.attempt.run.notes.append(
            f"{facts.where}: the newest {cursor.name} lies {hours:.1f} hours {lies} the server's clock. It has no time zone, and UTC is "
            f'assumed. Write timezone="…" into its line in {facts.module}, or set {setting}: the zone that it is of, or UTC'
        )

    @cached_property
    def bookmark(self) -> str | None:
        """The cursor from which rows may be new; None when all rows may be."""
        facts = self._facts
        if not self._follows_cursor or self.is_set_back or facts.options.full or facts.new_columns or facts.has_differed:
            return None
        return None if facts.options.is_interval else str(facts.state["cursor"])

    @property
    def _follows_cursor(self) -> bool:
        """Whether the cursor that was reached says what is new. One that is no time does not: numbers are drawn before they are
        committed, and nobody can tell how long; and one of another type can't be compared."""
        facts, cursor = self._facts, self._facts.cursor
        if not cursor or not facts.cursor_is_time or "cursor" not in facts.state:
            return False
        return facts.types.get(cursor.name, cursor.source.declared) == cursor.source.declared

    @property
    def window(self) -> Window:
        """What to ask for: all rows where the cursor is no time."""
        facts, options = self._facts, self._facts.options
        if not facts.cursor or not facts.cursor_is_time:
            return Window()
        return Window(options.since, options.until, facts.cursor.source)

    @property
    def is_bounded(self) -> bool:
        """Whether not all rows are asked for."""
        return self.window.is_bounded or self.bookmark is not None

    def interval(self) -> tuple[datetime | None, datetime]:
        """Which changes this read takes in, in the source's time: up to its clock, which was read before any row was."""
        facts, options = self._facts, self._facts.options
        if self.window.is_bounded:
            return options.since, min(options.until or facts.clock, facts.clock)
        if not facts.cursor or not self.bookmark:
            return None, facts.clock
        return facts.connection.begins_at(facts.cursor.source, self.bookmark), facts.clock

    def to_remember(self, unknown_rows: int | None) -> dict[str, Any]:
        """What the next run needs to know; `unknown_rows`: see `comparison`. A refilled interval changes nothing of it."""
        facts = self._facts
        remembered: dict[str, Any] = {}
        if not facts.options.is_interval:
            remembered["types"] = {column.name: column.source.declared for column in facts.columns}
            if self.highest:
                remembered["cursor"] = self.highest
            if unknown_rows is not None:
                remembered["gone"] = unknown_rows
        if facts.compares_keys or not facts.state:
            remembered["keys_compared_on"] = facts.today
        return remembered
