"""The contract fairlift.v1, generated from proto/ by `make proto`; never edited."""
