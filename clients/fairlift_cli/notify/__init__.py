"""Tells people which verdicts have changed, each change once."""
