"""What the processes of support.processes need: the process that is forked imports this module, and nothing else does."""

import dbt.adapters.duckdb
import dbt.adapters.postgres  # noqa: F401
import duckdb
import support.killed_process
import support.processes  # noqa: F401

duckdb.close()  # importing it starts a thread, which a forked process would lack
