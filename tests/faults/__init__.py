"""Faults, each with a count at its end: what was acknowledged, lost, doubled or wrong."""
