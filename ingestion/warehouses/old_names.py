"""Names in raw that older versions gave. A warehouse that has them is refused: its read log would count as none, so nobody would
see that the last read of a table had failed, or which intervals are missing."""

from typing import TYPE_CHECKING

from ingestion.errors import IngestError

if TYPE_CHECKING:
    from ingestion.warehouses.base import Session

OLD_READ_LOG = "reads"
HAS = {"read_id", "outcome", "rows_quarantined"}  # a source may have a table `reads` of its own, with other columns


def refuse_old_names(session: "Session") -> None:
    """Raises IngestError, with what to run, when an older version has filled the warehouse."""
    catalogue = session.catalogue
    schemas = [schema for schema in catalogue.schemas() if schema.startswith("raw_") and OLD_READ_LOG in catalogue.tables(schema)]
    if old := [f"{schema}.{OLD_READ_LOG}" for schema in schemas if set(catalogue.columns(schema, OLD_READ_LOG)) >= HAS]:
        target = session.warehouse.target
        raise IngestError(
            f"An older version of Waterworks filled this warehouse: {', '.join(old)} must be called read_log.",
            f"Nothing is lost. Run: dbt run-operation upgrade --target {target}, then dbt build --target {target}",
        )
