"""What raw holds of a table's records: SQL of the warehouse."""

from datetime import datetime

from ingestion.connectors.tables import RecordTable
from ingestion.landing.raw_tables import CHANGED_AT, RawTables

# Key and time; a record without a key is the same whenever it comes, by its MD5.
Version = tuple[str, datetime | None]


def latest_versions(raw: RawTables, table: str, start: datetime | None) -> dict[str, tuple[str, datetime]]:
    """By key: the MD5 of the latest version that raw holds, and since when it holds; as far back as is read now."""
    if not raw.has_rows(table):
        return {}
    session, since = raw.session, ""
    digest = session.dialect.md5("record")
    if start:
        literal = session.dialect.literal(start)
        since = f"where updated_at is null or updated_at >= {literal} or {CHANGED_AT} >= {literal}"
    rows = session.rows(
        f"""
        select record_key, digest, {CHANGED_AT} from (
            select
                coalesce(id, {digest}) as record_key,
                {digest} as digest,
                {CHANGED_AT},
                row_number() over (
                    partition by coalesce(id, {digest}) order by {CHANGED_AT} desc, _dlt_load_id desc
                ) as version_rank
            from {raw.complete_rows(table)} as known
            {since}
        ) as ranked
        where version_rank = 1
        """
    )
    return {key: (digest, changed_at) for key, digest, changed_at in rows}


def versions(raw: RawTables, table: RecordTable, since: datetime | None) -> dict[Version, dict[str, str]]:
    """By version: the MD5 of each record that raw has of it, and the load; of those that hold from this time or later."""
    found: dict[Version, dict[str, str]] = {}
    if since and raw.has_rows(table.name):
        digest, literal = raw.session.dialect.md5("record"), raw.session.dialect.literal(since)
        for key, changed_at, md5, load_id in raw.session.rows(
            f"select id, {CHANGED_AT}, {digest}, _dlt_load_id from {raw.complete_rows(table.name)} as known "
            + (f"where {CHANGED_AT} >= {literal}" if table.key else "")
        ):
            found.setdefault((key, changed_at) if key else (md5, None), {})[md5] = load_id
    return found
