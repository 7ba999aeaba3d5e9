"""Posteriors of segments against a sampler."""

import numpy as np
import pytest
from fairlift_stats.bayes.segment_shrinkage import fit_segments


def test_segments_agree_with_a_sampler() -> None:
    # Independent of the grid: importance sampling from the prior.
    y, v = np.array([0.3, 0.05, -0.1]), np.array([0.04, 0.01, 0.02])
    rng = np.random.default_rng(4)
    tau, mu = np.abs(rng.normal(0, 0.25, 400_000)), rng.normal(0, 0.5, 400_000)
    spread = v + tau[:, None] ** 2
    weight = np.exp(-0.5 * (np.log(spread) + (y - mu[:, None]) ** 2 / spread).sum(axis=1))
    weight /= weight.sum()
    kept = tau[:, None] ** 2 / spread
    expected = weight @ (kept * y + (1 - kept) * mu[:, None])

    found = fit_segments({str(i): (y[i], v[i]) for i in range(3)})

    assert [s.shrunk for s in found.segments] == pytest.approx(expected, abs=3e-3)
    assert found.mean == pytest.approx(weight @ mu, abs=3e-3)
    assert found.tau == pytest.approx(weight @ tau, abs=3e-3)
    draws = kept * y + (1 - kept) * mu[:, None] + rng.normal(size=kept.shape) * np.sqrt(kept * v)
    order = np.argsort(draws[:, 0])
    cdf = np.cumsum(weight[order])
    low, high = draws[order, 0][np.searchsorted(cdf, [0.025, 0.975])]
    interval = found.segments[0].interval
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)
