"""Every error of the package crosses a process: the worker pool of the server pickles them."""

import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from typing import Any

import fairlift_stats
import pytest
from fairlift_stats.errors import StatisticsError
from fairlift_stats.sequential import errors as sequential

# The arguments of those that word their own message, as the code gives them.
ARGUMENTS: dict[type[StatisticsError], tuple[Any, ...]] = {
    sequential.BadLevel: ("alpha", 5.0),
    sequential.FlatPrior: (None,),
    sequential.LooksOutOfOrder: ("2026-03-02", "2026-03-01"),
    sequential.InformationFell: (0.5, 0.4),
    sequential.BeyondPlan: ("units", 1200.0, 1000.0),
    sequential.PlanChanged: ("5f1c", "a0b3"),
    sequential.LookEdited: (3, 12),
    sequential.UnknownArm: ("arm", "c", ("a", "b")),
    sequential.NotANumber: ("units", "0 or more", -1),
    sequential.ZeroVariance: ("revenue", 0.0),
}


def error_classes() -> Iterator[type[StatisticsError]]:
    modules = pkgutil.walk_packages(fairlift_stats.__path__, "fairlift_stats.")
    for name in [module.name for module in modules]:
        for value in vars(importlib.import_module(name)).values():
            is_error = isinstance(value, type) and issubclass(value, BaseException)
            if is_error and value.__module__ == name:
                assert issubclass(value, StatisticsError), f"{value} is outside the tree"
                yield value


@pytest.mark.parametrize("error_class", list(error_classes()), ids=lambda one: one.__name__)
def test_an_error_arrives_in_another_process_as_it_was_raised(
    error_class: type[StatisticsError],
) -> None:
    error = error_class(*ARGUMENTS.get(error_class, ("units: are 1, must be 2 or more",)))

    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is error_class
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_what_was_noted_on_an_error_arrives_with_it() -> None:
    error = sequential.ZeroVariance("revenue", 0.0)
    error.add_note("metric: revenue_per_visitor")

    assert pickle.loads(pickle.dumps(error)).__notes__ == ["metric: revenue_per_visitor"]
