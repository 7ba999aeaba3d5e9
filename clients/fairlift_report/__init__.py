"""A campaign's report as data, and as one HTML file that needs nothing else."""
