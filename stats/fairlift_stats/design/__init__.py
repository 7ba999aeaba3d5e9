"""Before the start: power, sample size, duration, assignment and A/A replays."""
