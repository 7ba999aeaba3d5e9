"""Results: the analysis plan, looks, kept looks, data quality and the worker pool."""
