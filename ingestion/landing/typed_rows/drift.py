"""What changed at the source of one table: what the contract allows is noted, and what it does not violates it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from ingestion.connectors.base import Window
from ingestion.errors import ContractViolated, IngestError
from ingestion.landing.typed_rows.columns import Column, raw_name
from ingestion.landing.typed_rows.table_info import TableInfo
from ingestion.sql import quoted


def check(info: TableInfo) -> None:
    """Raises IngestError when the table is not what was declared, or no longer what raw holds."""
    if not info.columns:
        if info.description.exists:
            raise IngestError(f"{info.where} may not be read.", "Grant SELECT on it.")
        raise ContractViolated(f"{info.where} does not exist.", f"Correct or remove its line in {info.module}.")
    _check_lost(info)
    _check_declared(info)
    _check_twins(info)
    for column in info.columns:
        if column.is_changed and not column.hint:
            raise ContractViolated(
                f"{info.where}: column {column.name} is {column.source.declared}; raw holds it as {column.raw_type}.",
                _to_widen(info, column),
            )
    _check_excluded(info)


def _check_lost(info: TableInfo) -> None:
    here = {column.raw_name for column in info.columns}
    given_up = {*info.table.retired, *(raw_name(info.table, name) for name in info.table.excluded)}
    if lost := [name for name in info.raw if not name.startswith("_") and name not in here | given_up]:
        raise _lost(info, lost)


def _lost(info: TableInfo, lost: list[str]) -> IngestError:
    """The error for columns that raw has and the source lacks: perhaps they were only renamed."""
    if hidden := [name for name in info.description.all_names if raw_name(info.table, name) in lost]:
        return IngestError(f"{info.where}: column {', '.join(hidden)} may not be read.", "Grant SELECT on it.")
    new = [column for column in info.columns if column.raw_name not in info.raw]
    renamed = _likely_names(info, lost, new)
    found = [now for name, now in renamed.items() if info.table.renamed.get(name) != now]
    retired = json.dumps([*info.table.retired, *lost], ensure_ascii=False)[1:-1]
    message = f"{info.where} has lost column {', '.join(lost)}"
    gone = f"retired=({retired},)"
    if not found:
        others = f", and has new ones of other types: {', '.join(column.name for column in new)}" if new else ""
        return ContractViolated(f"{message}{others}.", f"If it was removed for good, write {gone} into its line in {info.module}.")
    return ContractViolated(
        f"{message}, and has {', '.join(found)}, new and of the same type.",
        f"If that is the new name, write renamed={json.dumps(renamed, ensure_ascii=False)} into its line in {info.module}; "
        f"if {', '.join(lost)} was removed for good, {gone}.",
    )


def _likely_names(info: TableInfo, lost: list[str], new: list[Column]) -> dict[str, str]:
    """The names declared as new, and for each lost column the new one of the same type that is most like it."""
    renamed = dict(info.table.renamed)
    stored = info.attempt.run.session.dialect.stored
    for name in lost:
        alike = [c for c in new if c.name not in renamed.values() and stored(c.own_type) == info.raw[name]]
        if alike:
            renamed[name] = max(alike, key=lambda c: SequenceMatcher(None, c.raw_name, name).ratio()).name
    return renamed


def _check_declared(info: TableInfo) -> None:
    declared = [*info.table.key, *filter(None, [info.table.cursor]), *info.table.required]
    if missing := [name for name in declared if not any(column.is_called(name) for column in info.columns)]:
        raise ContractViolated(f"{info.where} has no column {', '.join(missing)}.", f"Correct its declaration in {info.module}.")


def _check_twins(info: TableInfo) -> None:
    if twins := [name for name, count in Counter(c.raw_name for c in info.columns).items() if count > 1]:
        raise ContractViolated(f"{info.where} has columns that are both {', '.join(twins)} in raw.", "Exclude one of them.")


def _check_excluded(info: TableInfo) -> None:
    """An excluded column that is not there would come along unseen under a new name."""
    if gone := set(info.table.excluded) - set(info.description.all_names):
        raise ContractViolated(
            f"column {', '.join(sorted(gone))} is to be excluded, but table {info.name} has none.",
            "If it was renamed, exclude the new name.",
        )


def refuse_types(info: TableInfo, columns: Iterable[Column]) -> None:
    """Raises IngestError for a column whose type has changed so that raw's can't hold a single one of its values."""
    con = info.attempt.run.session.scratch
    for column in columns:
        texts = info.connection.read(info.table, Window(), None).relation([column.source], texts=[column.name])
        found = f"select bool_or({column.fits}) from {texts} as sent where {quoted(column.name)} is not null"
        if con.execute(found).fetchall() == [(False,)]:
            now = f"{info.where}: column {column.name} is {column.source.declared} now"
            raise ContractViolated(f"{now}, raw holds it as {column.raw_type}, and no value fits that.", _to_widen(info, column))


def notes(info: TableInfo) -> Iterator[str]:
    """What people should know: columns that are new, retired, or of another type than before."""
    if new := [f"{column.name} ({column.source.declared})" for column in info.new_columns]:
        yield f"{info.where} has a new column {', '.join(new)}: landed"
    if not info.raw and (texts := [c.name for c in info.columns if c.source.declared == "numeric" and c.raw_type == "VARCHAR"]):
        types = json.dumps(dict.fromkeys(texts, "decimal(18, 2)"), ensure_ascii=False)
        yield (
            f"{info.where}: {', '.join(texts)} has no digits declared, and lands as text. To land numbers, write types={types}, or "
            f"with other digits, into its line in {info.module}"
        )
    here = {column.raw_name for column in info.columns}
    if gone := [name for name in info.table.retired if name in info.raw and name not in here]:
        yield f"{info.where} no longer has {', '.join(gone)}: null from now on, as it is retired"
    for column in info.columns:
        before, declared = info.types.get(column.name), column.source.declared
        now = f"{info.where}: column {column.name} is {declared} now" + (f", and was {before}" if before else "")
        if column.is_doubtful:
            yield (
                f"{now}; raw holds it as {column.raw_type}. Values that fit that exactly are landed, rows with others "
                f"go to quarantine. {_to_widen(info, column)}"
            )
        elif before != declared and (before or column.is_changed):
            yield f"{now}; raw's {column.raw_type} holds each of its values"


def _to_widen(info: TableInfo, column: Column) -> str:
    dialect = info.attempt.run.session.dialect
    return "To hold all of them: " + dialect.widen(info.attempt.raw.dataset, info.name, column.raw_name, dialect.stored(column.own_type))
