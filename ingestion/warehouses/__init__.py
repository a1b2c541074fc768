"""The engines that can be the warehouse: a package each, imported only when a target needs it.

What the landing decides, it decides in DuckDB (`Session.scratch`), whatever the warehouse: in the warehouse's own file
when that is DuckDB, else in memory, with the few rows of raw that matter fetched from the server. A warehouse is three
things (`ingestion.warehouses.base`): a dialect, a catalogue and a store.
"""

from ingestion.warehouses.base import Catalogue, Columns, Dialect, Session, Warehouse
from ingestion.warehouses.profile import find_warehouse

__all__ = ["Catalogue", "Columns", "Dialect", "Session", "Warehouse", "find_warehouse"]
