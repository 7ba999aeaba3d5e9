"""Our speed beside that of peers, as ratios formed in one run."""
