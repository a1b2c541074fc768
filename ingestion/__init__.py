"""The dlt layer: reads the sources and lands what is new in the warehouse's raw schemas.

`run(...)` and `replay(...)` load sources and replay the quarantine from Python, `ingest` from a shell. Nothing here knows an orchestrator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.operations.load import SourceReport as SourceReport
    from ingestion.operations.load import run as run
    from ingestion.operations.replay import ReplayReport as ReplayReport
    from ingestion.operations.replay import replay as replay

__all__ = ["ReplayReport", "SourceReport", "replay", "run"]

_MODULES = {"ReplayReport": "replay", "SourceReport": "load", "replay": "replay", "run": "load"}


def __getattr__(name: str) -> Any:
    """Imports what was asked for only now: dlt takes half a second, and `ingest --help` needs none of it."""
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"ingestion.operations.{_MODULES[name]}"), name)
