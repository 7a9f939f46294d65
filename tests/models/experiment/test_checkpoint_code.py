"""Checkpoints rest on the source of clinome.models: a run goes on with jobs of its own code and with no others.

A run that was interrupted before its code was moved or changed is not mixed with jobs of other code.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from equal_results import equal
from own_network import Sage
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import checkpoint
from clinome.models.experiment import run as harness
from clinome.models.experiment.checkpoint import Checkpoint
from clinome.models.experiment.results import Results
from clinome.models.learners.adapters.pytorch_geometric import pyg
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.baselines.boosting import Boosting
from clinome.models.learners.baselines.forest import Forest
from clinome.models.learners.registry import LEARNERS, make, select

LEARN = Learn(trials=2, workers=1)
OURS = ("majority", "covariates", "ridge_late", "boosting")


def run(snapshot: Snapshot, kept: Checkpoint | None) -> Results:
    learners = select(snapshot, OURS)[0]
    return harness.run(snapshot, learners, Evaluate(), LEARN, lambda line: None, keep=True, checkpoint=kept)


@pytest.fixture
def other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of clinome.models, whose source is what kept jobs rest on as long as this lasts."""
    copy = tmp_path / "code"
    shutil.copytree(Path(checkpoint.__file__).parents[1], copy, ignore=shutil.ignore_patterns("__pycache__"))
    with monkeypatch.context() as during:
        during.setattr(checkpoint, "__file__", str(copy / "experiment" / "checkpoint.py"))
        checkpoint.code.cache_clear()
        yield copy
    checkpoint.code.cache_clear()


def code_of_now() -> str:
    checkpoint.code.cache_clear()
    return checkpoint.code()


def test_whatever_file_of_models_changes_the_code_is_another(other_code: Path) -> None:
    """Wherever a file lies or is moved: an encoder's change makes other jobs as much as the loop's own."""
    rooms = sorted(path.parent for path in other_code.rglob("__init__.py"))
    assert len(rooms) > 10, "the copy is the package of all learning, not one of its folders"
    before, found = code_of_now(), set()
    for room in rooms:
        file = max(room.glob("*.py"), key=lambda one: one.stat().st_size)
        source = file.read_bytes()
        file.write_bytes(source + b"\n# another line\n")
        found.add(code_of_now())
        file.write_bytes(source)
        moved = file.rename(file.with_name(f"moved_{file.name}"))
        found.add(code_of_now())
        moved.rename(file)
        assert code_of_now() == before
    assert before not in found and len(found) == 2 * len(rooms)
    (other_code / "encoders" / "notes.txt").write_text("no code")
    assert code_of_now() == before


def test_jobs_of_other_code_are_not_mixed_in(tmp_path: Path, other_code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run was stopped, then the code moved and changed: started again, it does everything anew, as if it were new."""
    snapshot, kept = make_snapshot(n=60, features=12), Checkpoint(tmp_path / "jobs", "basis")
    fits: list[int] = []
    fit, predict = Boosting.fit, Boosting.predict

    def counted(*given: Any) -> None:
        fits.append(1)
        fit(*given)

    monkeypatch.setattr(Boosting, "fit", counted)
    expected, all_fits = run(snapshot, None), len(fits)
    source = other_code / "learners" / "baselines" / "boosting.py"
    source.write_bytes(source.read_bytes() + b"\n# older: it took the other class\n")
    checkpoint.code.cache_clear()
    with monkeypatch.context() as before:
        before.setattr(Boosting, "predict", lambda *given: 1 - predict(*given))
        run(snapshot, kept)
    of_old = set(kept.folder.iterdir())
    fits.clear()
    with monkeypatch.context() as now:
        now.setattr(checkpoint, "__file__", harness.__file__)
        checkpoint.code.cache_clear()
        equal(run(snapshot, kept), expected)
        assert len(fits) == all_fits, "nothing of the other code's was taken"
        of_new = set(kept.folder.iterdir()) - of_old
        assert len(of_new) == len(of_old) > 0
        fits.clear()
        equal(run(snapshot, kept), expected)
        assert not fits, "its own are"


def test_each_of_our_learners_has_a_place_and_none_of_the_users_own(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    snapshot = make_snapshot(n=60, features=10)
    kept, job = Checkpoint(tmp_path, "basis"), harness._jobs(snapshot.folds, ["forest"], Evaluate(), LEARN, 0.0)[0]
    places = {name: kept.place("run_job", job, make(name)) for name in LEARNERS}
    assert None not in places.values(), places
    assert len(set(places.values())) == len(LEARNERS)

    class Mine(Forest):
        """Of ours, but written by the user."""

    for own in (sklearn(LogisticRegression(), "mine"), pyg(Sage(1), "binary"), Mine()):
        assert kept.place("run_job", job, own) is None
