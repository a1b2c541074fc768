"""The seam between landing and models: dbt's source files say what raw holds, and models read only what is there.

`models/staging/<source>/sources.yml` is written by two: a table or column that was landed is added by `write`, at its
place and without a description; people describe it, and add configs and tests. Lines that are there are never touched,
so comments and quotes stay as they were typed. What raw no longer has is reported, and taken out by a person.

`check` compares both with what the models read. The columns that a model reads are those that are left of its
compiled SQL when sqlglot has resolved every star and dropped what nothing below uses. dbt and sqlglot are imported
here only, and late: the other commands do not wait for them.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import IngestError, first_line
from ingestion.settings import OWN_TABLES, project_dir
from ingestion.warehouse import Session, find_warehouse

if TYPE_CHECKING:
    import yaml

Raw = dict[str, list[str]]  # by table: its columns in their order
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
TABLES_AT, COLUMNS_AT = 6, 10  # indentation of the items in a file that we write
GATE = ("last_read_is_complete", "quarantine_share")  # the tests of every table that people's rows are in


@dataclass
class Seam:
    """What does not fit together: `errors` must be mended, `notes` are to be known."""

    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Reading:
    """What the models read of raw."""

    columns: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)  # by schema, table, column: the models
    tables: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)  # models whose SQL could not be told apart, and why


def write(sources: Iterable[str], target: str | None = None) -> Seam:
    """Adds to the source files what was landed and is not in them; `notes` say what, `errors` what is left to people."""
    seam = Seam()
    for source, raw in _landed(sources, target).items():
        path = _path(source)
        if not raw:
            seam.notes.append(f"{source} was never loaded: ingest {source}")
            continue
        before = path.read_text() if path.exists() else NEW_FILE.format(source=source)
        text, added = _with_added(before, source, raw)
        if added or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        seam.notes += [f"{_short(path)}: added {name}" for name in added]
        seam.errors += _lost(source, raw, _described(text, source))
        seam.errors += _undescribed(source, text)
    return seam


def check(sources: Iterable[str], target: str | None = None) -> Seam:
    """Compares the source files with raw, and both with what the models read."""
    seam, landed = Seam(), _landed(sources, target)
    described = {source: _described(_text(source), source) for source in landed}
    reading = _reading(landed, described, target)
    for source, raw in landed.items():
        if not raw:
            seam.errors.append(f"{source} was never loaded, so there is nothing to compare: ingest {source}")
            continue
        _, missing = _with_added(_text(source) or NEW_FILE.format(source=source), source, raw)
        seam.errors += [f"{name} is in raw and not in {_short(_path(source))}: ingest sources --write" for name in missing]
        seam.errors += _lost(source, raw, described[source], reading)
        seam.errors += _undescribed(source, _text(source))
        seam.notes += [
            f"no model reads {source}.{table}.{column}"
            for table, columns in raw.items()
            for column in columns
            if table not in (LOADS, *OWN_TABLES) and (f"raw_{source}", table, column) not in reading.columns
        ]
    seam.notes += reading.unclear
    return seam


# What was landed


def _landed(sources: Iterable[str], target: str | None) -> dict[str, Raw]:
    """By source: the tables and columns of its raw schema, own tables first; empty when it was never loaded."""
    warehouse = find_warehouse(target)
    if not warehouse.exists:
        return {source: {} for source in sources}
    with warehouse.connect(read_only=True) as session:
        return {source: _raw(session, f"raw_{source}") for source in sources}


def _raw(session: Session, schema: str) -> Raw:
    there = session.tables(schema)
    names = [name for name in (LOADS, *sorted(OWN_TABLES, reverse=True)) if name in there]
    names += [name for name in there if not name.startswith("_dlt") and name not in OWN_TABLES]
    return {name: list(session.columns(schema, name)) for name in names} if LOADS in there else {}


# The source files


def _path(source: str) -> Path:
    return project_dir() / "models" / "staging" / source / "sources.yml"


def _short(path: Path) -> str:
    return path.relative_to(project_dir()).as_posix()


def _text(source: str) -> str:
    return _path(source).read_text() if _path(source).exists() else ""


def _described(text: str, source: str) -> Raw:
    """By table: the columns that the file names."""
    return {table: [c["name"] for c in found.get("columns") or []] for table, found in _tables(text, source).items()}


def _undescribed(source: str, text: str) -> list[str]:
    where = f"is not described in {_short(_path(source))}: say what it holds"
    found = []
    for table, node in _tables(text, source).items():
        named = [(f"{source}.{table}", node)] + [(f"{source}.{table}.{column['name']}", column) for column in node.get("columns") or []]
        found += [f"{name} {where}" for name, item in named if not (item.get("description") or "").strip()]
    return found


def _tables(text: str, source: str) -> dict[str, dict[str, Any]]:
    import yaml

    try:
        sources = (yaml.safe_load(text) or {}).get("sources") or []
    except yaml.YAMLError as error:
        raise IngestError(f"{_short(_path(source))} can't be read: {first_line(error)}") from error
    return {table["name"]: table for found in sources if found["name"] == source for table in found.get("tables") or []}


def _lost(source: str, raw: Raw, described: Raw, reading: Reading | None = None) -> list[str]:
    """What the file names and raw has not; with the models that read it, where they are known."""
    found = []
    for table, columns in described.items():
        lost = [(table, None)] if table not in raw else [(table, column) for column in columns if column not in raw[table]]
        for name, column in lost:
            what = f"{source}.{name}" + (f".{column}" if column else "")
            place = (f"raw_{source}", name)
            readers = (reading.columns.get((*place, column), set()) if column else reading.tables.get(place, set())) if reading else set()
            if readers:
                found.append(f"{what} is not in raw, and {', '.join(sorted(readers))} reads it")
            else:
                found.append(f"{what} is not in raw: take it out of {_short(_path(source))}, unless a load that died is to bring it")
    return found


def _with_added(text: str, source: str, raw: Raw) -> tuple[str, list[str]]:
    """The file's text with the tables and columns of raw that it does not name, and what these are."""
    import yaml

    insertions: list[tuple[int, str]] = []  # below which line, and what
    added: list[str] = []
    found = [node for node in _items(_child(yaml.compose(text), "sources")) if _scalar(_child(node, "name")) == source]
    if len(found) != 1:
        raise IngestError(f"{_short(_path(source))} must name the source {source} once.")
    tables = {_scalar(_child(node, "name")): node for node in _items(_child(found[0], "tables"))}
    own = [node for name, node in tables.items() if name in (LOADS, *OWN_TABLES)]
    top = _last_line(own[-1]) if own else (_first_line(next(iter(tables.values()))) - 1 if tables else text.count("\n") - 1)
    end = _last_line(list(tables.values())[-1]) if tables else top
    for table, columns in raw.items():
        if table not in tables:
            insertions.append((top if table in (LOADS, *OWN_TABLES) else end, _table_text(table, columns)))
            added.append(f"{source}.{table}")
            continue
        there = {_scalar(_child(node, "name")): node for node in _items(_child(tables[table], "columns"))}
        if new := [column for column in columns if column not in there]:
            insertions += _columns_added(table, new, tables[table], there)
            added += [f"{source}.{table}.{column}" for column in new]
    lines = text.splitlines(keepends=True)
    for line, more in sorted(insertions, key=lambda insertion: insertion[0]):
        lines[line] += more
    return "".join(lines), added


