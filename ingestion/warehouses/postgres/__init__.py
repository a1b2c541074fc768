"""PostgreSQL as the warehouse.

dlt writes Arrow batches with ADBC, as binary COPY. Rows of raw come back through DuckDB's postgres extension, numerics
as text: see `ingestion.connectors.postgres`, which reads sources in the same way.
"""
