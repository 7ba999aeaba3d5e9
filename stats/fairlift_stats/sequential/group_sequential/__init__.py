"""Boundaries for a planned number of looks, and what can be said when one is crossed."""
