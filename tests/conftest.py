"""Settings that all tests share, and a Spark cluster for those that need one."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.spark_cluster import SparkCluster, configured, missing_for_spark

# A busy machine is slow, and that is no property of the code: benchmarks measure time. That goes
# for the examples' deadline, and for the health check that times how long drawing them takes.
settings.register_profile(
    "search", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# What landed green stays green: the same examples each time. To look for new ones, run
# `pytest --hypothesis-profile=search`, with `--hypothesis-seed` to repeat a find.
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")

# A shell's background jobs, and all that they start, ignore Ctrl-C; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A master and two workers; skipped, with the reason, where Spark cannot run."""
    if reason := missing_for_spark():
        pytest.skip(reason)
    with configured(tmp_path_factory.mktemp("spark-configuration")):
        cluster = SparkCluster()
        try:
            yield cluster
        finally:
            cluster.stop()
