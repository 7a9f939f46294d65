"""Activities in the fold: fitted on training rows, found by a planted pathway, saved, served, counted."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from snapshots import as_array, garbage, make_snapshot

import clinome
from clinome.errors import InputError
from clinome.loaders.specs import Activity
from clinome.models.biomarkers.association import p_values
from clinome.models.biomarkers.feature_effects import effects
from clinome.models.inference.input_schema import InputSchema
from clinome.models.learners.registry import make
from clinome.models.preprocessing.activity.registry import METHODS
from clinome.models.preprocessing.blocks import column_names
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.snapshot import Snapshot

TRAIN, HELD = np.arange(140), np.arange(140, 240)
BLOCK, FOUND = "rna.sets", "PATHWAY:P0"
LEARNERS = ("best_feature", "ridge_late", "forest", "boosting")


def planted(method: str = "ulm", *, task: str = "binary", keep_genes: bool = True, seed: int = 0) -> Snapshot:
    """120 genes in twelve sets; the first set's genes follow the outcome."""
    found = make_snapshot(task, n=240, layers=("rna", "mutations"), features=120, signal=1.5, seed=seed)
    asked = Activity(method, ("sets",), keep_genes=keep_genes)
    links = found.links.with_columns(source=pl.lit("knowledge.sets"))
    return replace(found, links=links, layers={**found.layers, "rna": replace(found.layers["rna"], activity=asked)})


def test_activities_stand_beside_the_genes_or_in_their_place() -> None:
    assert column_names(planted())[:3] == ["rna", BLOCK, "mutations"]
    assert column_names(planted(keep_genes=False))[:2] == [BLOCK, "mutations"]
    block = FoldPreprocessing.fit(planted(), TRAIN, [BLOCK]).blocks[BLOCK]
    assert block.entities() == sorted(f"PATHWAY:P{i}" for i in range(12))
    x = as_array(block.transform(planted(), HELD))
    assert x.shape == (100, 12) and np.abs(x.mean(axis=0)).max() < 0.5
    assert not x[~planted().layers["rna"].profiled[HELD]].any()


@pytest.mark.parametrize("method", METHODS)
def test_fitted_on_training_rows_saved_and_restored(method: str) -> None:
    snapshot = planted(method)
    fitted, other = (FoldPreprocessing.fit(s, TRAIN, [BLOCK]) for s in (snapshot, garbage(snapshot, HELD)))
    one, two = (as_array(f.blocks[BLOCK].transform(snapshot, HELD)) for f in (fitted, other))
    np.testing.assert_array_equal(one, two)
    again = FoldPreprocessing.restored(fitted.state()).blocks[BLOCK]
    bare = replace(snapshot, links=snapshot.links.clear())  # of another study: the sets are the model's
    np.testing.assert_array_equal(as_array(again.transform(bare, HELD)), one)
    parts = [as_array(again.transform(bare, part)) for part in np.array_split(HELD, 7)]
    np.testing.assert_allclose(np.vstack(parts), one, atol=1e-6)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("task", ["binary", "survival"])
def test_the_planted_set_is_what_learners_name(name: str, task: str) -> None:
    snapshot = planted(task=task, keep_genes=False)
    learner = make(name).with_setting({}, 0)
    learner.fit(snapshot, TRAIN[:110], TRAIN[110:])
    told = learner.attribute(snapshot, HELD)
    assert told is not None and told[BLOCK].names[int(told[BLOCK].importance().argmax())] == FOUND
    table = effects(learner, snapshot, HELD, 0)
    assert table is not None
    found = table.filter((pl.col("block") == BLOCK) & (pl.col("feature") == FOUND))
    assert found["slope"][0] > 0  # up in those who have the outcome
    if name == "boosting" and task == "binary":
        again: Any = make(name).restore(learner.state())
        np.testing.assert_array_equal(again.predict(snapshot, HELD), learner.predict(snapshot, HELD))


def test_the_planted_set_is_associated_and_the_others_are_not() -> None:
    """By the mean, which looks at no other gene: the other scores are of one gene against the rest, and fall where it rises."""
    p = p_values(planted("wmean"), BLOCK, [f"PATHWAY:P{i}" for i in range(12)])
    assert p[0] < 1e-8 and p[1:].min() > 1e-3


def test_signs_are_those_of_the_weights() -> None:
    """A factor that represses what rises in the ill is low in them."""
    snapshot = planted()
    weight = pl.when(pl.col("object") == FOUND).then(-1.0).otherwise(None)
    turned = replace(snapshot, links=snapshot.links.with_columns(score=weight))
    one, two = (
        as_array(FoldPreprocessing.fit(s, TRAIN, [BLOCK]).blocks[BLOCK].transform(s, HELD)) for s in (snapshot, turned)
    )
    np.testing.assert_allclose(one[:, 0], -two[:, 0], atol=1e-5)
    np.testing.assert_array_equal(one[:, 1:], two[:, 1:])


def test_few_genes_are_no_set_and_a_study_without_some_is_served() -> None:
    snapshot = planted()
    rna = snapshot.layers["rna"]
    small = replace(rna, activity=Activity("ulm", ("sets",), least_genes=11))
    nothing = FoldPreprocessing.fit(replace(snapshot, layers={"rna": small}), TRAIN, [BLOCK]).blocks[BLOCK]
    assert nothing.entities() == [] and as_array(nothing.transform(snapshot, HELD)).shape == (100, 0)
    learner: Any = make("ridge_late").with_setting({}, 0)
    learner.fit(replace(snapshot, layers={"rna": small}), TRAIN[:110], TRAIN[110:])
    learner.fit(snapshot, TRAIN[:110], TRAIN[110:])
    kept = np.arange(5, 120)
    lacking = replace(rna, var=rna.var[kept], values=rna.values[:, kept])
    served = InputSchema.of(snapshot).serve(replace(snapshot, layers={**snapshot.layers, "rna": lacking})).snapshot
    score = learner.predict(served, HELD)
    assert np.isfinite(score).all() and np.corrcoef(score, learner.predict(snapshot, HELD))[0, 1] > 0.8


def test_a_snapshot_keeps_what_is_asked(tmp_path: Path) -> None:
    planted("ssgsea", keep_genes=False).save(tmp_path / "s")
    assert Snapshot.read(tmp_path / "s").layers["rna"].activity == Activity("ssgsea", ("sets",), 5, False)


@pytest.mark.parametrize(
    ("lines", "kind", "said"),
    [
        ('activity = "ulm"\npathways = "other"', "expression", "no such knowledge"),
        ('activity = "ulm"', "expression", "a method without sets"),
        ('pathways = "sets"', "expression", "sets without a method"),
        ('activity = "gsva"\npathways = "sets"', "expression", "unknown word"),
        ('activity = "ulm"\npathways = "sets"\nleast_genes = 0', "expression", "not a number of genes"),
        ('activity = "ulm"\npathways = "sets"', "mutation", "mutations are events"),
        ('activity = "ulm"\npathways = "sets"\n[omics."m.sets"]\npath = "n.csv"', "expression", "a layer is called"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_loaded(lines: str, kind: str, said: str) -> None:
    text = f'name = "s"\nstore = "s.graph"\n[knowledge.sets]\npath = "s.gmt"\n[omics.m]\npath = "m.csv"\nkind = "{kind}"\n{lines}\n'
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "study.toml").write_text(text)
        with pytest.raises(InputError, match=said) as found:
            clinome.Study.read(folder)
    assert found.value.fix
