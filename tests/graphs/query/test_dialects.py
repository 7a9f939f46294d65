"""The same Cypher means the same on every store: hundreds of cohort questions against answers from the tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from cohort_questions import QUESTIONS, Question
from cohort_tables import CohortTables
from stores import EVERY, Kind

from clinome.graphs.query.cypher import parse, run_lists
from clinome.graphs.store.protocol import Store

TABLES = CohortTables(seed=1)
WHOLE = (EVERY[0], EVERY[-1])
"""Stores that are asked everything here; of the others every fifth question. benchmarks/stores/dialects.py asks all of them all."""


@pytest.fixture(scope="module")
def store(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Each kind of store, with the tables in it; nobody writes any more."""
    place = kind.empty(tmp_path_factory.mktemp(kind.name.replace(" ", "-")))
    with place.open() as writer:
        TABLES.write(writer)
    with place.open(write=False) as reader:
        yield reader


def plain(value: Any) -> Any:
    """What can be compared and sorted, whatever order a store gives lists that were collected, and keys of a map."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else round(value, 9) if math.isfinite(value) else value
    if isinstance(value, list | tuple | pl.Series):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    return value


def rows(given: list[tuple[Any, ...]], ordered: bool) -> list[Any]:
    made = [[sorted(v, key=repr) if isinstance(v, list) and _unordered(v) else v for v in plain(row)] for row in given]
    return made if ordered else sorted(made, key=repr)


def _unordered(value: list[Any]) -> bool:
    return all(isinstance(item, str) and item.startswith("S") for item in value)


ASKED = [
    pytest.param(kind, question, id=f"{kind}-{n}")
    for kind in EVERY for n, question in enumerate(QUESTIONS) if kind in WHOLE or n % 5 == 0
]  # fmt: skip


@pytest.mark.parametrize(("kind", "question"), ASKED, indirect=["kind"], scope="module")
def test_every_store_answers_as_the_tables_do(store: Store, question: Question) -> None:
    found = run_lists(store, parse("question", question.text), question.params)
    got = list(zip(*found.values(), strict=True))
    assert rows(got, question.ordered) == rows(question.want(TABLES), question.ordered), question.text


def test_the_corpus_is_one() -> None:
    assert len({question.text for question in QUESTIONS}) == len(QUESTIONS) >= 200
    assert sum(bool(question.want(TABLES)) for question in QUESTIONS) > 0.97 * len(QUESTIONS)
