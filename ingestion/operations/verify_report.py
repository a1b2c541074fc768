"""What a comparison of raw with a source comes to. Numbers and times are shown as they are, texts by length and MD5: they can
be personal, and this goes into logs."""

from dataclasses import dataclass, field
from hashlib import md5

UNDATED = "has no cursor that tells when rows changed, so not what changed since the last read"


@dataclass
class TableCheck:
    """How the comparison of one table went: the rows that were compared, and what differs, in words."""

    source: str
    table: str
    rows: int = 0  # not known of an API's: raw is only asked for those that differ
    differences: list[str] = field(default_factory=list)
    note: str = ""  # what was compared, or why nothing was


def hidden(text: str | None) -> str:
    """What can be shown of a text."""
    return "null" if text is None else f"text of length {len(text)}, MD5 {md5(text.encode(), usedforsecurity=False).hexdigest()[:8]}"
