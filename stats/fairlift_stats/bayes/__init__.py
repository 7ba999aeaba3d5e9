"""What to believe: posteriors as distributions that can be integrated exactly, without draws."""
