"""From a frame with one row per unit to a report, in a notebook."""
