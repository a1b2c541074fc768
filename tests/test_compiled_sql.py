"""What dbt makes of the models, read by those who know each engine: sqlfluff its dialects, and Google's own analyser BigQuery's types.

The servers of the tests run the same SQL, but the stand-in for BigQuery accepts what BigQuery refuses.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from engines.parity import Parity
from engines.servers import PROJECT, Column

DIALECTS = {"dev": "duckdb", "postgres": "postgres", "bigquery": "bigquery"}
# Not layout and capitals, which nobody reads in what macros wrote. Of the rest not those that dbt's own text breaks (RF06:
# it quotes every name; ST05, AM04: it wraps snapshots; CV11: it casts by `::`), not RF02 and RF03, for which the name of a
# collation is a column, nor AM09, which wants an order even for the `limit 1` of a single row. ST06, AM06, RF04 as in .sqlfluff.
RULES = "aliasing,ambiguous,convention,references,structure"
RUN_BEGAN_AT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
EXCLUDED = "RF06,ST05,AM04,CV11,RF02,RF03,AM09,ST06,AM06,RF04"

BIGQUERY_TYPES = {
    "INTEGER": "TYPE_INT64", "NUMERIC": "TYPE_NUMERIC", "BIGNUMERIC": "TYPE_BIGNUMERIC", "STRING": "TYPE_STRING",
    "BOOLEAN": "TYPE_BOOL", "DATE": "TYPE_DATE", "TIMESTAMP": "TYPE_TIMESTAMP",
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled(parity: Parity) -> dict[str, dict[str, str]]:
    """By engine, the SQL of every model, snapshot, analysis and test by its name; `… (first run)` is an incremental one's other form."""
    forms: dict[str, dict[str, str]] = {target: {} for target in parity.engines}
    for suffix, options in (("", []), (" (first run)", ["--full-refresh"])):
        parity.dbt("compile", *options)
        for target, found in forms.items():
            for node in parity.manifest(target)["nodes"].values():
                sql = node.get("compiled_code") and RUN_BEGAN_AT.sub("2026-01-01T00:00:00+00:00", node["compiled_code"])
                if node["resource_type"] in ("model", "snapshot", "test", "analysis") and sql not in found.values():
                    found[node["name"] + suffix] = sql
    return forms


def test_everything_was_compiled(compiled: dict[str, dict[str, str]]):
    """Otherwise the checks below would check nothing."""
    for found in compiled.values():
        assert {"stg_shop__order", "fact_sales", "fact_sales (first run)", "snap_customer", "daily_revenue"} <= set(found)
        assert "known.history_fingerprint is distinct from" in found["changed_members"]
        assert all(found.values())
        assert len(found) > 80


@pytest.mark.parametrize("target", DIALECTS)
def test_sqlfluff_finds_no_fault(compiled: dict[str, dict[str, str]], parity: Parity, target: str, tmp_path: Path):
    tests = {node["name"] for node in parity.manifest(target)["nodes"].values() if node["resource_type"] == "test"}
    for name, sql in compiled[target].items():
        if name not in tests:
            (tmp_path / f"{name}.sql").write_text(sql.strip() + "\n")
    found = faults(tmp_path, DIALECTS[target])
    assert not found, "\n".join(found)


def test_sqlfluff_would_find_a_fault(tmp_path: Path):
    (tmp_path / "wrong.sql").write_text("select a from b where group by\n")
    (fault,) = faults(tmp_path, "postgres")
    assert "PRS" in fault


def faults(folder: Path, dialect: str) -> list[str]:
    result = subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), "lint", "--templater", "raw", "--dialect", dialect, "--rules", RULES,
         "--exclude-rules", EXCLUDED, "--processes", "2", "--disable-progress-bar", "--format", "json", folder],
        check=False, capture_output=True, text=True, cwd=PROJECT,
    )  # fmt: skip
    assert result.returncode in (0, 1), result.stderr
    return [
        f"{Path(file['filepath']).stem}:{fault['start_line_no']}: {fault['code']} {fault['description']}"
        for file in json.loads(result.stdout)
        for fault in file["violations"]
    ]


@pytest.fixture(scope="module")
def analyser(parity: Parity) -> Any:
    """Google's analyser of BigQuery's SQL, which knows the columns of all tables that stand in the warehouse."""
    return analyser_of(parity.engines["bigquery"].catalogue())


def analyser_of(tables: dict[tuple[str, str], list[Column]]) -> Any:
    from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
    from zetasql.types import (
        AnalyzerOptions,
        LanguageFeature,
        LanguageOptions,
        ProductMode,
        TypeKind,
        ZetaSQLBuiltinFunctionOptions,
    )

    language = LanguageOptions.maximum_features()
    language.product_mode = ProductMode.PRODUCT_EXTERNAL  # BigQuery's types, without those that only Google has
    # In a column's type BigQuery takes digits, `numeric(18, 2)`, but not in a cast; and these are queries. Nor `1 || 'a'`.
    for unknown in (LanguageFeature.FEATURE_PARAMETERIZED_TYPES, LanguageFeature.FEATURE_CONCAT_MIXED_TYPES):
        language.enabled_language_features.remove(unknown)
    catalogue = CatalogBuilder("bigquery")
    for (schema, name), columns in tables.items():
        table = TableBuilder(f"test-project.{schema}.{name}")
        for column in columns:
            table = table.add_column(column.name, getattr(TypeKind, BIGQUERY_TYPES[column.kind.split("(")[0]]))
        catalogue = catalogue.add_table(table.build())
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    return Analyzer(AnalyzerOptions(language_options=language), catalogue.with_builtin_functions(functions).build())


def refused(analyser: Any, statements: Iterable[tuple[str, str]]) -> list[str]:
    """What BigQuery would refuse, and why."""
    found = []
    for name, sql in statements:
        # The catalogue is flat: a table's whole name is one name in it. And BigQuery has other names for INT64.
        flat = re.sub(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`", r"`\1.\2.\3`", sql)
        try:
            analyser.analyze_statement(re.sub(r"\b(bigint|integer)\b", "int64", flat, flags=re.IGNORECASE))
        except Exception as error:
            found.append(f"{name}: {error}")
    return found


def test_bigquery_would_accept_every_query(analyser: Any, compiled: dict[str, dict[str, str]]):
    found = refused(analyser, compiled["bigquery"].items())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "wrong",
    [
        "select nothing from `test-project`.`core`.`fact_sales`",
        "select order_item_id || 'a' from `test-project`.`core`.`fact_sales`",
        "select ordered_at < ordered_on from `test-project`.`core`.`fact_sales`",
        "select cast(net_amount as numeric(18, 2)) from `test-project`.`core`.`fact_sales`",
        "select ordered_at::date from `test-project`.`core`.`fact_sales`",
        "select percentile_cont(0.5) within group (order by quantity) from `test-project`.`core`.`fact_sales`",
    ],
)
def test_the_analyser_refuses_what_bigquery_refuses(analyser: Any, wrong: str):
    assert len(refused(analyser, [("wrong", wrong)])) == 1
