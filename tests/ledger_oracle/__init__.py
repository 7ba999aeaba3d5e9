"""An independent reference of the ledger: plain loops over whole numbers and fractions.

It is written from the documents alone (the contract's comments, `docs/campaigns.md` and the
decisions), shares no code with the server, and is held against it over random histories.
"""
