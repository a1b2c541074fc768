"""Edge cases of values from APIs and files, through raw and the casts of staging: each lands exactly, or is in quarantine.

`values/api.tsv` and `values/files.tsv` hold the values, and for each kind of field what the cast must give: a value, `null`, or
nothing where the row must be in quarantine.
"""

import csv
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import dbt
from support.deployment import PROJECT
from support.landing import Landing, on
from support.payments_api import PaymentsApi

from ingestion import sources

VALUES = Path(__file__).with_name("values")
KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {  # the contract's kind, and how to parse a value of the table
    "text": ("text", json.loads),
    "integer": ("integer", int),
    "decimal": ("decimal(18, 2)", Decimal),
    "date": ("date", date.fromisoformat),
    "timestamp": ("timestamp", datetime.fromisoformat),
}
CASTS = {
    "integer": "{{{{ safe_integer({0}) }}}}",
    "decimal": "{{{{ safe_decimal({0}, 18, 2) }}}}",
    "date": "{{{{ safe_date({0}) }}}}",
    "timestamp": "{{{{ safe_timestamp({0}) }}}}",
}
LONG = json.dumps("Moa " * 250_000)
# What JSON columns cannot hold.
REJECTED_JSON = {"-Infinity", "NaN", '{"a": 1, "a": 2}', '"\\ud800"', '"a\\u0000b"'}
BETWEEN_QUERIES = "\n-- next query\n"


def read_table(name: str) -> list[dict[str, str]]:
    with open(VALUES / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def expected(row: dict[str, str], kind: str) -> Any:
    """What the cast must give for a row's value; ... for quarantine."""
    text = row[kind]
    return ... if not text else None if text == "null" else KINDS[kind][1](text)


@pytest.fixture
def edge_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A source `edge_cases`: for each kind of field a list of records and a set of files, and a list that declares no field."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "edge_cases.py").write_text(
        textwrap.dedent(f"""
        from ingestion.connectors.files import FileSet, FilesSource
        from ingestion.connectors.rest_api import CursorPages, Endpoint, RestApiSource
        from ingestion.connectors.tables import Field

        KINDS = { ({name: kind for name, (kind, _) in KINDS.items()})!r}

        lists = [
            Endpoint(f"api_{{name}}", name, cursor=None, fields=(Field("v", kind, required=False),)) for name, kind in KINDS.items()
        ]
        sets = [
            FileSet(f"file_{{name}}", "values.csv", ("id", Field("v", kind, required=False)), delimiter="|")
            for name, kind in KINDS.items()
        ]
        SOURCE = (
            RestApiSource(tables=[*lists, Endpoint("api_raw", "raw", cursor=None)], pages=CursorPages()),
            FilesSource(tables=sets),
        )
        """)
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    yield
    del sys.modules["ingestion.sources.edge_cases"]
    del sources.edge_cases


def staging_queries() -> dict[str, str]:
    """By raw table: a query with the macros that staging uses for the kind of its field."""
    queries = {}
    for kind in KINDS:
        value = "json_text('record', ['v'])"
        api_cast = "{{ " + value + " }}" if kind == "text" else CASTS[kind].format(value)
        queries[f"api_{kind}"] = f"select id, {api_cast} as v from raw_edge_cases.api_{kind}"
        file_cast = "v" if kind == "text" else CASTS[kind].format("clean_text('v')")
        queries[f"file_{kind}"] = f"select id, {file_cast} as v from raw_edge_cases.file_{kind}"
    return queries


def compiled(landing: Landing, queries: dict[str, str]) -> dict[str, str]:
    """The queries as dbt compiles them for this engine."""
    folders = {"DBT_TARGET_PATH": str(landing.folder / "target"), "DBT_LOG_PATH": str(landing.folder)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        for name, value in (dbt.SETTINGS | folders).items():
            patch.setenv(name, value)
        result = landing.call(dbt.run_dbt, "compile", "--inline", BETWEEN_QUERIES.join(queries.values()))
    assert result.success, result.exception
    return dict(zip(queries, result.result.results[0].node.compiled_code.split(BETWEEN_QUERIES), strict=True))


@on("dev", "postgres")
def test_each_value_lands_exactly_or_is_in_quarantine(changing, edge_cases, tmp_path):
    api_values, file_values = read_table("api.tsv"), read_table("files.tsv")
    api_values.append({"json": LONG, **dict.fromkeys(KINDS, ""), "text": LONG})
    records = ",".join(f'{{"id": {n}, "v": {row["json"]}}}' for n, row in enumerate(api_values))
    (tmp_path / "files").mkdir()
    lines = "".join(f"{n}|{json.loads(row['written'])}\n" for n, row in enumerate(file_values))
    (tmp_path / "files" / "values.csv").write_text("id|v\n" + lines, encoding="utf-8", newline="")
    with PaymentsApi() as api:
        api.script = [(200, f'{{"data": [{records}], "next_cursor": null}}', {}) for _ in [*KINDS, "raw"]]
        changing.settings |= {"SOURCES__EDGE_CASES__BASE_URL": api.url, "SOURCES__EDGE_CASES__BUCKET_URL": str(tmp_path / "files")}
        changing.load("edge_cases")

    quarantined = [table for (table,) in changing.query("select table_name from raw_edge_cases.quarantine")]
    wrong = []
    for table, query in compiled(changing, staging_queries()).items():
        values, kind = api_values if table.startswith("api") else file_values, table.partition("_")[2]
        landed, rejected = dict(changing.query(query)), quarantined.count(table)
        wrong += [f"{table}: {len(landed)} landed, {rejected} in quarantine"] * (len(landed) + rejected != len(values))
        for n, row in enumerate(values):
            found, right = landed.get(str(n), ...), expected(row, kind)
            if (type(found), str(found)) != (type(right), str(right)):  # 0.5 is not 0.50, nor a Decimal a float
                wrong.append(f"{table} {next(iter(row.values()))[:60]}: {found!r:.60}, not {right!r:.60}")
    # Where no field is declared, a record lands as it was sent, if JSON columns can hold it at all.
    rows = changing.query("select id, record from raw_edge_cases.api_raw")
    raw = {int(key): json.loads(record, parse_float=Decimal)["v"] for key, record in rows}
    for n, row in enumerate(api_values):
        sent = ... if row["json"] in REJECTED_JSON else json.loads(row["json"], parse_float=Decimal)
        if raw.get(n, ...) != sent:
            wrong.append(f"raw {row['json'][:60]}: {raw.get(n, ...)!r:.60}")
    assert wrong == [], "\n".join(wrong)
