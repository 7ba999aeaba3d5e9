"""Settings that all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine is slow, and that is no property of the code: benchmarks measure time. That goes
# for the examples' deadline, and for the health check that times how long drawing them takes.
settings.register_profile(
    "search", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# What landed green stays green: the same examples each time. To look for new ones, run
# `pytest --hypothesis-profile=search`, with `--hypothesis-seed` to repeat a find.
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")
