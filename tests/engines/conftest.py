"""What the comparison of the engines found, and the SQL that dbt compiles for them."""

import re
from typing import Any

import pytest
from engines.comparison import Comparison, print_report
from engines.parity import Parity
from support.analyser import analyser_of

RUN_STARTED_AT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")


@pytest.fixture(scope="module")
def found(parity: Parity) -> dict[str, Comparison]:
    """The comparisons after the first load, after further days and after a full refresh, by their titles."""
    parity.go_on()
    print_report(parity.found, list(parity.engines))
    return parity.found


@pytest.fixture(scope="module")
def compiled(parity: Parity) -> dict[str, dict[str, str]]:
    """By engine, the SQL of models, snapshots, analyses and tests by name; an incremental model has a second form, `… (first run)`."""
    forms: dict[str, dict[str, str]] = {target: {} for target in parity.engines}
    for suffix, options in (("", []), (" (first run)", ["--full-refresh"])):
        parity.dbt("compile", *options)
        for target, found in forms.items():
            for node in parity.manifest(target)["nodes"].values():
                sql = node.get("compiled_code") and RUN_STARTED_AT.sub("2026-01-01T00:00:00+00:00", node["compiled_code"])
                if node["resource_type"] in ("model", "snapshot", "test", "analysis") and sql not in found.values():
                    found[node["name"] + suffix] = sql
    return forms


@pytest.fixture(scope="module")
def analyser(parity: Parity) -> Any:
    """Google's analyser of BigQuery's SQL, which knows the columns of all tables in the warehouse."""
    return analyser_of(parity.engines["bigquery"].catalogue())
