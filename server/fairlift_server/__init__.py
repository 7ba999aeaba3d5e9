"""The server: assigns variants, stores events and orders, and reports results."""
