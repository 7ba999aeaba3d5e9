# mypy: ignore-errors
# It runs in the peers' environment, where nothing of ours is installed.
"""Run by the peers' own Python: answers each line "LOOKS" with the seconds of one design.

The design is spotify-confidence's two-sided 5 % spending with the second power of the information.
"""

import sys
import time
import warnings

import numpy as np
from spotify_confidence.analysis.frequentist.sequential_bound_solver import bounds

warnings.simplefilter("ignore")
for line in sys.stdin:
    times = np.arange(1, int(line) + 1) / int(line)
    start = time.perf_counter()
    bounds(times, alpha=0.05, rho=2, ztrun=8, sides=2, max_nints=None)
    print(time.perf_counter() - start, flush=True)
