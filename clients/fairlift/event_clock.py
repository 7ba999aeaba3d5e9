"""What this machine's clock showed when events were stamped, also after somebody has set it."""

import time

# Clocks that differ by less are one clock that is adjusted slowly.
SAME_S = 10.0
# Counts while the machine sleeps too, where the system has such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", None)


def steady_s() -> float:
    """Seconds that pass evenly: setting the clock changes nothing."""
    return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


def clock_offset_s() -> float:
    """How far the clock is from the steady one now; it changes when somebody sets the clock."""
    return time.time() - steady_s()
