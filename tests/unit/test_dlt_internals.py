"""What we use of dlt's inside is there, and as it was when we wrote it.

When this fails, read the new release of dlt, correct `ingestion/dlt_internals`, and write its version there."""

import inspect
from importlib.metadata import version

import duckdb
import pytest

from ingestion.dlt_internals import LOAD_ID, LOADS, SCHEMAS, STATE, VERSION
from ingestion.dlt_internals import pipeline as dlt_pipeline
from ingestion.dlt_internals.destinations import duckdb_destination


def test_it_is_the_version_that_we_know():
    assert version("dlt") == VERSION


def test_dlt_calls_its_tables_as_we_do():
    from dlt.common.schema import typing

    named = typing.LOADS_TABLE_NAME, typing.PIPELINE_STATE_TABLE_NAME, typing.VERSION_TABLE_NAME, typing.C_DLT_LOAD_ID
    assert named == (LOADS, STATE, SCHEMAS, LOAD_ID)


def test_a_state_is_decoded_as_dlt_encodes_it():
    from dlt.common.versioned_state import compress_state

    state = {"sources": {"shop": {"resources": {"orders": {"cursor": "2026-01-01"}}}}}
    assert dlt_pipeline.table_states(dlt_pipeline.decoded_state(compress_state(state)), "shop") == {"orders": {"cursor": "2026-01-01"}}


def test_a_load_job_can_be_a_select():
    from dlt.common.destination.client import SqlModel

    item = dlt_pipeline.select_job("select 1 as id", {"id": {"data_type": "bigint"}})
    assert isinstance(item.data.to_model(), SqlModel) and item.data.columns_schema["id"]["data_type"] == "bigint"


def test_a_destination_answers_as_dlt_would_and_reads_its_settings_once():
    import dlt
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    with duckdb.connect() as connection:
        theirs, ours, read = dlt.destinations.duckdb(connection), duckdb_destination(connection), []
        configuration = ours.configuration

        def counted(*arguments, **options):
            read.append(arguments)
            return configuration(*arguments, **options)

        ours.configuration = counted
        for options in ({}, {"naming": NamingConvention()}):
            answers = [ours.capabilities(**options) for _ in range(3)]
            answers[0].preferred_loader_file_format = "changed by dlt"
            assert [dict(answer) for answer in answers[1:]] == [dict(theirs.capabilities(**options))] * 2
        assert len(read) == 2


@pytest.mark.parametrize(
    ("place", "name", "parameters"),
    [
        ("dlt.common.destination.reference.Destination", "capabilities", ("self", "config", "naming")),
        ("dlt.pipeline.pipeline.Pipeline", "drop", ("self",)),
        ("dlt.pipeline.pipeline.Pipeline", "sync_destination", ("self",)),
        ("dlt.pipeline.pipeline.Pipeline", "list_extracted_load_packages", ("self",)),
        ("dlt.pipeline.pipeline.Pipeline", "list_normalized_load_packages", ("self",)),
        ("dlt.pipeline.pipeline.Pipeline", "get_load_package_info", ("self", "load_id")),
        ("dlt.pipeline.pipeline.Pipeline", "get_local_state_val", ("self", "key")),
        ("dlt.pipeline.pipeline.Pipeline", "set_local_state_val", ("self", "key", "value")),
        ("dlt.destinations.impl.postgres.postgres.PostgresClient", "create_load_job", ("self", "table", "file_path", "load_id")),
        ("dlt.destinations.impl.postgres.postgres.PostgresParquetCopyJob", "run", ("self",)),
        ("dlt.destinations.impl.postgres.postgres.PostgresParquetCopyJob", "_set_catalog_and_schema", ("self",)),
        ("dlt.destinations.impl.postgres.postgres.PostgresParquetCopyJob", "_connect", ("self",)),
    ],
)
def test_what_we_call_takes_what_we_give(place: str, name: str, parameters: tuple[str, ...]):
    module, _, owner = place.rpartition(".")
    function = getattr(getattr(__import__(module, fromlist=[owner]), owner), name)
    assert tuple(inspect.signature(function).parameters)[: len(parameters)] == parameters
