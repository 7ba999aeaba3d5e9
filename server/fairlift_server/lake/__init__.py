"""The ledger as Parquet files by day of receipt, for DuckDB, Spark and whatever else reads them."""
