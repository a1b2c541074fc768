"""`models/staging/<source>/sources.yml`: dbt's description of a raw schema, written by two.

A table or column that was landed is added here, at its place and without a description; people describe it, and add configs
and tests. No line that is there is touched, so comments and quotes stay as they were typed.
"""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from ingestion.errors import IngestError, first_line
from ingestion.settings import OWN_TABLES, project_dir

Tables = dict[str, list[str]]  # by table: its columns in their order
LOADS = "_dlt_loads"
# Columns that the landing adds to tables: the doc block of models/columns.md.
OWN_COLUMNS = {"_dlt_load_id": "raw_load_id", "_deleted_at": "deleted_at", "_changed_at": "raw_changed_at"}
NEW_FILE = """\
sources:
  - name: {source}
    schema: raw_{source}
    description: ""
    loader: dlt
    config:
      freshness:
        warn_after: {{count: 36, period: hour}}
        error_after: {{count: 72, period: hour}}
      loaded_at_query: "{{{{ last_loaded_at(this) }}}}"
    tables:
"""
GATE = ("last_read_is_complete", "quarantine_share")  # the tests of every table that people's rows are in


class SourceFile:
    """The file of one source; a new one when there is none yet."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.path = project_dir() / "models" / "staging" / source / "sources.yml"
        self.exists = self.path.exists()
        self.name = self.path.relative_to(project_dir()).as_posix()
        self.text = self.path.read_text() if self.exists else NEW_FILE.format(source=source)
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 10_000  # lines are people's to break
        self._yaml.indent(mapping=2, sequence=4, offset=2)
        self._content = self._parsed()

    def _parsed(self) -> Any:
        try:
            return self._yaml.load(self.text) or {}
        except YAMLError as error:
            raise IngestError(f"{self.name} can't be read: {first_line(error)}") from error

    def _dumped(self) -> str:
        stream = StringIO()
        self._yaml.dump(self._content, stream)
        return stream.getvalue()

    @property
    def _tables(self) -> CommentedSeq:
        found = [source for source in self._content.get("sources") or [] if source["name"] == self.source]
        if len(found) != 1:
            raise IngestError(f"{self.name} must name the source {self.source} once.")
        if found[0].get("tables") is None:
            found[0]["tables"] = CommentedSeq()
        tables: CommentedSeq = found[0]["tables"]
        return tables

    @property
    def described(self) -> Tables:
        """By table: the columns that the file names; nothing where there is no file."""
        return {table["name"]: [c["name"] for c in table.get("columns") or []] for table in self._tables} if self.exists else {}

    @property
    def undescribed(self) -> list[str]:
        """What the file names and nobody has described."""
        found = []
        for table in self._tables if self.exists else ():
            name = f"{self.source}.{table['name']}"
            named = [(name, table), *((f"{name}.{column['name']}", column) for column in table.get("columns") or [])]
            found += [name for name, item in named if not (item.get("description") or "").strip()]
        return [f"{name} is not described in {self.name}" for name in found]

    def missing(self, raw: Tables) -> list[str]:
        """The tables and columns of raw that the file does not name."""
        there = self.described
        found = []
        for table, columns in raw.items():
            if table not in there:
                found.append(f"{self.source}.{table}")
            else:
                found += [f"{self.source}.{table}.{column}" for column in columns if column not in there[table]]
        return found

    def add(self, raw: Tables) -> list[str]:
        """Writes what raw has and the file does not name into it; gives what that is. Raises IngestError when lines that
        people wrote would not stay as they are."""
        added = self.missing(raw)
        if self.exists and not added:
            return []
        if self._dumped() != self.text and self.exists:
            raise IngestError(
                f"{self.name} is formatted so that nothing can be added without changing other lines.",
                f"Indent as in the files beside it, or add by hand: {', '.join(added)}.",
            )
        tables = self._tables
        for table, columns in raw.items():
            known = next((node for node in tables if node["name"] == table), None)
            if known is None:
                tables.insert(self._place(table), _table(table, columns))
            else:
                _add_columns(known, table, columns)
        self.text = self._dumped()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text)
        self.exists = True
        return added

    def _place(self, table: str) -> int:
        """Where a new table goes: the landing's own tables come first."""
        names = [node["name"] for node in self._tables]
        return len(names) if table not in (LOADS, *OWN_TABLES) else sum(name in (LOADS, *OWN_TABLES) for name in names)


def _table(name: str, columns: Iterable[str]) -> CommentedMap:
    found = CommentedMap(name=_plain(name), description=_description(name))
    if name in (LOADS, *OWN_TABLES):
        found["config"] = CommentedMap(freshness=None)
        found["config"].fa.set_flow_style()
    else:
        found["data_tests"] = CommentedSeq(GATE)
        found["data_tests"].fa.set_flow_style()
    found["columns"] = CommentedSeq([_column(name, column) for column in columns])
    return found


def _add_columns(node: CommentedMap, table: str, columns: Iterable[str]) -> None:
    """A source's own columns go above those that the landing adds, and those above the load's id."""
    if not node.get("columns"):
        node["columns"] = CommentedSeq()
    for name in columns:
        there = [column["name"] for column in node["columns"]]
        if name not in there:
            below = [column == "_dlt_load_id" or (column.startswith("_") and not name.startswith("_")) for column in there]
            node["columns"].insert(below.index(True) if True in below else len(there), _column(table, name))


def _column(table: str, name: str) -> CommentedMap:
    return CommentedMap(name=_plain(name), description=_description(table, name))


def _description(table: str, column: str | None = None) -> DoubleQuotedScalarString:
    """The doc block where the landing itself makes table or column; else it is empty, and a person's to write."""
    if column in OWN_COLUMNS:
        block = OWN_COLUMNS[column]
    elif table in (LOADS, *OWN_TABLES):
        block = "__".join(filter(None, [table.lstrip("_"), column]))
    else:
        return DoubleQuotedScalarString("")
    return DoubleQuotedScalarString(f"{{{{ doc('{block}') }}}}")


def _plain(name: str) -> str:
    """The name; dbt's YAML is 1.1, in which `on` needs quotes."""
    import yaml

    return name if yaml.safe_load(name) == name else SingleQuotedScalarString(name)
