"""How many days events may be kept for."""

# Refunds and late events of a campaign that has ended still count for so long.
MIN_RETENTION_DAYS = 30
MAX_RETENTION_DAYS = 36_500
RETENTION_RULE = (
    f"must be 0 (keep everything), or {MIN_RETENTION_DAYS} or more, up to {MAX_RETENTION_DAYS:,}"
)


def may_retain(days: int) -> bool:
    """Whether it is an allowed number of days; 0: for ever."""
    return days == 0 or MIN_RETENTION_DAYS <= days <= MAX_RETENTION_DAYS
