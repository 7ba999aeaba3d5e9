"""Segments with very many labels: their smallest are made one before anything is added up."""

from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Final

import ibis

from fairlift_server.analysis.segment_labels import label_columns
from fairlift_server.analysis.untyped import Table

LABELS_OF_TEXTS: Final = "labels_of_texts"


def label_texts(labelled: Table) -> Table:
    """Each text of segments of each query, with its number of units."""
    columns = [name for name in labelled.columns if name.startswith("known_label")]
    return labelled.group_by(["query_id", "segments", *columns]).aggregate(units=labelled.count())


def texts_of_exposures(persons: Table) -> Table:
    """One row per query: about how many texts of segments exposures bring."""
    return persons.group_by("query_id").aggregate(number=persons.segments.approx_nunique())


def label_combinations(labels: Table) -> Table:
    """One row per query with labels of persons: about how many combinations there may be.

    Args:
        labels: as `person_labels` gives them.
    """
    columns = [name for name in labels.columns if name.startswith("known_label")]
    numbers = [
        labels[name].approx_nunique().cast("float64") + labels[name].isnull().cast("float64").max()
        for name in columns
    ]
    # One more: persons of whom nothing is known.
    return labels.group_by("query_id").aggregate(number=reduce(mul, numbers) + 1)


def label_columns_of_texts(segments: Sequence[str]) -> dict[str, str]:
    """The columns of the table that says which labels a text becomes."""
    texts = dict.fromkeys(("segments", *label_columns(segments)), "string")
    return {"query_id": "int64", "part": "int64", **texts, "labels": "int64"}


def with_capped_labels(labelled: Table, segments: Sequence[str], part: int) -> Table:
    """The rows with the number of their labels, by one part of the attributes."""
    texts = ibis.table(label_columns_of_texts(segments), name=LABELS_OF_TEXTS)
    texts = texts.filter(texts.part == part).drop("part").mutate()
    names = ("query_id", "segments", *label_columns(segments))
    joined = labelled.join(texts, [labelled[name] == texts[name] for name in names])
    return joined.select(
        *[labelled[name] for name in labelled.columns], labels=texts.labels
    ).mutate()
