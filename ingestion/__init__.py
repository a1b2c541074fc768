"""The dlt layer: reads the sources and lands what is new in the warehouse's raw schemas.

`run(...)` loads sources from Python, `ingest` from a shell. Nothing here knows an orchestrator.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.operations.load import SourceReport as SourceReport
    from ingestion.operations.load import run as run

__all__ = ["SourceReport", "run"]


def __getattr__(name: str) -> Any:
    """Imports what was asked for only now: dlt takes half a second, and `ingest --help` needs none of it."""
    if name not in __all__:
        raise AttributeError(name)
    from ingestion.operations import load

    return getattr(load, name)
