"""Adaptive allocation of traffic, and estimates from its data."""
