"""What hangs on the inside of dlt, and on nothing that it documents. `VERSION` is the one that this was written for;
`tests/test_dlt_internals.py` fails when another is installed, or when what is used here has changed.

`pipeline` has working folders, load packages, state and load jobs that are a SELECT; `destinations` hands dlt a warehouse that
is open already; `postgres_copy` is a load job of our own. The names of dlt's own tables and column are here.
"""

VERSION = "1.31.0"
LOADS, STATE, SCHEMAS = "_dlt_loads", "_dlt_pipeline_state", "_dlt_version"
LOAD_ID = "_dlt_load_id"
OWN_PREFIX = "_dlt"  # of dlt's own tables
