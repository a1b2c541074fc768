"""Which columns of raw a model reads: `ingest sources --check` finds them in its compiled SQL."""

from ingestion.operations.columns_read import _columns_read

KNOWN = {"raw_a": {"t": dict.fromkeys(("id", "x", "y", "z", "_load"), "text")}, "core": {"other": {"id": "text", "w": "text"}}}


def columns_read(sql: str) -> set[str]:
    return {column for _, _, column in _columns_read(sql, "duckdb", KNOWN, {"raw_a"})}


def test_the_columns_that_a_model_reads():
    """Through stars, joins, windows and filters. A column that a CTE passes on and the model then drops is not read."""
    source = 'with source as (select * from "db"."raw_a"."t" where _load is not null)'
    assert columns_read(f"{source} select id from source") == {"id", "_load"}
    assert columns_read(f"{source} select * from source") == {"id", "x", "y", "z", "_load"}
    assert columns_read(f"{source}, mid as (select *, upper(x) as big from source) select big from mid") == {"x", "_load"}
    ranked = f"{source}, ranked as (select *, row_number() over (partition by id order by z) as r from source)"
    assert columns_read(f"{ranked} select y from ranked where r = 1") == {"id", "y", "z", "_load"}
    assert columns_read(f"{source} select w from source join db.core.other as o on source.id = o.id") == {"id", "_load"}
