"""From summaries to a report: one result for each metric and treatment."""
