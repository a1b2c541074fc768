"""What the commands do: load, backfill, replay, verify, status, copy, dbt_sources."""
