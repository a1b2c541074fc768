"""What a forked process has imported already: the process that is forked imports this module, and nothing else does."""

import gc
import importlib

import duckdb

from ingestion.settings import prepare_dlt

MODULES = (
    "ingestion.cli", "ingestion.operations.load", "ingestion.operations.status", "ingestion.operations.verify",
    "ingestion.operations.copy", "ingestion.warehouses.duckdb",
    "ingestion.dlt_internals.postgres_copy", "ingestion.sources.calendar", "ingestion.sources.payments", "ingestion.sources.shop",
    "ingestion.sources.supplier", "dlt.destinations.impl.duckdb.duck", "dlt.destinations.impl.postgres.postgres",
    "dlt.pipeline.pipeline", "dlt.load.load", "dlt.normalize.normalize", "dlt.common.libs.pyarrow", "holidays.countries", "jinja2",
    "dbt.adapters.duckdb", "dbt.adapters.postgres", "support.processes", "support.ingest_process", "support.killed_process",
)  # fmt: skip

prepare_dlt()  # dlt reads its settings when it is imported
for module in MODULES:
    importlib.import_module(module)
duckdb.close()  # its import starts a thread, which a forked process would lack and wait for
gc.freeze()  # a forked process that collects garbage would copy all that was imported
