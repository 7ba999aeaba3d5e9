"""Events: the rules of the ledger, and group commit of the events of many calls."""
