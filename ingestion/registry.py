"""The sources: the modules of `ingestion.sources`, each of which declares one."""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingestion import sources as sources_package
from ingestion.errors import IngestError, UsageError

if TYPE_CHECKING:
    from ingestion.connectors.base import Connector
    from ingestion.connectors.tables import Table


def source_names() -> list[str]:
    """All sources, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(sources_package.__path__))


def known_sources(sources: Iterable[str] | None = None) -> list[str]:
    """These sources, or all when None or empty; raises UsageError for one that does not exist."""
    known = source_names()
    names = list(dict.fromkeys(sources or known))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"There is no source {', '.join(unknown)}.", f"The sources are {', '.join(known)}.")
    return names


def connectors(source: str) -> tuple["Connector", ...]:
    """What the module of a source declares as `SOURCE`: a connector, or a tuple of them where one system is read in several ways."""
    module = importlib.import_module(f"ingestion.sources.{source}")
    declared = getattr(module, "SOURCE", None)
    if declared is None:
        raise IngestError(f"ingestion/sources/{source}.py declares no SOURCE.", "docs/add-a-source.md has one to copy.")
    return declared if isinstance(declared, tuple) else (declared,)


def declared_tables(source: str) -> list["Table"]:
    """All tables of a source, in the order in which they are read."""
    return [table for connector in connectors(source) for table in connector.tables]
