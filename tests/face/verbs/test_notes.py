"""A study of notes and images from its files to predictions: what is planted is found, and no name leaves the tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from notes_study import MRN, SECRET, write_notes_study

import clinome
from clinome.loaders.errors import InputError
from clinome.run_folder.run import Run
from clinome.study import Study


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    file = write_notes_study(tmp_path_factory.mktemp("notes"))
    return file, clinome.run(file)


def test_what_is_told_in_notes_and_images_predicts(ran: tuple[Path, Run]) -> None:
    _, run = ran
    results = run.read_json("results.json")
    assert results["learners"]["ridge_late"]["metrics"]["auroc"]["mean"] > 0.7
    assert results["learners"]["ridge_late"]["metrics"]["auroc"]["mean"] < 0.97  # the discharge notes tell it all
    top = pl.read_csv(run.path("biomarkers.csv")).head(6)["feature"].to_list()
    assert {"f0", "f1"} & set(top) and {"comfortable", "ambulatory", "cheerful", "dyspnea", "edema", "wheezing"} & set(
        top
    )
    assert {tuple(one["has"]) for one in run.read_json("summary.json")["presence"]} >= {
        ("images.ct",), ("notes.ward",), ("images.ct", "notes.ward")
    }  # fmt: skip


def test_no_name_leaves_the_tables(ran: tuple[Path, Run]) -> None:
    file, run = ran
    names, texts = SECRET.lower().encode(), b"wheezing"
    for path in (one for one in run.folder.rglob("*") if one.is_file()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data = pl.read_parquet(path).write_json().encode()
        assert names not in data.lower(), path
    assert any(texts in path.read_bytes() for path in run.folder.rglob("*.json"))  # what many have may be said
    assert (file.parent / "notes.tables" / "notes.ward").is_dir()
    with clinome.open(file) as graph:
        kinds = graph.query("MATCH (:Patient)-[h:HAD]->(c:Code) RETURN c.id AS kind, count(h) AS n ORDER BY kind")
        assert kinds["kind"].to_list() == ["IMAGE:ct", "NOTE:discharge summary", "NOTE:progress note"]
        told = graph.query(
            "MATCH (p:Patient)-[h:HAD]->(c:Code) RETURN h.text AS text, properties(h) AS all, properties(c) AS c"
        )
    assert SECRET.lower() not in str(told.to_dict(as_series=False)).lower() if isinstance(told, pl.DataFrame) else True


def test_another_study_is_predicted_with_one_view_of_two(ran: tuple[Path, Run], tmp_path: Path) -> None:
    _, run = ran
    file = write_notes_study(tmp_path, n=80, seed=5)
    text = file.read_text().replace('name = "notes"', 'name = "other"')
    file.write_text(text.partition("[images.ct]")[0] + "[cohort]" + text.partition("[cohort]")[2])
    found = clinome.predict(run.folder, file)
    assert len(found.table) == 80 and found.metrics["auroc"]["mean"] > 0.55
    assert any("images.ct is missing for all 80 patients" in note for note in found.notes)


def test_a_study_whose_outcome_is_noise_is_at_chance(tmp_path: Path) -> None:
    run = clinome.run(write_notes_study(tmp_path, n=200, signal=0.0))
    found = run.read_json("results.json")["learners"]["ridge_late"]["metrics"]["auroc"]
    assert found["low"] < 0.5 < found["high"] or abs(found["mean"] - 0.5) < 0.1


def test_the_audit_reads_notes_that_tell_the_outcome(tmp_path: Path) -> None:
    file = write_notes_study(tmp_path, n=120)
    notes = pl.read_csv(tmp_path / "notes.csv")
    early = pl.when(pl.col("type") == "Discharge summary").then(pl.lit("2019-12-20T10:00:00")).otherwise("written")
    notes.with_columns(written=early).write_csv(tmp_path / "notes.csv")
    file.write_text(file.read_text().replace("p.outcome AS label", "p.outcome AS label // died"))
    text = (
        file.read_text()
        .replace("RETURN p.id", "WITH p, p.outcome AS died RETURN p.id")
        .replace("p.outcome AS label // died", "died AS label")
    )
    file.write_text(text.replace("[task]", '[task]\nlabel = "died"').replace("died AS label", "died"))
    clinome.load(file)
    found = clinome.audit(file).findings
    told = found[found["where"] == "notes.ward"]
    assert told["severity"].to_list() == ["serious"]
    assert not found["sentence"].str.contains(MRN).any()


def test_interleaved_notes_and_images_are_events_of_one_clock(tmp_path: Path) -> None:
    file = write_notes_study(tmp_path / "a", n=160, learners='["boosting"]', more='fusion = "interleaved"')
    run = clinome.run(file)
    assert not run.snapshot.views and run.snapshot.events is not None
    codes = set(run.snapshot.events["code"])
    assert {"NOTE:progress note", "IMAGE:ct", "IMAGE:ct/f0", "TERM:edema"} <= codes
    assert not any(SECRET.lower() in code for code in codes)
    assert "NOTE:discharge summary" not in codes  # written after the prediction
    assert run.read_json("results.json")["learners"]["boosting"]["metrics"]["auroc"]["mean"] > 0.6
    other = write_notes_study(tmp_path / "b", n=60, seed=3)
    assert clinome.predict(run.folder, other).metrics["auroc"]["mean"] > 0.55


def test_a_fusion_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[learn\] fusion"):
        Study.read(write_notes_study(tmp_path, n=20, more='fusion = "interleaving"'))


def test_init_finds_notes_and_what_it_writes_loads(tmp_path: Path) -> None:
    write_notes_study(tmp_path, n=60)
    for name in ("study.toml", "ct.csv"):
        (tmp_path / name).unlink()
    clinome.init(tmp_path)
    study = Study.read(tmp_path / "study.toml")
    (notes,) = study.notes
    assert (notes.subject, notes.time, notes.kind, notes.text) == ("patient", "written", "type", "body")
    assert {one.source: one.tally.rejected for one in clinome.load(study).sources}["notes.notes"] == 0
    assert SECRET not in (tmp_path / "study.toml").read_text()


def test_a_removed_patient_has_no_note_left(tmp_path: Path) -> None:
    file = write_notes_study(tmp_path, n=40)
    clinome.load(file)
    clinome.remove(file, "patient", f"{MRN}0003")
    clinome.load(file)
    for folder in ("notes.ward", "images.ct"):
        for table in (tmp_path / "notes.tables" / folder).rglob("*.parquet"):
            assert f"{MRN}0003" not in pl.read_parquet(table).write_json(), table


def test_a_note_that_is_missing_with_one_outcome_is_told_by_quality(tmp_path: Path) -> None:
    file = write_notes_study(tmp_path, n=90)
    well = pl.read_csv(tmp_path / "patients.csv").filter(pl.col("outcome") == 0)["patient_id"]
    notes = pl.read_csv(tmp_path / "notes.csv")
    notes.filter(~pl.col("patient").is_in(well.implode())).write_csv(tmp_path / "notes.csv")
    clinome.load(file)
    found = clinome.quality(file).findings
    assert "notes.ward" in found.loc[found["severity"] == "serious", "where"].to_list()


def test_ids_in_notes_become_pseudonyms(tmp_path: Path) -> None:
    file = write_notes_study(tmp_path, n=30)
    file.write_text(file.read_text().replace('path = "patients.csv"', 'path = "patients.csv"\npseudonymise = true'))
    clinome.load(file)
    (table,) = (tmp_path / "notes.tables" / "notes.ward").rglob("notes.parquet")
    assert MRN not in pl.read_parquet(table).write_json()
