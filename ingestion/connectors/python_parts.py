"""Tables that a Python function gives, from a library for one. Settings: sources.NAME.…, as the function wants them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ingestion.connectors.base import Part, Run, Window
from ingestion.connectors.tables import PartTable


@dataclass(frozen=True)
class Parts(PartTable):
    """A table, and the function that gives its parts, given the name of the source."""

    read: Callable[[str], Iterator[Part]]


@dataclass(frozen=True)
class PythonSource:
    """Functions, each of which gives a table."""

    tables: Sequence[Parts]

    @contextmanager
    def open(self, run: Run) -> Iterator["PythonConnection"]:
        """There is nothing to connect to."""
        yield PythonConnection(run.source)


class PythonConnection:
    """Calls the functions."""

    def __init__(self, source: str) -> None:
        self._source = source

    def read(self, table: Parts, window: Window, bookmark: None) -> Iterator[Part]:
        """All parts, whatever the window."""
        return table.read(self._source)
