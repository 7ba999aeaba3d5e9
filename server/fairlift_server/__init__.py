"""The server: it decides, keeps an order ledger, and says what the data say."""