def _columns_added(table: str, new: list[str], node: "yaml.Node", there: dict[str, "yaml.Node"]) -> Iterator[tuple[int, str]]:
    """Where the new columns go: a source's own above those that the landing adds, and those above the load's id."""
    if not there:
        yield _last_line(node), " " * (TABLES_AT + 2) + "columns:\n" + "".join(_column_text(table, name) for name in new)
        return
    indent = next(iter(there.values())).start_mark.column - 2
    for name in new:
        below = [column for column in there if column == "_dlt_load_id" or (column.startswith("_") and not name.startswith("_"))]
        line = _first_line(there[below[0]]) - 1 if below else _last_line(list(there.values())[-1])
        yield line, _column_text(table, name, indent)


def _table_text(table: str, columns: list[str]) -> str:
    pad = " " * (TABLES_AT + 2)
    lines = [f"{' ' * TABLES_AT}- name: {_plain(table)}", f"{pad}description: {_description(table)}"]
    if table in (LOADS, *OWN_TABLES):
        lines.append(f"{pad}config: {{freshness: null}}")
    else:
        lines.append(f"{pad}data_tests: [{', '.join(GATE)}]")
    return "\n".join([*lines, f"{pad}columns:", ""]) + "".join(_column_text(table, column) for column in columns)


def _column_text(table: str, column: str, indent: int = COLUMNS_AT) -> str:
    return f"{' ' * indent}- name: {_plain(column)}\n{' ' * indent}  description: {_description(table, column)}\n"


