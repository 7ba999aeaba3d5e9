"""Audiences in the CLI: parser of the short form, contradictions, overlaps, words."""
