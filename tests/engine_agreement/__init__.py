"""Every engine says the same of random histories, to the last digit."""
