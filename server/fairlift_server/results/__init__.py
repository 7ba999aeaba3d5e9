"""Results: the analysis plan, looks, records of looks, data quality and the worker pool."""
