"""A large shop, made by SQL in seconds: its events straight in the tables of the ledger."""
