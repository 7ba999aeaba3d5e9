"""Events: the ledger's rules, and the durable intake of many calls at once."""
