"""Records as versions of their keys, for the comparison with raw: by the MD5 of their JSON. A record without a key is the same
whenever it comes, so that its MD5 is its key."""

from ingestion.connectors.tables import RecordTable
from ingestion.landing.comparison import CAME, Comparison
from ingestion.landing.raw_tables import CHANGED_AT, RawTables
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.sql import quoted

COLUMNS = ("id", "updated_at", "record")
KNOWN = {"record_key": "VARCHAR", "digest": "VARCHAR"}  # what raw is asked for


def versions(fitting: str, came: str) -> str:
    """SQL: the rows of a relation as the comparison takes them; `came` is the SQL of their order."""
    return f"select {came} as {quoted(CAME)}, *, md5(record) as digest, coalesce(id, md5(record)) as record_key from {fitting}"


def comparison(raw: RawTables, scratch: ScratchTables, table: RecordTable) -> Comparison:
    """The comparison of such rows in the scratch table `source` with raw."""
    md5 = raw.session.dialect.md5("record")
    computed = {"digest": md5, "record_key": f"coalesce(id, {md5})"}
    return Comparison(raw, scratch, table.name, COLUMNS, ["digest"], ["record_key"], KNOWN, f"source.{CHANGED_AT}", computed=computed)
