"""Working folders, load packages, state and load jobs of dlt. dlt is imported late: commands that only look need none of it."""

import shutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ingestion.errors import causes
from ingestion.settings import pipelines_dir

if TYPE_CHECKING:
    import dlt

Hints = Mapping[str, Mapping[str, Any]]  # dlt's columns, by name
# The hints that we give dlt for a column; its schema holds more.
HINTS = ("data_type", "nullable", "precision", "scale", "timezone")


# Working folders and the packages in them


def usable_pipeline(source: str, target: str, destination: Any) -> "dlt.Pipeline":
    """The pipeline of a source. Its state is shared by all targets whose warehouse is the same, as raw is; its working folder
    is not, since two targets may as well have different warehouses.

    The folder is removed when a kill has left it in a state that dlt can't read: a kill can fall on dlt making or wiping it,
    and then every later run would fail on it. Nothing is lost: the warehouse holds the state, and what was not completed is
    read again."""
    try:
        pipeline = _pipeline(source, target, destination)
        _package_ids(pipeline)
        return pipeline
    except Exception:
        shutil.rmtree(pipelines_dir() / target / source, ignore_errors=True)
        return _pipeline(source, target, destination)


def _pipeline(source: str, target: str, destination: Any) -> "dlt.Pipeline":
    import dlt

    return dlt.pipeline(
        pipeline_name=source,
        destination=destination,
        dataset_name=f"raw_{source}",
        pipelines_dir=str(pipelines_dir() / target),
    )


def _package_ids(pipeline: "dlt.Pipeline") -> list[str]:
    return [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]


def pending_jobs(pipeline: "dlt.Pipeline") -> list[tuple[str, str]] | None:
    """State and file format of the jobs in the packages that a run has left; None when there is no package."""
    ids = _package_ids(pipeline)
    if not ids:
        return None
    return [
        (state, job.job_file_info.file_format)
        for load_id in ids
        for state, jobs in pipeline.get_load_package_info(load_id).jobs.items()
        for job in jobs
    ]


def restored(pipeline: "dlt.Pipeline") -> "dlt.Pipeline":
    """The pipeline with an empty working folder, and the state that the warehouse holds."""
    pipeline = pipeline.drop()
    pipeline.sync_destination()
    return pipeline


def normalize_and_load(pipeline: "dlt.Pipeline") -> list[str]:
    """Loads what is extracted; returns the ids of the loads."""
    pipeline.normalize()
    return list(pipeline.load().loads_ids)


# State


def table_states(state: Mapping[str, Any], source: str) -> dict[str, dict[str, Any]]:
    """What each table of a source remembered, given a pipeline's state."""
    return dict(state.get("sources", {}).get(source, {}).get("resources", {}))


def decoded_state(text: str) -> dict[str, Any]:
    """The state of a pipeline, as `_dlt_pipeline_state` holds it."""
    from dlt.common.versioned_state import decompress_state

    return dict(decompress_state(text))


def remember(state: Mapping[str, Any]) -> None:
    """Puts this into the state of the table whose resource is being read; it is stored with the load."""
    import dlt

    dlt.current.resource_state().update(state)


# Schema and load jobs


def known_columns(table: str) -> dict[str, dict[str, Any]]:
    """dlt's columns of a table of the pipeline that is running, as they are in raw."""
    import dlt

    columns: Mapping[str, Mapping[str, Any]] = dlt.current.pipeline().default_schema.tables[table]["columns"]
    return {name: {key: hint[key] for key in HINTS if key in hint} for name, hint in columns.items()}


def raw_name(name: str) -> str:
    """The name in raw of a source's column: dlt writes all names in snake case."""
    return str(_naming().normalize_identifier(name))


@cache
def _naming() -> Any:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention()


def empty_table(columns: Hints) -> Any:
    """An Arrow table with these columns and no row. `dlt.mark.materialize_table_schema` would go through dlt's JSON
    normaliser, which adds columns of its own."""
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.libs.pyarrow import columns_to_arrow

    named: Any = {name: {"nullable": True, **hint, "name": name} for name, hint in columns.items()}
    return columns_to_arrow(named, DestinationCapabilitiesContext.generic_capabilities("parquet"), "UTC").empty_table()


def select_job(query: str, columns: Hints) -> Any:
    """An item of a resource that makes dlt run this SELECT of DuckDB as its load job. dlt has no public resource for SQL over a
    database attached to DuckDB."""
    import dlt
    from dlt.common.destination.client import SqlModel

    class Select(dlt.Relation):
        def __init__(self) -> None:  # dlt's own wants a dataset
            pass

        def to_model(self) -> SqlModel:
            return SqlModel.from_query_string(query, "duckdb")

        @property
        def columns_schema(self) -> Any:
            return {name: {"name": name, **hint} for name, hint in columns.items()}

    hints = dlt.mark.make_hints(columns=columns)  # type: ignore[arg-type]
    return dlt.mark.with_hints(Select(), hints=hints)


def refused_table(error: BaseException) -> tuple[str, BaseException] | None:
    """The table whose load job failed, and with what; None when it was something else."""
    from dlt.load.exceptions import LoadClientJobException

    for cause in causes(error):
        if isinstance(cause, LoadClientJobException):
            return cause.job_id.partition(".")[0], cause
    return None
