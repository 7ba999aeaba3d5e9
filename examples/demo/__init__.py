"""A simulated shop on a real server: what a marketer reads, and the truth beside it."""
