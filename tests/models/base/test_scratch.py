"""The run's cache: a hit is what fitting would make; workers share it; without a folder nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from clinome.models.base.scratch import digest, kept, share
from clinome.models.encoders.propagation import fit_messages


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    yield
    share(None)


def test_what_was_made_once_is_found_again_and_without_a_folder_made_anew(tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(3.0), "b": np.asarray(0.5)}

    for _ in range(2):
        kept(lambda: "key", make)
    assert len(calls) == 2
    share(tmp_path)
    first = kept(lambda: "key", make)
    second = kept(lambda: "key", make)
    assert len(calls) == 3 and [file.name for file in tmp_path.iterdir()] == ["key.npz"]
    assert all(np.array_equal(first[name], second[name]) for name in ("a", "b"))


def test_a_name_is_of_every_byte_and_of_the_shape() -> None:
    x = np.arange(6.0)
    assert digest("m", x) == digest("m", x.copy())
    assert len({digest("m", x), digest("n", x), digest("m", x.reshape(2, 3)), digest("m", x.astype(np.float32))}) == 4


def test_messages_from_the_cache_are_those_that_fitting_makes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 9)).astype(np.float32)
    response = (x[:, :1] + rng.normal(size=(60, 1)) > 0).astype(np.float64)
    share(tmp_path)
    fits = [fit_messages(lambda rows: x[rows], np.arange(60), response, None) for _ in range(2)]
    share(None)
    for made in [*fits, fit_messages(lambda rows: x[rows], np.arange(60), response, None)]:
        assert np.array_equal(made.embedding, fits[0].embedding) and np.array_equal(made.readout, fits[0].readout)
        assert made.state().keys() == fits[0].state().keys() and made.penalty == fits[0].penalty
    other = fit_messages(lambda rows: x[rows], np.arange(60), 1 - response, None)
    assert not np.array_equal(other.readout, fits[0].readout)
