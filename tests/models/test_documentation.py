"""The documentation of the models describes what is in the warehouse."""

import json

from support.deployment import Deployment


def test_every_column_is_described(daily: Deployment):
    """All columns in the warehouse, raw included, are in the documentation, and no others; except for published copies and views."""
    daily.dbt("parse", "--write-json")
    manifest = json.loads((daily.folder / "target" / "manifest.json").read_text())
    described = {
        (node["schema"], node.get("identifier") or node["alias"], column)
        for node in [*manifest["nodes"].values(), *manifest["sources"].values()]
        for column in node.get("columns", {})
    }
    found = daily.query(
        """
        select table_schema, table_name, column_name from information_schema.columns
        where table_catalog = current_database() and table_schema not in ('unfiled', 'audited')
            and (table_schema <> 'published' or table_name = 'data_status')
            and (table_name = '_dlt_loads' or not starts_with(table_name, '_dlt'))
        """
    )
    assert set(found) ^ described == set()
