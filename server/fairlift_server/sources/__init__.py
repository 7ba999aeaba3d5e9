"""The shop's own tables as a ledger: which of their columns say what, by SQL expressions."""
