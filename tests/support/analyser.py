"""Google's own analyser of BigQuery's SQL, which knows its types and functions, and runs nothing."""

import re
from collections.abc import Iterable
from typing import Any

from engines.servers import Column

TYPES = {
    "INTEGER": "TYPE_INT64", "NUMERIC": "TYPE_NUMERIC", "BIGNUMERIC": "TYPE_BIGNUMERIC", "STRING": "TYPE_STRING",
    "BOOLEAN": "TYPE_BOOL", "DATE": "TYPE_DATE", "TIMESTAMP": "TYPE_TIMESTAMP",
}  # fmt: skip


def analyser_of(tables: dict[tuple[str, str], list[Column]]) -> Any:
    """An analyser that knows these tables."""
    from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
    from zetasql.types import (
        AnalyzerOptions,
        LanguageFeature,
        LanguageOptions,
        ProductMode,
        TypeKind,
        ZetaSQLBuiltinFunctionOptions,
    )

    language = LanguageOptions.maximum_features()
    language.product_mode = ProductMode.PRODUCT_EXTERNAL  # BigQuery's types, without those that only Google has
    # BigQuery accepts `numeric(18, 2)` as the type of a column, but not in a cast; and these are queries. Nor `1 || 'a'`.
    for unknown in (LanguageFeature.FEATURE_PARAMETERIZED_TYPES, LanguageFeature.FEATURE_CONCAT_MIXED_TYPES):
        language.enabled_language_features.remove(unknown)
    catalogue = CatalogBuilder("bigquery")
    for (schema, name), columns in tables.items():
        table = TableBuilder(f"test-project.{schema}.{name}")
        for column in columns:
            table = table.add_column(column.name, getattr(TypeKind, TYPES[column.kind.split("(")[0]]))
        catalogue = catalogue.add_table(table.build())
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    return Analyzer(AnalyzerOptions(language_options=language), catalogue.with_builtin_functions(functions).build())


def refused(analyser: Any, statements: Iterable[tuple[str, str]]) -> list[str]:
    """The statements, by name, that BigQuery would refuse, and why."""
    found = []
    for name, sql in statements:
        # The catalogue is flat: the full name of a table is one name in it. And BigQuery has other names for INT64.
        flat = re.sub(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`", r"`\1.\2.\3`", sql)
        try:
            analyser.analyze_statement(re.sub(r"\b(bigint|integer)\b", "int64", flat, flags=re.IGNORECASE))
        except Exception as error:
            found.append(f"{name}: {error}")
    return found
