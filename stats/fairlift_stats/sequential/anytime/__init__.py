"""Tests and intervals that stay valid at any time, with no plan of looks."""
