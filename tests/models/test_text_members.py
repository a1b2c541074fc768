"""A team's own history, of members whose ids are text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.dbt import WITHOUT_TESTS, not_passed, run_dbt
from support.deployment import Deployment, copied_project

MODELS = {
    # In real life the id may be an e-mail address, or a number of a passport.
    "models/intermediate/person/int_person__versioned.sql": """
        select 'person-' || cast(customer_id as {{ dbt.type_string() }}) as person_id, city, created_at, changed_at, _dlt_load_id
        from {{ ref('stg_shop__customer_version') }}
    """,
    "models/intermediate/person/int_person__versions.sql": (
        "{# Comments may stand here. #}\n"
        "{{ history(ref('int_person__versioned'), 'person', tracked=['city'], overwritten=['created_at']) }}\n"
    ),
    "snapshots/snap_person.yml": """
snapshots:
  - name: snap_person
    relation: ref('int_person__versions')
    config: {unique_key: person_id, strategy: history}
""",
}
COLUMNS = "person_key, person_id, city, created_at, is_current, valid_from, valid_to, effective_at, history_fingerprint, _dlt_load_id"
SNAPSHOT = "snapshots.snap_person"
BUILD = ("build", "--select", "+snap_person", *WITHOUT_TESTS)
MOVE = """
    insert into raw_shop.customers ({columns}, city, _changed_at)
    select {columns}, '{city}', timestamptz '2027-01-0{day} 00:00:00+00' from raw_shop.customers
    where id = 1 order by _changed_at desc limit 1
"""


class Team:
    """A warehouse, and the project of a team with a history of its own."""

    def __init__(self, warehouse: Deployment, folder: Path):
        self.warehouse, self.folder, self.project = warehouse, folder, copied_project(folder)
        for name, text in MODELS.items():
            file = self.project / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    def build(self) -> Any:
        folders = (
            "--project-dir",
            str(self.project),
            "--target-path",
            str(self.folder / "target"),
            "--log-path",
            str(self.folder / "logs"),
        )
        return self.warehouse.call(run_dbt, *BUILD, *folders, "--log-level-file", "debug")

    def move(self, city: str, day: int) -> None:
        """Person 1 gets a later version, with another city."""
        found = self.warehouse.engine.catalogue()["raw_shop", "customers"]
        columns = ", ".join(column.name for column in found if column.name not in ("city", "_changed_at"))
        self.warehouse.execute(MOVE.format(columns=columns, city=city, day=day))

    def rows(self, relation: str) -> list[tuple]:
        columns = (
            "person_key, person_id, city, created_at, is_current, valid_from, valid_to, effective_at, history_fingerprint, _dlt_load_id"
        )
        return sorted(self.warehouse.query(f"select {columns} from {relation}"), key=repr)


@pytest.fixture(scope="module", params=["dev", pytest.param("postgres", marks=pytest.mark.tier("test-all"))])
def team(request: pytest.FixtureRequest, deploy: Callable[..., Deployment], tmp_path_factory: pytest.TempPathFactory) -> Team:
    deployment = deploy(days=3, target=request.param)
    deployment.ingest(sources=["shop"])
    team = Team(deployment, tmp_path_factory.mktemp("team"))
    assert not_passed(team.build()) == {}
    return team


def test_a_run_replaces_the_members_that_changed_and_no_others(team: Team):
    for day, city in enumerate(("Elsewhere", "Away"), start=1):
        team.move(city, day)
        assert not_passed(team.build()) == {}
        assert [row[2] for row in team.rows(SNAPSHOT) if row[1] == "person-1" and row[4]] == [city]
        assert team.rows(SNAPSHOT) == team.rows("intermediate.int_person__versions")
    team.warehouse.execute("update snapshots.snap_person set city = 'Kept' where true")
    team.move("Back", 3)
    assert not_passed(team.build()) == {}
    assert {row[2] for row in team.rows(SNAPSHOT) if row[1] != "person-1"} == {"Kept"}
    assert "Kept" not in {row[2] for row in team.rows(SNAPSHOT) if row[1] == "person-1"}


def test_no_id_is_in_the_log_of_dbt(team: Team):
    """It would be there if a run listed the members that changed."""
    team.move("Logged", 4)
    assert not_passed(team.build()) == {}
    log = (team.folder / "logs" / "dbt.log").read_text()
    assert "snap_person" in log and "person-" in log and "person-1" not in log


@pytest.mark.parametrize("around", ["select * from ({call}) as versions where city is not null", "{call} and city is not null"])
def test_a_view_that_is_more_than_its_history_is_refused(team: Team, around: str):
    """What is written around the call would be missing from the members that a run replaces."""
    file = team.project / "models/intermediate/person/int_person__versions.sql"
    call = file.read_text()
    file.write_text(around.format(call=call.strip()))
    try:
        failed = not_passed(team.build())
    finally:
        file.write_text(call)
    assert "must be a view that is one call of `history` on one model" in str(failed)
