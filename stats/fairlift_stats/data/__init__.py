"""Input: sufficient statistics of groups of units, and the metrics computed from them."""
