"""Awkward values of APIs and files, from the source through raw to the casts of staging: each arrives exactly, or is in quarantine.

`tests/values/api.tsv` and `files.tsv` hold the values, and for each kind of field what must come of it: a value, `null`, or
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
from conftest import PROJECT
from engines.parity import run_dbt
from test_ingestion import Api, Place, on
from test_sources_that_change import engine, place, servers  # noqa: F401 - fixtures

KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {  # the contract's kind, and how the table writes a value
    "text": ("text", json.loads),
    "integer": ("integer", int),
    "decimal": ("decimal(18, 2)", Decimal),
    "date": ("date", date.fromisoformat),
    "instant": ("instant", datetime.fromisoformat),
}
CASTS = {
    "text": "{0}",
    "integer": "{{{{ safe_integer({0}) }}}}",
    "decimal": "{{{{ safe_decimal({0}, 18, 2) }}}}",
    "date": "{{{{ safe_date({0}) }}}}",
    "instant": "{{{{ safe_instant({0}) }}}}",
}
LONG = json.dumps("Moa " * 250_000)


def table(name: str) -> list[dict[str, str]]:
    with open(PROJECT / "tests" / "values" / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def expected(row: dict[str, str], kind: str) -> Any:
    """What must come of a row's value; ... for quarantine."""
    written = row[kind]
    return ... if not written else None if written == "null" else KINDS[kind][1](written)


@pytest.fixture
def awkward(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A source `awkward`: a list of records and a set of files for each kind of field, and a list that declares nothing."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "awkward.py").write_text(
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
    from ingestion import sources

    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    yield
    del sys.modules["ingestion.sources.awkward"]
    del sources.awkward


def in_staging(place: Place, sql: str) -> dict[str, Any]:  # noqa: F811 - a fixture's name
    """Rows of a query with macros, as dbt compiles it for this engine: the second column by the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        for name, value in place.settings.items():
            patch.setenv(name, value)
        patch.setenv("DBT_TARGET_PATH", str(place.folder / "target"))
        patch.setenv("DBT_LOG_PATH", str(place.folder))
        result = run_dbt("compile", "--inline", sql)
    assert result.success, result.exception
    return dict(place.query(result.result.results[0].node.compiled_code))


@on("dev", "postgres")
def test_each_value_arrives_exactly_or_is_in_quarantine(place, awkward, tmp_path):  # noqa: F811 - a fixture
    api_values, file_values = table("api.tsv"), table("files.tsv")
    api_values.append({"json": LONG, **dict.fromkeys(KINDS, ""), "text": LONG})
    records = ",".join(f'{{"id": {n}, "v": {row["json"]}}}' for n, row in enumerate(api_values))
    (tmp_path / "files").mkdir()
    lines = "".join(f"{n}|{json.loads(row['written'])}\n" for n, row in enumerate(file_values))
    (tmp_path / "files" / "values.csv").write_text("id|v\n" + lines, encoding="utf-8", newline="")
    with Api() as api:
        api.script = [(200, f'{{"data": [{records}], "next_cursor": null}}', {}) for _ in [*KINDS, "raw"]]
        place.settings |= {"SOURCES__AWKWARD__BASE_URL": api.url, "SOURCES__AWKWARD__BUCKET_URL": str(tmp_path / "files")}
        place.load("awkward")
    found = place.query("select table_name, record from raw_awkward.quarantine")
    queries = {}
    for kind in KINDS:
        value = "json_text('record', ['v'])"
        api_cast = "{{ " + value + " }}" if kind == "text" else CASTS[kind].format(value)
        queries[f"api_{kind}"] = f"select id, {api_cast} as v from raw_awkward.api_{kind}"
        file_cast = "v" if kind == "text" else CASTS[kind].format("clean_text('v')")
        queries[f"file_{kind}"] = f"select id, {file_cast} as v from raw_awkward.file_{kind}"
    wrong = []
    for name, query in queries.items():
        kind = name.partition("_")[2]
        values = api_values if name.startswith("api") else file_values
        landed, quarantined = in_staging(place, query), sum(1 for table_name, _ in found if table_name == name)
        wrong += [f"{name}: {len(landed)} landed, {quarantined} in quarantine"] * (len(landed) + quarantined != len(values))
        for n, row in enumerate(values):
            got = landed.get(str(n), ...)
            if (type(got), str(got)) != (type(expected(row, kind)), str(expected(row, kind))):  # 0.5 is not 0.50, nor a Decimal a float
                wrong.append(f"{name} {next(iter(row.values()))[:60]}: {got!r:.60}, not {expected(row, kind)!r:.60}")
    # Where nothing is declared, a record lands as it was said, if JSON columns can hold it at all.
    unholdable = {"-Infinity", "NaN", '{"a": 1, "a": 2}', '"\\ud800"', '"a\\u0000b"'}
    raw = {
        int(key): json.loads(record, parse_float=Decimal)["v"] for key, record in place.query("select id, record from raw_awkward.api_raw")
    }
    for n, row in enumerate(api_values):
        said = ... if row["json"] in unholdable else json.loads(row["json"], parse_float=Decimal)
        if raw.get(n, ...) != said:
            wrong.append(f"raw {row['json'][:60]}: {raw.get(n, ...)!r:.60}")
    assert wrong == [], "\n".join(wrong)
