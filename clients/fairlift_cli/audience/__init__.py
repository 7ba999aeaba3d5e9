"""What the linter knows about audiences: the short form, contradictions, overlaps and words."""
