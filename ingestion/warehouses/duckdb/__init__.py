"""DuckDB as the warehouse: a file, which one program at a time may write to."""
