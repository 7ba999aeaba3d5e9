"""The numerics under every stopping rule: recursive integration and root finding."""
