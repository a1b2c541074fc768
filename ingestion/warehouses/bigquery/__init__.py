"""BigQuery as the warehouse. What other engines call a schema is a dataset here.

dlt uploads Arrow batches as parquet files for load jobs, which cost nothing. Rows of raw come back as Arrow.
"""
