"""Quarantined rows of one table, put through the contract of today: the one way for every form of tables."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow

from ingestion.landing.comparison import LOADED
from ingestion.landing.contract import REASON, Contract
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.scratch_tables import ALL, FITS, ScratchTables
from ingestion.sql import quoted
from ingestion.warehouses import Session

ROW_ID = "row id"  # a column beside raw's own, which are hardly called that
CARRIED = {ROW_ID: quoted(ROW_ID), LOADED: quoted(LOADED)}


@dataclass(frozen=True)
class Quarantined:
    """Rows of quarantine in the form in which their table is read. `sent` is what the contract takes, with ROW_ID and LOADED;
    `refused` says, by id, why others need not be put to the test. `version` are the columns that tell versions apart, of which the
    last that came counts. `unknown` gives SQL for those of the scratch table `source` that raw does not hold."""

    contract: Contract
    sent: pyarrow.Table | None
    refused: Mapping[str, str]
    version: tuple[str, ...]
    unknown: Callable[[ScratchTables], str]


@dataclass
class Replayed:
    """`rows` are those that fit and that raw does not hold, as they land; `reasons` say, by id, why others still do not fit."""

    rows: pyarrow.Table | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @classmethod
    def refused(cls, rows: Iterable[QuarantinedRow], why: str) -> "Replayed":
        """None of them fits, for one reason."""
        return cls(None, dict.fromkeys((row.row_id for row in rows), why))


def replayed(session: Session, table: str, quarantined: Quarantined) -> Replayed:
    """Left out is what raw has learnt since."""
    found = Replayed(None, dict(quarantined.refused))
    if quarantined.sent is None or not quarantined.sent.num_rows:
        return found
    scratch = ScratchTables(session, table)
    scratch.read(quarantined.contract, quarantined.sent)
    validated = scratch.name("validated")
    why = f"select {quoted(ROW_ID)}, {quoted(REASON)} from {validated} where not {FITS}"
    found.reasons |= dict(session.scratch.execute(why).fetchall())
    fitting = f"select {ALL} from {validated} where {FITS}"
    if quarantined.version:
        version = ", ".join(map(quoted, quarantined.version))
        fitting += f" qualify row_number() over (partition by {version} order by {quoted(LOADED)} desc) = 1"
    scratch.create("source", fitting)
    rows = session.scratch.execute(quarantined.unknown(scratch)).to_arrow_table()
    scratch.clear()
    found.rows = rows if rows.num_rows else None
    return found
