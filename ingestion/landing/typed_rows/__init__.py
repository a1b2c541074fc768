"""Rows of typed columns, which DuckDB reads from a database by itself.

How a run decides what to land of a table:

1. Nothing of it is in raw yet: everything; by one INSERT … SELECT inside dlt's load job when the warehouse is DuckDB, else
   as Arrow batches.
2. Else the rows whose cursor lies after the last one less a look-back (rows may commit late), and those without a cursor; of
   these, the ones that differ from what raw holds as the latest version of their key. All rows are read where the cursor is
   no time, as then nobody can tell how far to look back.
3. Keys are compared in every run while a table is small, and else once a day by the source's clock (or with --deletes,
   --full). A key that the source no longer has lands as its last row, marked deleted. A key that raw lacks, or holds as
   deleted, is read whatever its cursor says: it came back, or committed later than the look-back.

Values are cast to raw's types, and the cast fails on what a type can't hold. Then, and when a column's type is no longer
raw's, the table is read once more and validated: all values as text, each put to the test (`ingestion.landing.exact_types`), and a
row with one that does not fit goes to quarantine. All of a table's reads share one transaction, and so one snapshot.
"""