def _description(table: str, column: str | None = None) -> str:
    """The doc block where the landing itself makes table or column; else it is empty, and a person's to write."""
    if column in OWN_COLUMNS:
        block = OWN_COLUMNS[column]
    elif table in (LOADS, *OWN_TABLES):
        block = "__".join(filter(None, [table.lstrip("_"), column]))
    else:
        return '""'
    return f"\"{{{{ doc('{block}') }}}}\""


def _plain(name: str) -> str:
    """The name in YAML; `on` needs quotes."""
    import yaml

    return yaml.safe_dump(name).partition("\n")[0]


def _child(node: "yaml.Node | None", key: str) -> "yaml.Node | None":
    return next((value for name, value in node.value if name.value == key), None) if node else None


def _items(node: "yaml.Node | None") -> list["yaml.Node"]:
    return node.value if node and isinstance(node.value, list) else []


def _scalar(node: "yaml.Node | None") -> str:
    return node.value if node else ""


def _first_line(node: "yaml.Node") -> int:
    return node.start_mark.line


def _last_line(node: "yaml.Node") -> int:
    """The last line with something of the node in it; YAML's own mark of a block is where the next one begins."""
    if isinstance(node.value, list) and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.line - (node.end_mark.column == 0)


# What the models read


def _reading(landed: dict[str, Raw], described: dict[str, Raw], target: str | None) -> Reading:
    manifest = _manifest(target)
    known: dict[str, dict[str, dict[str, str]]] = {}  # by schema and table: columns; sqlglot wants a type of each
    for node in [*manifest["nodes"].values(), *manifest["sources"].values()]:
        name = node.get("identifier") or node.get("alias") or node["name"]
        if node.get("columns"):
            known.setdefault(node["schema"], {})[name] = dict.fromkeys(node["columns"], "text")
    for source, raw in landed.items():
        for table in {*raw, *described[source]}:
            columns = [*raw.get(table, []), *described[source].get(table, [])]
            known.setdefault(f"raw_{source}", {})[table] = dict.fromkeys(columns, "text")
    reading, schemas = Reading(), {f"raw_{source}" for source in landed}
    for node in manifest["nodes"].values():
        if node["resource_type"] not in ("model", "snapshot") or not node.get("compiled_code"):
            continue
        try:
            read = set(_columns_read(node["compiled_code"], manifest["metadata"]["adapter_type"], known, schemas))
        except Exception as error:  # sqlglot has many of its own; what it can't tell must not stop the check of the rest
            reading.unclear.append(f"the columns that {node['name']} reads can't be told: {first_line(error)}")
            read = {(s, t, c) for s in schemas for t, columns in known[s].items() for c in columns if f"{s}.{t}" in _relations(node)}
        for schema, table, column in read:
            reading.columns.setdefault((schema, table, column), set()).add(node["name"])
            reading.tables.setdefault((schema, table), set()).add(node["name"])
    return reading


def _relations(node: dict[str, Any]) -> set[str]:
    """The raw tables that a model depends on, `raw_shop.orders`."""
    parents = [parent.split(".") for parent in node["depends_on"]["nodes"] if parent.startswith("source.")]
    return {f"raw_{source}.{table}" for *_, source, table in parents}


def _manifest(target: str | None) -> dict[str, Any]:
    """dbt's manifest with the compiled SQL of what reads sources. A process of its own: dbt keeps connections and
    loggers for the life of one."""
    with tempfile.TemporaryDirectory() as folder:
        selected = [f"source:*+1,resource_type:{kind}" for kind in ("model", "snapshot")]
        command = ["--quiet", "compile", "--project-dir", str(project_dir()), "--target-path", folder, "--select", *selected]
        done = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *command, *(["--target", target] if target else [])],
            cwd=project_dir(), capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise IngestError(f"dbt can't compile the models: {(done.stdout + done.stderr).strip()}")
        return json.loads((Path(folder) / "manifest.json").read_text())


def _columns_read(sql: str, dialect: str, known: dict[str, Any], schemas: set[str]) -> Iterator[tuple[str, str, str]]:
    """Schema, table and name of the columns of these schemas that the SQL needs for what it gives."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    tree = sqlglot.parse_one(sql, dialect=dialect)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)  # one database: `known` goes by schema and table
    tree = qualify(tree, schema=known, dialect=dialect, validate_qualify_columns=False)
    for scope in traverse_scope(pushdown_projections(tree)):
        for alias, table in scope.sources.items():
            if isinstance(table, exp.Table) and table.db in schemas:
                yield from ((table.db, table.name, column.name) for column in scope.columns if column.table == alias)
