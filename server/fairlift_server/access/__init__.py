"""Who may do what: tokens, their roles, and the settings that administrators change."""
