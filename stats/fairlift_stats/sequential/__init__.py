"""Looking every day and stopping early, without false winners."""
