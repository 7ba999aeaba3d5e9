"""Settings that all tests share."""

from hypothesis import settings

# A busy machine is slow, and that is no property of the code: benchmarks measure time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
