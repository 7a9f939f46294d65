"""Errors cross processes: a worker's is said as it would be said here."""

from __future__ import annotations

import pickle

import pytest

from clinome.graphs.store.protocol import NoGraph
from clinome.loaders.errors import ClinomeError, EngineError, InputError, NotBuilt, UsageError
from clinome.models.learners.adapters.own_code import LearnerFailed
from clinome.verbs.train import CannotRun

ERRORS = [
    InputError("unknown key", "study.toml [cohort]", "querry", "query", "rename it"),
    InputError("it cannot be read", "a.csv"),
    LearnerFailed("mine", "its fit raised ValueError", 3, 4),
    NoGraph("lung.graph"),
    CannotRun("mine", "the study has no records"),
    UsageError("no such verb"),
    EngineError("the server is away"),
    NotBuilt("quality"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_from_a_worker_as_it_was(error: ClinomeError) -> None:
    again = pickle.loads(pickle.dumps(error))  # our own bytes
    assert type(again) is type(error) and str(again) == str(error) and again.exit_code == error.exit_code
    assert vars(again) == vars(error)
