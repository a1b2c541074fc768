"""What a replay of quarantined rows comes to, whatever their form."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow

from ingestion.landing.quarantine import QuarantinedRow


@dataclass
class Replayed:
    """`rows` are those that fit and that raw does not hold, as they land; `reasons` say, by id, why others still do not fit."""

    rows: pyarrow.Table | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @classmethod
    def refused(cls, rows: Iterable[QuarantinedRow], why: str) -> "Replayed":
        """None of them fits, for one reason."""
        return cls(None, dict.fromkeys((row.row_id for row in rows), why))
