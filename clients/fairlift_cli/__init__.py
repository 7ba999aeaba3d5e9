"""The command line of Fairlift, for people and for CI."""
