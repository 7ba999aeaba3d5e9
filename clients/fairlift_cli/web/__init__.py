"""Web pages that follow a running server: they read, and change nothing."""
