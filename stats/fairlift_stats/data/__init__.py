"""What goes in: summaries of units, and the metrics that read them."""
