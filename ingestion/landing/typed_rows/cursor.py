"""How far a table was read, and from where this read goes on."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ingestion.connectors.base import Window
from ingestion.landing.typed_rows.table_info import TableInfo

# How far the newest value of a cursor may lie from the clock: less is the wear of clocks, more no time zone.
NEAR, FAR = timedelta(minutes=25), timedelta(hours=14, minutes=30)


class Reach:
    """The cursor of one table in one attempt. `ask` has to come first."""

    def __init__(self, info: TableInfo) -> None:
        self._info = info
        self.highest: str | None = None  # cursor at the source, as text
        self.is_set_back = False  # whether the source's clock is before the cursor that was reached

    def ask(self) -> None:
        """Asks the source how far its cursor has come, but not beyond its clock: one row dated 2099 must not end all reading;
        and whether the clock was set back: rows that changed since are dated before the bookmark."""
        info = self._info
        if not info.cursor:
            return
        until = info.clock if info.cursor_is_time else None
        reached = info.connection.highest(info.table, info.cursor.source, until)
        self.highest = reached.cursor
        self._note_another_zone(reached.ahead)
        if self._follows_cursor and not info.options.is_interval:
            self.is_set_back = info.connection.is_before(info.clock, info.cursor.source, info.state["cursor"])

    def _note_another_zone(self, ahead: timedelta | None) -> None:
        """Notes that a cursor without a zone seems to be of another zone than UTC: then versions would be dated hours off. One
        that lags behind may as well be of a table in which nothing happens, so only the first read notes that."""
        info, cursor = self._info, self._info.cursor
        if cursor is None or cursor.source.timezone or ahead is None or not NEAR < abs(ahead) < FAR or (ahead < NEAR and info.state):
            return
        hours, lies = abs(ahead) / timedelta(hours=1), "after" if ahead > NEAR else "before"
        setting = f"SOURCES__{info.attempt.run.source.upper()}__TIMEZONE"
        info.attempt.run.notes.append(
            f"{info.where}: the newest {cursor.name} lies {hours:.1f} hours {lies} the server's clock. It has no time zone, and UTC is "
            f'assumed. Write timezone="…" into its line in {info.module}, or set {setting}: the zone that it is of, or UTC'
        )

    @cached_property
    def bookmark(self) -> str | None:
        """The cursor from which rows may be new; None when all rows may be."""
        info = self._info
        if not self._follows_cursor or self.is_set_back or info.options.full or info.new_columns or info.has_differed:
            return None
        return None if info.options.is_interval else str(info.state["cursor"])

    @property
    def _follows_cursor(self) -> bool:
        """Whether the cursor that was reached says what is new. A cursor that is not a time does not: numbers are drawn before they are
        committed, and it is unknown how long; and one of another type can't be compared."""
        info, cursor = self._info, self._info.cursor
        if not cursor or not info.cursor_is_time or "cursor" not in info.state:
            return False
        return info.types.get(cursor.name, cursor.source.declared) == cursor.source.declared

    @property
    def window(self) -> Window:
        """What to ask for: all rows where the cursor is not a time."""
        info, options = self._info, self._info.options
        if not info.cursor or not info.cursor_is_time:
            return Window()
        return Window(options.since, options.until, info.cursor.source)

    @property
    def is_bounded(self) -> bool:
        """Whether not all rows are asked for."""
        return self.window.is_bounded or self.bookmark is not None

    def interval(self) -> tuple[datetime | None, datetime]:
        """Which changes this read takes in, in the source's time: up to its clock, which was read before any row was."""
        info, options = self._info, self._info.options
        if self.window.is_bounded:
            return options.since, min(options.until or info.clock, info.clock)
        if not info.cursor or not self.bookmark:
            return None, info.clock
        return info.connection.begins_at(info.cursor.source, self.bookmark), info.clock

    def to_remember(self, unknown_rows: int | None) -> dict[str, Any]:
        """What the next run needs to know; `unknown_rows`: see `comparison`. A refilled interval changes nothing of it."""
        info = self._info
        remembered: dict[str, Any] = {}
        if not info.options.is_interval:
            remembered["types"] = {column.name: column.source.declared for column in info.columns}
            if self.highest:
                remembered["cursor"] = self.highest
            if unknown_rows is not None:
                remembered["gone"] = unknown_rows
        if info.compares_keys or not info.state:
            remembered["keys_compared_on"] = info.today
        return remembered
