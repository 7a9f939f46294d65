"""Pretraining: what records without an outcome teach of their order is of use, what their shuffled times teach is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.loaders.errors import InputError
from clinome.models.base.serialization import read_state, write_state
from clinome.models.encoders.codes.pretrained import CODES, OBJECTIVES, PretrainedEncoder
from clinome.models.encoders.codes.transformer import SequenceEncoder
from clinome.models.inference.encoder_file import read_encoder, write_encoder
from clinome.models.inference.model import member_of
from clinome.models.learners.registry import make
from clinome.models.learners.sequence import pretraining
from clinome.models.learners.sequence.pretraining import patient_vectors, pretrain, shuffled_times, started
from clinome.models.preprocessing.tokens.pretrained_vocabulary import extended
from clinome.models.preprocessing.tokens.tokenizer import fit_vocabulary

BRIEF = {"plan": {"epochs": 2}}


@pytest.fixture(autouse=True)
def _few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "SEEN", 8_000)


def records(n: int = 60) -> Snapshot:
    return make_snapshot(n=n, layers=(), records=True, covariates=False)


@pytest.fixture(scope="module")
def encoder() -> PretrainedEncoder:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pretraining, "SEEN", 8_000)
        return pretrain(records(), "masked", basis="here")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_label_is_looked_at_and_the_same_records_give_the_same_encoder(objective: str) -> None:
    snapshot = records()
    turned = replace(snapshot, rows=snapshot.rows.with_columns(label=1 - pl.col("label")))
    bare = replace(snapshot, rows=snapshot.rows.select("subject_id", "prediction_time"), task="")
    made = [pretrain(one, objective) for one in (snapshot, turned, bare)]
    assert made[0].objective == objective and made[0].patients == 60
    assert len({one.fingerprint for one in made}) == 1


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 10"):
        pretrain(records(8))


def test_an_encoder_holds_no_patient_and_nothing_that_few_have(tmp_path: Path) -> None:
    snapshot = records()
    assert snapshot.events is not None
    own = snapshot.events.group_by("row", maintain_order=True).first().select(snapshot.events.columns)
    secret = snapshot.rows["subject_id"].gather(own["row"])
    own = own.with_columns(code="MRN:" + secret, text_value=secret)
    texted = own.with_columns(code=pl.lit("NOTE:name"))
    events = pl.concat([snapshot.events, own, texted]).sort("row", pl.col("days").neg(), maintain_order=True)
    made = pretrain(replace(snapshot, events=events))
    write_encoder(tmp_path / "encoder", made)
    content = b"".join(file.read_bytes() for file in (tmp_path / "encoder").iterdir())
    assert b"NOTE:name" in content and b"MRN" not in content
    assert not [one for one in secret if one.encode() in content]


def test_an_encoder_comes_back_as_it_was_and_a_damaged_one_does_not(encoder: PretrainedEncoder, tmp_path: Path) -> None:
    write_encoder(tmp_path / "a", encoder)
    again = read_encoder(tmp_path / "a")
    assert again.fingerprint == encoder.fingerprint and again.basis == "here" and again.parents == encoder.parents
    state = read_state(tmp_path / "a")
    weights = state["encoder"]["weights"]
    spoilt = np.full_like(weights[CODES], np.nan)
    spoilt_parts: dict[str, dict[str, object]] = {
        "weights": {"weights": {**weights, CODES: spoilt}},
        "entries": {"entries": ["", "?", "?"]},
        "parents": {"parents": [[], [], *[[len(encoder.entries)]] * (len(encoder.entries) - 2)]},
        "objective": {"objective": "other"},
        "steps": {"weights": {**weights, "steps": weights["steps"][:3]}},
    }
    for place, body in spoilt_parts.items():
        write_state(tmp_path / "b", {**state, "encoder": {**state["encoder"], **body}})
        with pytest.raises(InputError, match=f"damaged.*{place}|{place}"):
            read_encoder(tmp_path / "b")
    for what, other in (("not a pretrained", {"kind": "x"}), ("another version", {"format": 99})):
        write_state(tmp_path / "b", {**state, **other})
        with pytest.raises(InputError, match=what):
            read_encoder(tmp_path / "b")
    with pytest.raises(InputError, match="no pretrained encoder here"):
        read_encoder(tmp_path / "nowhere")
    text = json.loads((tmp_path / "a" / "model.json").read_text())
    text["state"]["encoder"]["patients"] = 7
    (tmp_path / "a" / "model.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match="changed"):
        read_encoder(tmp_path / "a")


def test_of_a_code_that_both_know_the_vector_is_the_encoders(encoder: PretrainedEncoder) -> None:
    other = records(40)
    assert other.events is not None and "ICD10CM:I10" in encoder.entries
    known = pl.when(pl.col("code") == "ICD10CM:I10").then(pl.lit("NEW:1")).otherwise("code").alias("code")
    own = fit_vocabulary(
        replace(other, events=pl.concat([other.events, other.events.with_columns(known)])), np.arange(40)
    )
    both = extended(own, encoder)
    assert both.entries[: len(encoder.entries)] == encoder.entries and "NEW:1" in both.known
    assert len(set(both.entries)) == len(both.entries) and both.age == own.age
    blank, theirs = (SequenceEncoder(one, 32, depth=2) for one in (both.ancestor_table(), _table(encoder)))
    encoder.start(theirs, encoder.entries, encoder.parents)
    encoder.start(blank, both.entries, both.parents)
    with torch.no_grad():
        assert torch.equal(blank.embed.table()[2 : len(encoder.entries)], theirs.embed.table()[2:])
    for name, value in theirs.state_dict().items():
        if name.startswith("blocks."):
            assert torch.equal(blank.state_dict()[name], value)
    assert encoder.unknown(["ICD10CM:I10", "NEW:1"]) == ["NEW:1"]


def _table(encoder: PretrainedEncoder) -> torch.Tensor:
    width = 1 + max(len(one) for one in encoder.parents)
    table = torch.zeros(len(encoder.entries), width, dtype=torch.int64)
    for i, above in enumerate(encoder.parents):
        table[i, : 1 + len(above)] = torch.tensor([i, *above])
    return table


def test_a_learner_starts_from_it_and_is_saved_without_it(encoder: PretrainedEncoder) -> None:
    snapshot, rows = records(), (np.arange(35), np.arange(35, 45), np.arange(45, 60))
    learner = started(make("sequence"), encoder)
    assert [one.get("pretrained", 1) for one in learner.settings(4)[:2]] == [1, 0]
    assert not any({"width", "edges"} & one.keys() for one in learner.settings(12))
    still = learner.with_setting({"plan": {"epochs": 0}}, 1)
    still.fit(snapshot, *rows[:2])
    found = [value for name, value in still.state()["weights"].items() if name.endswith("blocks.0.mlp.0.weight")]
    np.testing.assert_array_equal(found[0], encoder.weights["blocks.0.mlp.0.weight"])
    fitted = learner.with_setting(BRIEF, 1)
    fitted.fit(snapshot, *rows[:2])
    member = member_of(fitted)
    again = member.restored({})
    np.testing.assert_array_equal(again.predict(snapshot, rows[2]), fitted.predict(snapshot, rows[2]))
    cold, plain = (
        one.with_setting({**BRIEF, **more}, 1) for one, more in ((learner, {"pretrained": 0}), (make("sequence"), {}))
    )
    for one in (cold, plain):
        one.fit(snapshot, *rows[:2])
    np.testing.assert_array_equal(cold.predict(snapshot, rows[2]), plain.predict(snapshot, rows[2]))
    assert started(make("gru"), encoder).settings(1) == make("gru").settings(1)
    assert started(make("ridge_late"), encoder).name == "ridge_late"


def test_patient_vectors_are_of_each_row_alone(encoder: PretrainedEncoder) -> None:
    snapshot = records(30)
    assert snapshot.events is not None
    without = replace(snapshot, events=snapshot.events.filter(pl.col("row") != 3))
    found, gone = patient_vectors(snapshot, encoder), patient_vectors(without, encoder)
    assert found.shape == (30, 64) and found.dtype == np.float32 and np.isfinite(found).all() and found.any(1).all()
    assert not gone[3].any() and not patient_vectors(replace(snapshot, events=None), encoder).any()


def test_shuffled_times_keep_all_but_the_order() -> None:
    events = records().events
    assert events is not None
    mixed = shuffled_times(events, 1)
    for columns in (["row", "code", "numeric_value", "text_value"], ["row", "days", "age", "visit"]):
        assert events.select(columns).sort(columns).equals(mixed.select(columns).sort(columns))
    assert not events.select("code").equals(mixed.select("code"))
    assert mixed.equals(shuffled_times(events, 1)) and not mixed.equals(shuffled_times(events, 2))
