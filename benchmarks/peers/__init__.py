"""Peers whose pins do not fit ours: each runs in an environment of its own, timed in turns."""
