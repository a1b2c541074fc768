"""What a comparison of raw with a source comes to. It goes into logs and into the read log, so it holds no value of a column: they can
be personal. Keys that are numbers or UUIDs are shown, as something has to identify the row."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class TableCheck:
    """How the comparison of one table went, in words. Exit code 0 means that `differences`, `unsettled` and `not_compared` are empty."""

    source: str
    table: str
    raw_table: str = ""  # its name in raw, where it is known
    read_at: datetime | None = None  # when it was last read
    rows: int | None = 0  # that were compared; None: unknown, as an API's are only yielded when they differ
    at_source: int | None = None  # rows there
    in_raw: int | None = None  # rows in raw that are not deleted
    differences: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)  # what differs, and may have changed since the last read
    not_compared: str = ""  # why a table was not compared that should have been
    notes: list[str] = field(default_factory=list)  # what was compared, and what was not, for a good reason

    @property
    def is_good(self) -> bool:
        """Whether all was compared that should be, and nothing differs."""
        return not (self.differences or self.unsettled or self.not_compared)


def hidden(text: str | None) -> str:
    """What can be shown of a text."""
    return "null" if text is None else f"text of length {len(text)}"
