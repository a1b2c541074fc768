"""Each macro gives the same result on every engine, for edge cases that engines treat differently.

`tests/engines/edge_cases/` is a dbt project whose seeds hold the values, and the expected results beside them.
"""

from pathlib import Path

import pytest
from engines.edge_cases.check import build, differences, report
from engines.servers import ENGINES
from support import dbt


@pytest.mark.parametrize("target", ENGINES)
def test_macros_give_the_expected_results(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with ENGINES[target](tmp_path) as server:
        folders = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path)}
        for name, value in {**dbt.SETTINGS, **server.environment, **folders}.items():
            monkeypatch.setenv(name, value)
        build(target)
        found = list(differences(target))
    assert found == [], "\n" + report(found)
