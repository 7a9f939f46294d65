"""`clinome init`: what it writes loads and trains, joins files by their ids, asks what it cannot know, shows nobody's values."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command import Clinome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_folder import GENES, PEOPLE, clinical, ids, in_columns, in_rows, values, write

import clinome
from clinome.demo.synthetic_cohort import write_cohort
from clinome.errors import InputError
from clinome.verbs.loading.init import InitReport

P = ids()
SMALL = {"learners": ["majority", "ridge_late"], "trials": 1, "workers": 1}


def written(report: InitReport) -> dict[str, Any]:
    return tomllib.loads(report.file.read_text(encoding="utf-8"))


def everything_is_named(report: InitReport, folder: Path, *papers: str) -> None:
    """No file vanishes: each is a source's, or a question's, or a paper."""
    text = report.file.read_text(encoding="utf-8")
    for path in folder.rglob("*"):
        if path.is_file() and path != report.file and path.name not in papers:
            name = str(path.relative_to(folder))
            assert name in text or any(name in question for question in (*report.questions, *report.unread)), name


def load(report: InitReport) -> dict[str, tuple[int, int]]:
    """Source -> rows written and rejected."""
    return {one.source: (one.tally.written, one.tally.rejected) for one in clinome.load(report.file).sources}


def train(report: InitReport) -> dict[str, Any]:
    raw = written(report) | {"evaluate": {"folds": 2}, "learn": SMALL}
    return dict(clinome.train(clinome.Study.parse(raw, report.file.parent)).read_json("results.json"))


def layer(report: InitReport, source: str = "omics.rna") -> pl.DataFrame:
    """The values of a layer as it was loaded, by sample and feature."""
    from clinome.graphs.tables.study_tables import Tables

    study = clinome.Study.read(report.file)
    omics = Tables(study.tables, study.name).read(source).omics
    assert omics is not None
    x = omics.X.toarray() if hasattr(omics.X, "toarray") else omics.X
    return pl.DataFrame({"id": list(omics.obs_names), **{v: x[:, j] for j, v in enumerate(omics.var["symbol"])}})


def test_a_folder_becomes_a_study_that_loads_and_trains(tmp_path: Path) -> None:
    x = values()
    write(
        tmp_path, clinical__csv=clinical(P), rna__tsv=in_columns(P, x=x), cna__csv=in_rows(P, x=np.round(x).clip(-2, 2))
    )
    report = clinome.init(tmp_path)
    raw = written(report)
    assert report.file == tmp_path / "study.toml" and not report.waiting
    assert raw["patients"] == {"path": "clinical.csv", "id": "patient_id"}
    assert raw["omics"] == {
        "cnv": {"path": "cna.csv", "kind": "copy_number"},
        "rna": {"path": "rna.tsv", "kind": "expression"},
    }
    assert load(report) == {"patients": (PEOPLE, 0), "omics.cnv": (PEOPLE, 0), "omics.rna": (len(GENES), 0)}
    assert raw["task"] == {"kind": "survival", "label": "event", "covariates": ["age", "sex"]}
    assert set(train(report)["learners"]) == {"majority", "ridge_late", "chosen"}


@pytest.mark.parametrize("known", [True, False], ids=["with patients", "without"])
@pytest.mark.parametrize("turned", [False, True], ids=["in rows", "in columns"])
def test_the_orientation_changes_nothing(tmp_path: Path, turned: bool, known: bool) -> None:
    x = values()
    files = {"clinical__csv": clinical(P)} if known else {}
    write(tmp_path, rna__tsv=in_columns(P, x=x) if turned else in_rows(P, x=x), **files)
    report = clinome.init(tmp_path)
    load(report)
    found = layer(report).sort("id").select("id", *GENES)
    assert found["id"].to_list() == sorted(P)
    np.testing.assert_allclose(found.select(GENES).to_numpy(), x, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "cells", "decided"),
    [
        ("os_event", (0, 1), (1, 0)),
        ("death", ("no", "yes"), ("yes", "no")),
        ("os_status", ("0:LIVING", "1:DECEASED"), ("1:DECEASED", "0:LIVING")),
        ("vital_status", ("Alive", "Dead"), ("Dead", "Alive")),
        ("os_status", ("Dead", "Alive"), ("Dead", "Alive")),
        ("status", (0, 1), None),
        ("vital_status", (0, 1), None),
        ("status", (1, 2), None),
        ("censored", (0, 1), None),
        ("censored", ("no", "yes"), None),
        ("censoring_event", (0, 1), None),
        ("status", ("false", "true"), None),
        ("os_status", ("Zebra", "Quagga"), None),
        ("os_status", ("Dead", "Quagga"), None),
        ("e", (0, 1), None),
    ],
)
def test_the_direction_of_an_outcome_is_never_guessed(
    tmp_path: Path, column: str, cells: tuple[Any, Any], decided: object
) -> None:
    table = clinical(P, **{"os_event": None, column: [cells[i % 2] for i in range(PEOPLE)]})
    report = clinome.init(write(tmp_path, clinical__csv=table))
    raw, text = written(report), report.file.read_text()
    params = raw.get("cohort", {}).get("params", {})
    if decided is not None:
        assert (params["happened"], params["censored"]) == decided
        return
    assert "cohort" not in raw and report.task is None
    assert 'happened = "?"' in text and 'censored = "?"' in text and f"of {column} " in report.questions[0]
    assert not any(isinstance(cell, str) and len(cell) > 5 and cell in text for cell in cells)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("bcfghjkmqwxz", min_size=2, max_size=9), min_size=2, max_size=2, unique=True), st.booleans())
def test_words_that_say_nothing_are_asked_whatever_the_alphabet(tmp_path: Path, two: list[str], turned: bool) -> None:
    one, other = reversed(two) if turned else two
    table = clinical(P, os_event=[one if i % 3 else other for i in range(PEOPLE)])
    write(tmp_path, clinical__csv=table)
    (tmp_path / "study.toml").unlink(missing_ok=True)
    report = clinome.init(tmp_path)
    assert report.task is None and "of os_event" in report.questions[0]


def test_an_answer_is_all_that_a_question_needs(tmp_path: Path) -> None:
    table = clinical(P, os_event=None, censored=[i % 2 for i in range(PEOPLE)])
    report = clinome.init(write(tmp_path, clinical__csv=table, rna__csv=in_rows(P)))
    lines = report.file.read_text().split("# survival: ")[1].splitlines()[1:]
    block = [
        line[2:] for line in lines if line.startswith(("# [", "# query", "# params", "# kind", "# label", "# cov"))
    ]
    answered = "\n".join(block).replace('happened = "?"', "happened = 0").replace('censored = "?"', "censored = 1")
    text = report.file.read_text().replace("folds = 5", "folds = 2").replace('["default"]', '["majority"]')
    report.file.write_text(text + "\n" + answered + "\n")
    clinome.load(report.file)
    labels = clinome.cohort(report.file).frame
    assert labels["event"].sum() == PEOPLE // 2
    assert "majority" in clinome.train(report.file).read_json("results.json")["learners"]


def test_nothing_is_written_over(clinome_: Clinome, tmp_path: Path) -> None:
    write(tmp_path, clinical__csv=clinical(P), study__toml="mine")
    ended = clinome_("init", tmp_path)
    assert ended.code == 1 and "a study file already" in ended.err and "--out" in ended.err
    assert (tmp_path / "study.toml").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    ended = clinome_("init", tmp_path, "--out", other / "second.toml", "--json")
    assert ended.code == 0 and json.loads(ended.out.splitlines()[-1])["sources"] == ["patients"]
    assert clinome.Study.read(other / "second.toml").patients.path == (other / "../clinical.csv",)  # type: ignore[union-attr]
    assert clinome_("init", tmp_path / "away").code == 1
    assert clinome_("init", tmp_path, "--out", tmp_path / "a.txt").code == 1


@pytest.fixture
def clinome_(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def test_nobody_is_shown(clinome_: Clinome, tmp_path: Path) -> None:
    """Not an id, not a word of a cell: on the screen and in the file stand the forms of ids and the names of columns."""
    other = ids(form="WVK_{:05d}")
    words = [f"wunderlich{i % 3}" for i in range(PEOPLE)]
    write(
        tmp_path, clinical__csv=clinical(P, subtype=words, note=[f"querulant {i}" for i in range(PEOPLE)], os_event=words),
        rna__csv=in_rows(other), turned__csv=pl.DataFrame({"what": ["stage", "word"], **{p: ["IIb", "zeitgeist"] for p in P}}),
        cnv__tsv=in_columns(P[:-5] + other[:5]), pairs__txt="".join(f"{p}\tTP53\n{p}\tEGFR\n" for p in P),
        list__txt="\n".join(P), broken__csv=f"{P[0]}\n{P[1]},1,2\n", clinical_2__csv=clinical(other, verdict=words),
    )  # fmt: skip
    ended = clinome_("init", tmp_path)
    said = ended.out + ended.err + (tmp_path / "study.toml").read_text()
    assert ended.code == 0
    for secret in (*P, *other, "wunderlich", "querulant", "zeitgeist", "IIb"):
        assert secret not in said
    assert "AAA_99999" in said and "AAA-9999" in said


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("zqx.{:04d}", "capitals, zeros or separators"),
        ("zqx-{:04d}", "capitals"),
        ("ZQX-{:04d}-T", "go on where"),
        ("GSM{}", "same people"),
    ],
)
def test_ids_that_do_not_meet_are_asked_about(tmp_path: Path, form: str, said: str) -> None:
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P), rna__csv=in_rows(ids(form=form))))
    assert report.waiting == ("omics.rna",) and report.sources == ("patients",)
    assert any("rna.csv" in question and said in question for question in report.questions)
    assert load(report) == {"patients": (PEOPLE, 0)}


def test_barcodes_meet_their_patients(tmp_path: Path) -> None:
    people = [f"TCGA-{i:02d}-A{i:03d}" for i in range(PEOPLE)]
    files = {
        "rna__tsv": in_columns(
            [f"{p}-01A-11R-A123-07" for p in people], tuple(f"{g}|{i + 1}" for i, g in enumerate(GENES))
        )
    }
    report = clinome.init(
        write(tmp_path, clin__csv=clinical(people).rename({"patient_id": "bcr_patient_barcode"}), **files)
    )
    assert written(report)["patients"]["id"] == "bcr_patient_barcode" and not report.waiting
    assert load(report)["omics.rna"] == (len(GENES), 0)


def test_a_table_of_samples_is_found_by_the_ids_that_layers_carry(tmp_path: Path) -> None:
    samples = [f"S{i:03d}" for i in range(PEOPLE)]
    table = pl.DataFrame(
        {
            "sample_id": samples,
            "patient_id": P,
            "plate": ["p1", "p2"] * (PEOPLE // 2),
            "collected": ["2020-03-01"] * PEOPLE,
        }
    )
    dated = clinical(
        P, index_date=["2020-04-01"] * PEOPLE, response=["R", "N"] * (PEOPLE // 2), os_days=None, os_event=None
    )
    report = clinome.init(write(tmp_path, people__csv=dated, samples__tsv=table, rna__csv=in_rows(samples)))
    raw = written(report)
    assert raw["samples"] == {
        "path": "samples.tsv",
        "id": "sample_id",
        "subject": "patient_id",
        "batch": "plate",
        "time": "collected",
    }
    assert (
        raw["cohort"]["params"] == {"property": "response", "date": "index_date"}
        and raw["task"]["kind"] == "multiclass"
    )
    assert load(report) == {"patients": (PEOPLE, 0), "samples": (PEOPLE, 0), "omics.rna": (PEOPLE, 0)}
    assert train(report)["learners"]


def test_a_number_of_many_values_that_is_called_an_outcome_is_predicted_as_one(tmp_path: Path) -> None:
    people = clinical(P, response=None, os_days=None, os_event=None, ic50_log=[f"{3 - 0.37 * (i % 19):.2f}" for i in range(PEOPLE)],
                      weight=[f"{60 + 0.31 * i:.1f}" for i in range(PEOPLE)])  # fmt: skip
    report = clinome.init(write(tmp_path, people__csv=people, rna__csv=in_rows(P)))
    raw = written(report)
    assert raw["task"]["kind"] == "regression" and raw["cohort"]["params"] == {"property": "ic50_log"}
    assert "19 different values" in report.file.read_text(encoding="utf-8")
    load(report)
    assert train(report)["metric"] == "r2"


def test_layers_by_suffix_and_several_slides_a_patient(tmp_path: Path) -> None:
    genes = tuple(f"{g}{i}" for i in range(2) for g in GENES)
    x, people = values(PEOPLE, len(genes)), [*P[:-5], *P[:5]]
    table = pl.DataFrame({
        "case_id": people, "slide_id": [f"slide {i}" for i in range(PEOPLE)], "age": [50 + int(p[-4:]) % 7 for p in people],
        **{f"{g}_rnaseq": x[[P.index(p) for p in people], j] for j, g in enumerate(genes)},
        **{f"{g}_mut": (x[[P.index(p) for p in people], j] > 1).astype(int) for j, g in enumerate(genes)},
    })  # fmt: skip
    report = clinome.init(write(tmp_path, all__csv=table))
    raw = written(report)
    assert raw["patients"] == {"path": "all.csv", "id": "case_id", "keep": ["age"]}
    assert {name: one["suffix"] for name, one in raw["omics"].items()} == {"mutations": "_mut", "rna": "_rnaseq"}
    assert load(report) == dict.fromkeys(("patients", "omics.mutations", "omics.rna"), (PEOPLE - 5, 0))


def test_parts_of_one_form_are_one_study(tmp_path: Path) -> None:
    for i, part in enumerate((P[:20], P[20:])):
        pairs = "".join(f"{p}\t{gene}\n" for p in part for gene in ("TP53", "KRAS", "EGFR"))
        write(tmp_path, **{f"clinical_{i}__csv": clinical(part), f"mutated_{i}__txt": pairs})
    report = clinome.init(tmp_path)
    raw = written(report)
    assert raw["patients"]["path"] == ["clinical_0.csv", "clinical_1.csv"]
    assert raw["omics"]["mutations"] == {
        "path": ["mutated_0.txt", "mutated_1.txt"],
        "kind": "mutation",
        "subject": 0,
        "gene": 1,
    }
    assert load(report) == {"patients": (PEOPLE, 0), "omics.mutations": (3 * PEOPLE, 0)}


def test_a_second_table_of_the_same_patients_is_joined_or_asked_about(tmp_path: Path) -> None:
    """Whether the loader joins it is asked of the loader itself."""
    more = pl.DataFrame({"patient_id": P, "stage": ["I", "II"] * (PEOPLE // 2)})
    less = pl.DataFrame({"patient_id": P, "cohort": ["one"] * PEOPLE})
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P), pathology__csv=more, linked__csv=less))
    everything_is_named(report, tmp_path)
    assert load(report)["patients"][1] == 0
    joined = isinstance(written(report)["patients"]["path"], list)
    assert joined != any("pathology.csv has 1 more columns" in question for question in report.questions)


def test_visits_become_records_with_codes_and_an_outcome(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    who = [P[i % 17] for i in range(120)]
    table = pl.DataFrame({
        "encounter_id": [f"V{i:04d}" for i in range(120)], "patient_nbr": who,
        "admitted": [f"2020-{1 + i % 12:02d}-0{1 + i % 5}" for i in range(120)], "discharged": [f"2020-{1 + i % 12:02d}-1{i % 9}" for i in range(120)],
        "diag_1": rng.choice(["250.83", "V27", "428", "E888.9"], 120), "diag_2": rng.choice(["I10", "C34.1", "E11.9", "N18.3"], 120),
        "insulin": rng.choice(["No", "Steady", "Up"], 120), "days_in_bed": rng.integers(1, 15, 120),
        "ward_id": rng.integers(1, 9, 120), "weight": rng.choice(["?", "heavy"], 120), "readmitted": rng.choice(["NO", "<30", ">30"], 120),
    })  # fmt: skip
    report = clinome.init(write(tmp_path, visits__csv=table))
    raw = written(report)
    assert "patients" not in raw
    assert raw["records"]["visits"] == {
        "format": "csv", "path": "visits.csv", "subject": "patient_nbr", "visit": "encounter_id", "time": "admitted", "end": "discharged",
        "codes": {"diag_1": "ICD9CM", "diag_2": "ICD10CM"}, "columns": {"insulin": "DRUG"}, "absent": ["No"], "values": {"days_in_bed": ""},
        "keep": ["ward_id", "weight", "readmitted"], "categorical": ["ward_id"], "missing": ["", "NA", "NaN", "null", "?"],
    }  # fmt: skip
    assert (
        raw["cohort"] == {"query": "visits_with_label", "params": {"property": "readmitted"}}
        and raw["task"]["kind"] == "multiclass"
    )
    assert load(report) == {"records.visits": (120, 0)}
    assert train(report)["learners"]


def test_a_folder_of_cbioportal(tmp_path: Path) -> None:
    people = [f"TCGA-{i:02d}-A{i:03d}" for i in range(PEOPLE)]
    maf = "#version 2.4\nHugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\n" + "".join(
        f"TP53\tMissense_Mutation\t{p}-01\n" for p in people[:9]
    )
    status = "".join(f"{p}\t{5 + i / 2}\t{('1:DECEASED', '0:LIVING')[i % 2]}\n" for i, p in enumerate(people))
    write(
        tmp_path, meta_study__txt="cancer_study_identifier: x\n", data_mutations__txt=maf,
        data_clinical_patient__txt=f"#Id\tMonths\tStatus\nPATIENT_ID\tOS_MONTHS\tOS_STATUS\n{status}",
        data_clinical_sample__txt="PATIENT_ID\tSAMPLE_ID\tKIND\n" + "".join(f"{p}\t{p}-01\tPrimary\n" for p in people),
        data_timeline_treatment__txt="PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tAGENT\n" + "".join(f"{p}\t9\tTREATMENT\tCISPLATIN\n" for p in people),
        data_mrna_seq_v2_rsem__txt=in_columns([f"{p}-01" for p in people], id="Hugo_Symbol"),
    )  # fmt: skip
    report = clinome.init(tmp_path)
    raw = written(report)
    assert set(report.sources) == {"patients", "samples", "omics.rna", "omics.mutations", "records.timeline_treatment"}
    assert raw["cohort"]["query"] == "landmark_survival" and raw["cohort"]["params"]["unit_days"] == 30.4375
    everything_is_named(report, tmp_path, "meta_study.txt")
    assert sum(rejected for _, rejected in load(report).values()) == 0
    assert clinome.cohort(report.file).frame["event"].sum() > 0


def test_vcf_files_are_one_layer(tmp_path: Path) -> None:
    head = "##fileformat=VCFv4.2\n##INFO=<ID=ANN,Number=.>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
    record = "1\t5\t.\tC\tT\t.\tPASS\tANN=T|stop_gained|HIGH|TP53|TP53\tGT\t0/1\n"
    write(
        tmp_path,
        people__csv=clinical(P),
        a__vcf=f"{head}{P[0]}\n{record}",
        b__vcf=f"{head}{P[1]}\n{record}",
        c__vcf="##fileformat=VCFv4.2\n",
    )
    report = clinome.init(tmp_path)
    assert written(report)["omics"]["mutations"]["path"] == ["a.vcf", "b.vcf"] and "c.vcf" in report.unread
    assert sum(rejected for _, rejected in load(report).values()) == 0


def test_the_demo_becomes_its_own_study(tmp_path: Path) -> None:
    write_cohort(tmp_path, 1, 150)
    given = tomllib.loads((tmp_path / "study.toml").read_text())
    report = clinome.init(tmp_path, out=tmp_path / "found.toml")
    raw = written(report)
    assert raw["identifiers"] == given["identifiers"] and raw["samples"] == given["samples"]
    assert set(raw["records"]) == set(given["records"]) and len(raw["omics"]) == len(given["omics"])
    assert len(raw["knowledge"]) == len(given["knowledge"]) and raw["task"] == given["task"]
    assert raw["omics"]["mutations"]["profiled"] == "sequenced.txt"
    everything_is_named(report, tmp_path, "study.toml", *(path.name for path in (tmp_path / "meds").rglob("*")))
    assert {name for name, (rows, _) in load(report).items() if rows} == set(report.sources) - {"identifiers"}


@pytest.mark.parametrize(
    ("format", "files"),
    [
        ("omop", {"person__csv": "person_id,year_of_birth\n1,1950\n2,1960\n", "condition_occurrence__csv": "a,b\n1,2\n"}),
        ("mimic3", {"PATIENTS__csv": "ROW_ID,SUBJECT_ID,GENDER\n9,11,F\n8,12,M\n", "ADMISSIONS__csv": "a,b\n1,2\n", "DIAGNOSES_ICD__csv": "a,b\n1,2\n"}),
        ("omop", {"person___part-0__csv": "person_id,year_of_birth\n1,1950\n2,1960\n", "measurement___part-0__csv": "a,b\n1,2\n"}),
        ("mimic4", {"patients__csv": "subject_id,gender,anchor_age\n9,F,50\n8,M,60\n", "admissions__csv": "a,b\n1,2\n", "diagnoses_icd__csv": "a,b\n1,2\n"}),
        ("synthea", {"patients__csv": "Id,SSN\np1,9\np2,8\n", "encounters__csv": "a,b\n1,2\n", "conditions__csv": "a,b\n1,2\n", "observations__csv": "a,b\n1,2\n"}),
        ("eicu", {"patient__csv": "patientunitstayid,age\n1,50\n", "diagnosis__csv": "a,b\n1,2\n"}),
        ("fhir", {"bundle__json": '{\n "resourceType": "Bundle",\n "entry": []\n}', "p__ndjson": '{"resourceType": "Patient", "id": "1"}\n'}),
    ],
)  # fmt: skip
def test_formats_are_told_by_their_tables(tmp_path: Path, format: str, files: dict[str, str]) -> None:
    report = clinome.init(write(tmp_path, **files, LICENSE__txt="Free for all.\n"))
    assert written(report)["records"]["ehr"]["format"] == format
    if format != "fhir":
        assert f"{len(files)} files of" in (tmp_path / "study.toml").read_text(), "a licence is none of them"
    assert written(report)["evaluate"].get("group") == ("uniquepid" if format == "eicu" else None)
    if "patients" not in written(report):
        assert any("[task] target" in question for question in report.questions)
        assert '# target = "death_in_hospital"' in (tmp_path / "study.toml").read_text()


NOTE_TABLES = {
    "omop": {
        "person__csv": "person_id,year_of_birth\n1,1950\n2,1960\n", "condition_occurrence__csv": "a,b\n1,2\n",
        "NOTE__csv": "note_id,person_id,note_date,note_datetime,note_title,note_text\n5,1,2020-01-01,,Letter,well today\n",
    },
    "mimic3": {
        "PATIENTS__csv": "ROW_ID,SUBJECT_ID,GENDER\n9,1,F\n8,2,M\n", "ADMISSIONS__csv": "a,b\n1,2\n", "DIAGNOSES_ICD__csv": "a,b\n1,2\n",
        "NOTEEVENTS__csv": "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,ISERROR,TEXT\n7,1,3,2020-01-01,,,ECG,,sinus rhythm\n",
    },
    "mimic4": {
        "patients__csv": "subject_id,gender,anchor_age\n1,F,50\n2,M,60\n", "admissions__csv": "a,b\n1,2\n", "diagnoses_icd__csv": "a,b\n1,2\n",
        "note___discharge__csv": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\nn,1,3,DS,1,2020-01-01 10:00:00,2020-01-02 10:00:00,home in good state\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("format", NOTE_TABLES)
def test_notes_beside_records_are_a_section_of_their_own(tmp_path: Path, format: str) -> None:
    """As their format reads them; an empty table of notes, as Synthea's OMOP and MIMIC-III's demo have, is none."""
    files = dict(NOTE_TABLES[format])
    table = next(name for name in files if "note" in name.lower())
    report = clinome.init(write(tmp_path / "whole", **files))
    (notes,) = written(report)["notes"].values()
    assert notes == {"format": format, "path": table.replace("___", "/").replace("__", ".")}
    raw = {"name": "n", "store": "n.graph", "notes": {"all": notes}}
    loaded = clinome.load(clinome.Study.parse(raw, report.file.parent))
    assert [one.tally.written for one in loaded.sources] == [1]
    files[table] = files[table].partition("\n")[0] + "\n"
    assert "notes" not in written(clinome.init(write(tmp_path / "empty", **files)))


def test_a_fhir_export_loads_and_is_one_source_wherever_its_files_lie(tmp_path: Path) -> None:
    """In the study's own folder the files are named: the folder will hold the graph and the tables as well."""
    drug = '{"resourceType": "Medication", "id": "d", "code": {"text": "Aspirin"}}\n'
    order = (
        '{"resourceType": "MedicationRequest", "status": "active", "subject": {"reference": "Patient/1"}, "authoredOn": "2020-01-01", '
        '"medicationReference": {"reference": "Medication/d"}}\n'
    )
    write(
        tmp_path, bundle__json='{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "1", "birthDate": "1950"}}]}',
        a___MedicationRequest__ndjson=order, b___deep___Medication__ndjson=drug, other__json='{"a": 1}',
    )  # fmt: skip
    report = clinome.init(tmp_path)
    assert written(report)["records"] == {"ehr": {"format": "fhir", "path": ["a", "b", "bundle.json"]}}
    assert load(report) == {"records.ehr": (2, 0)}
    again = clinome.load(report.file)
    assert not again.changed


def test_hourly_tables_are_written_so_that_no_outcome_is_an_input(tmp_path: Path) -> None:
    rows = "".join(f"{i // 4},{i % 4},{80 + i % 7},120,70,90,37,{i % 3},{int(i % 4 > 2)}\n" for i in range(80))
    report = clinome.init(write(tmp_path, stays__csv="stay_id,hour,hr,sbp,dbp,map,temp,lactate,SepsisLabel\n" + rows))
    found = written(report)["records"]["vitals"]
    assert found == {
        "format": "hourly",
        "path": "stays.csv",
        "subject": "stay_id",
        "time": "hour",
        "labels": ["SepsisLabel"],
    }
    assert any("SepsisLabel" in question for question in report.questions)
    assert load(report) == {"records.vitals": (80, 0)}


def test_outcomes_by_the_hour_are_no_patients_and_a_table_of_deaths_is(tmp_path: Path) -> None:
    hourly = "stay_id,time,label\n" + "".join(f"{i // 8},{i % 8},{i % 8 > 5:d}\n" for i in range(80))
    deaths = "patient_id,time,death\n" + "".join(f"{i},{100 + i},{i % 2}\n" for i in range(40))
    for name, text, section in (("h", hourly, "records"), ("d", deaths, "patients")):
        (tmp_path / name).mkdir()
        raw = written(clinome.init(write(tmp_path / name, t__csv=text)))
        assert section in raw and len({"records", "patients"} & set(raw)) == 1
    assert raw["patients"]["id"] == "patient_id"


def test_a_folder_of_a_file_a_stay_is_one_section(tmp_path: Path) -> None:
    (tmp_path / "set-a").mkdir()
    for i in range(12):
        text = f"Time,Parameter,Value\n00:00,RecordID,{i + 132539}\n00:00,Age,{i + 40}\n00:00,Height,{-1 if i % 2 else 170 + i}\n03:20,HR,{60 + i}\n"
        (tmp_path / "set-a" / f"{i + 132539}.txt").write_text(text)
    outcomes = "RecordID,SOFA,In-hospital_death\n" + "".join(f"{i + 132539},{i},{i % 3 == 0:d}\n" for i in range(12))
    report = clinome.init(write(tmp_path, outcomes__txt=outcomes))
    raw = written(report)
    assert raw["records"]["vitals"]["path"] == "set-a" and "-1" in raw["records"]["vitals"]["missing"]
    assert raw["patients"]["path"] == "outcomes.txt" and "subject" not in raw["records"]["vitals"]
    assert load(report) == {"patients": (12, 0), "records.vitals": (24 + 6, 6)}


def test_ontologies_mappings_annotations_and_hierarchies_are_written(tmp_path: Path) -> None:
    mappings = "subject_id\tpredicate_id\tobject_id\nMONDO:0000001\toboInOwl:hasDbXref\tICD9:799.9\n"
    annotations = "#version: 1\ndatabase_id\thpo_id\tfrequency\taspect\nOMIM:1\tHP:0000001\t1/2\tP\n"
    codes = "code,parent,name\n" + "".join(f"A{i:02}.{j},A{i:02},x\n" for i in range(5) for j in range(4))
    report = clinome.init(write(
        tmp_path, clinical__csv=clinical(P), hp__obo="[Term]\nid: HP:0000001\nname: All\n", mondo__sssom__tsv=mappings,
        phenotype__hpoa=annotations, icd__csv=codes,
    ))  # fmt: skip
    found = written(report)["knowledge"]
    assert {name: keys["format"] for name, keys in found.items()} == {
        "hp_obo": "obo", "mondo": "sssom", "phenotype": "hpoa", "icd": "hierarchy",
    }  # fmt: skip
    assert found["mondo"]["matches"] == ["dbxref"] and found["mondo"]["prefixes"] == {"ICD9": "ICD9CM"}
    assert found["icd"]["codes"] == {"code": "ICD10CM", "parent": "ICD10CM"}
    assert any("none of its mappings is exact" in question for question in report.questions)
    assert load(report) == {
        "patients": (PEOPLE, 0), "knowledge.hp_obo": (1, 0), "knowledge.mondo": (1, 0), "knowledge.phenotype": (1, 0),
        "knowledge.icd": (20, 0),
    }  # fmt: skip
    with clinome.open(report.file) as graph:
        found = graph.query(
            "MATCH (a:Diagnosis)-[r:MAPS_TO]->(b:Diagnosis) RETURN a.id AS a, r.predicate AS kind, b.id AS b"
        )
        assert found.to_numpy().tolist() == [["ICD9CM:799.9", "hasDbXref", "MONDO:0000001"]]


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "a")
        archive.writestr("b.csv", "b")
    write(
        tmp_path, deep___down___clinical__csv=clinical(P), zero__csv=b"", torn__csv__gz=b"\x1f\x8bnothing", calls__vcf="##fileformat=VCFv4.2\n",
        noise__dat=bytes(range(256)) * 9, arrays__h5=b"\x89HDF", old__rds=b"x", readme__md="# Read me", ontology__obo="format-version: 1.2\n",
    )  # fmt: skip
    report = clinome.init(tmp_path)
    assert written(report)["patients"]["path"] == "deep/down/clinical.csv"
    assert set(report.unread) == {
        "two.zip",
        "zero.csv",
        "torn.csv.gz",
        "calls.vcf",
        "noise.dat",
        "arrays.h5",
        "old.rds",
        "ontology.obo",
    }
    assert report.waiting == ()
    everything_is_named(report, tmp_path, "readme.md")
    assert load(report) == {"patients": (PEOPLE, 0)}


@pytest.mark.parametrize(
    "files", [{}, {"readme__md": "nothing"}, {"x0__h5": b"\x89HDF"}, {"t__csv": "a,b\n1,2\n3,4\n"}]
)
def test_a_folder_that_holds_nothing_to_load_is_an_error(tmp_path: Path, files: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="nothing that can be loaded"):
        clinome.init(write(tmp_path, **files))
    assert not (tmp_path / "study.toml").exists()


def test_numbers_with_a_few_words_are_asked_about(tmp_path: Path) -> None:
    months = [str(i + 1) for i in range(PEOPLE - 1)] + ["lost at sea"]
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P, os_days=None, os_months=months)))
    assert report.task is None
    assert any("os_months is a number but for 1 cells (aaaa aa aaa)" in question for question in report.questions)


def test_a_large_file_is_looked_at_and_not_read(tmp_path: Path) -> None:
    """What lies beyond the head changes nothing: here it is no text at all."""
    wide = in_rows(P, tuple(f"{g}L{i}" for i in range(40) for g in GENES)).write_csv().encode()
    rows = wide.split(b"\n", 1)[1] * 60
    write(tmp_path, clinical__csv=clinical(P), rna__csv=wide + rows + b"\xff\x00" * 1_000_000)
    assert (tmp_path / "rna.csv").stat().st_size > 8_000_000
    assert set(clinome.init(tmp_path).sources) == {"patients", "omics.rna"}


def test_matrices_of_different_patients_are_one_layer_and_of_the_same_two(tmp_path: Path) -> None:
    parts = write(tmp_path / "parts", clinical__csv=clinical(P), rna_a__csv=in_rows(P[:20]), rna_b__csv=in_rows(P[20:]))
    report = clinome.init(parts)
    assert written(report)["omics"] == {"rna": {"path": ["rna_a.csv", "rna_b.csv"], "kind": "expression"}}
    assert load(report)["omics.rna"] == (PEOPLE, 0)
    counts = in_rows(P, x=np.abs(values() * 900).round())
    report = clinome.init(
        write(tmp_path / "same", clinical__csv=clinical(P), counts__csv=counts, rna_z__csv=in_columns(P))
    )
    assert written(report)["omics"]["rna"]["scale"] == "log1p" and "scale" not in written(report)["omics"]["rna_2"]
    assert any("2 layers are expression (counts.csv, rna_z.csv)" in question for question in report.questions)


@pytest.mark.parametrize(
    ("name", "features", "x", "kind", "space"),
    [
        ("a", tuple(f"cg{i:08d}" for i in range(16)), np.abs(values()), "methylation", "cpg"),
        ("b", tuple(f"hsa-mir-{i + 1}" for i in range(16)), values(), "mirna", "mirbase"),
        ("c", tuple(f"HMDB{i:07d}" for i in range(16)), values(), "metabolite", "hmdb"),
        ("tpm", tuple(f"ENSG00000{i:06d}.3" for i in range(16)), values(), "expression", "ensembl"),
        ("d", GENES, (values() > 0).astype(int), "mutation", None),
        ("e", GENES, np.round(values()).clip(-2, 2), "copy_number", None),
        ("rppa", GENES, values(), "protein", None),
        ("gdsc_ic50", tuple(f"drug {i}" for i in range(16)), values(), "response", "opaque"),
    ],
)
def test_kinds_of_layers(
    tmp_path: Path, name: str, features: tuple[str, ...], x: Any, kind: str, space: str | None
) -> None:
    for turned in (in_rows, in_columns):
        folder = write(
            tmp_path / turned.__name__, clinical__csv=clinical(P), **{f"{name}__csv": turned(P, features, x)}
        )
        report = clinome.init(folder)
        (section,) = written(report)["omics"].values()
        assert section["kind"] == kind and section.get("features") == space
        by_values = kind in ("mutation", "copy_number")
        assert by_values == any("by its values alone" in question for question in report.questions)
        assert all(rejected == 0 for _, rejected in load(report).values())


def test_a_table_of_drugs_becomes_outcomes_that_train(tmp_path: Path) -> None:
    drugs = tuple(f"drug {i}" for i in range(16))
    people = clinical(P, response=None, os_days=None, os_event=None)
    folder = write(
        tmp_path,
        clinical__csv=people,
        rna__csv=in_rows(P, GENES, values()),
        gdsc_ic50__csv=in_columns(P, drugs, values()),
    )
    report = clinome.init(folder)
    raw = written(report)
    (drug_layer,) = (name for name, one in raw["omics"].items() if one["kind"] == "response")
    assert raw["task"] == {"kind": "responses", "layer": drug_layer}
    assert raw["cohort"] == {"query": "patients_with_layers", "params": {"layers": ["rna"]}}
    load(report)
    assert train(report)["task"] == "responses"


def test_a_layer_of_no_kind_is_asked_about(tmp_path: Path) -> None:
    names = tuple(f"GDSC:{i}" for i in range(80))
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P), assay__csv=in_columns(P, names)))
    assert report.waiting == ("omics.assay",) and any("choose one" in question for question in report.questions)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"clin_2__tsv": pl.DataFrame({"what": ["age", "state"], **{p: ["50", "dead"] for p in ids(form="AB{:05d}")}})}, "columns that look like patients"),
        ({"rna__csv": in_rows(P).write_csv(separator=";").replace(".", ",")}, "decimal commas"),
        ({"folds__csv": pl.DataFrame({"fold": [0, 1] * 20, "subject_id": P, "split": ["held_out"] * PEOPLE})}, 'folds = "folds.csv"'),
        ({"others__csv": clinical(ids(form="OTHER{:05d}")).rename({"age": "years"})}, "other patients than [patients]"),
        ({"signatures__csv": pl.DataFrame({"Oncogenes": GENES[:8], "Suppressors": GENES[8:]})}, "as gene sets write them as GMT"),
        ({"split__csv": pl.DataFrame({"train": P[:20], "val": P[20:]})}, "lists of a split"),
    ],
)  # fmt: skip
def test_tables_that_are_no_source_are_named(tmp_path: Path, files: dict[str, Any], said: str) -> None:
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P), **files))
    assert report.sources == ("patients",) and any(said in question for question in report.questions)
    assert load(report) == {"patients": (PEOPLE, 0)}


@pytest.mark.parametrize(
    ("tests", "vocabulary", "asked"),
    [(("2345-7", "718-7", "2951-2"), "LOINC", False), (("GLU", "HB", "K"), "VALUE", True)],
)
def test_a_long_table_of_a_laboratory_is_read(tmp_path: Path, tests: Any, vocabulary: str, asked: bool) -> None:
    """A code, its value, its unit a row; which vocabulary names are of is asked."""
    labs = {
        "patient_id": P * 3,
        "date": ["2020-01-02"] * 120,
        "test": list(tests) * 40,
        "value": range(120),
        "unit": ["u"] * 120,
    }
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P), labs__csv=pl.DataFrame(labs)))
    assert report.sources == ("patients", "records.labs")
    assert asked == any("name the vocabulary of `codes`" in question for question in report.questions)
    assert load(report)["records.labs"] == (120, 0)
    (labs_section,) = clinome.Study.read(report.file).records
    assert (labs_section.codes, labs_section.value, labs_section.value_unit) == ({"test": vocabulary}, "value", "unit")


@pytest.mark.parametrize(
    ("time", "days", "asked"),
    [("os_days", 1, ""), ("OS_MONTHS", 30.4375, ""), ("survival_years", 365.25, ""), ("os_time", 1, "says no unit")],
)
def test_the_unit_of_a_time_is_its_name_s_or_asked(tmp_path: Path, time: str, days: float, asked: str) -> None:
    report = clinome.init(write(tmp_path, clinical__csv=clinical(P).rename({"os_days": time})))
    assert written(report)["cohort"]["params"]["unit_days"] == days
    assert ("says no unit" in report.file.read_text()) == bool(asked)


def test_times_that_are_two_columns_or_negative_are_no_time(tmp_path: Path) -> None:
    dead = [i % 2 for i in range(PEOPLE)]
    two = clinical(P, os_days=None, os_event=None, vital_status=[("Alive", "Dead")[d] for d in dead],
                   days_to_death=[9 * i if d else None for i, d in enumerate(dead)], days_to_last_follow_up=[7 * i for i in range(PEOPLE)])  # fmt: skip
    report = clinome.init(write(tmp_path / "two", clinical__csv=two))
    assert report.task is None and "beside a time to death" in report.questions[0]
    minus = clinical(P, os_days=[-1 if not d else 5 * i for i, d in enumerate(dead)])
    assert clinome.init(write(tmp_path / "minus", clinical__csv=minus)).task is None


def test_whole_numbers_that_are_called_like_names_are_names(tmp_path: Path) -> None:
    people = clinical(P, center_code=[i % 5 for i in range(PEOPLE)], treatment_group=[i % 2 for i in range(PEOPLE)])
    report = clinome.init(write(tmp_path, clinical__csv=people, rna__csv=in_rows(P)))
    assert written(report)["patients"]["categorical"] == ["center_code"]
    assert written(report)["task"]["covariates"] == ["age", "sex"]
    assert "what is known at the prediction: center_code," in report.file.read_text()
    load(report)
    table = clinome.cohort(report.file).frame
    with clinome.open(report.file) as graph:
        kinds = graph.query("MATCH (p:Patient) RETURN p.center_code AS code, p.treatment_group AS arm LIMIT 1")
    assert table.shape[0] == PEOPLE and isinstance(kinds["code"][0], str) and not isinstance(kinds["arm"][0], str)


def test_names_that_toml_and_cypher_must_quote(tmp_path: Path) -> None:
    odd = {"os_days": 'OS "days" \\ é', "os_event": "OS event's # {x}"}
    report = clinome.init(write(tmp_path / 'a "folder" #1', clinical__csv=clinical(P).rename(odd), rna__csv=in_rows(P)))
    params = written(report)["cohort"]["params"]
    assert (params["time"], params["event"]) == (odd["os_days"], odd["os_event"])
    load(report)
    assert clinome.cohort(report.file).frame.shape[0] == PEOPLE


def test_codes_of_an_unsaid_vocabulary_are_no_measurements(tmp_path: Path) -> None:
    """The tables of Synthea alone, as many exports are: a column CODE of numbers, and what it cost."""
    rows = [f"{P[i % 9]},2020-01-{1 + i % 28:02d},{195662009 + i % 5},{140 + i % 5},{i}.5" for i in range(40)]
    write(
        tmp_path,
        clinical__csv=clinical(P),
        drugs__csv="\n".join(["patient_id,START,CODE,VACCINE_CODE,COST", *rows]) + "\n",
    )
    report = clinome.init(tmp_path)
    assert written(report)["records"]["drugs"]["values"] == {"COST": ""}
    assert any("codes: CODE, VACCINE_CODE are called codes" in question for question in report.questions)
    assert load(report)["records.drugs"] == (40, 0)


def test_a_value_beside_codes_is_left_out_where_no_row_is_a_visit(tmp_path: Path) -> None:
    rows = [f"{P[i % 9]},2020-01-{1 + i % 28:02d},{('E11.9', 'I10', 'C34.1')[i % 3]},{i}.5" for i in range(40)]
    write(tmp_path, clinical__csv=clinical(P), diagnoses__csv="\n".join(["patient_id,date,dx_code,cost", *rows]) + "\n")
    report = clinome.init(tmp_path)
    assert written(report)["records"]["diagnoses"]["codes"] == {"dx_code": "ICD10CM"}
    assert any("values: cost stand beside codes" in question for question in report.questions)
    assert load(report)["records.diagnoses"] == (40, 0)


def test_ages_and_times_to_death_are_no_classes(tmp_path: Path) -> None:
    rows = "".join(
        f"{p},{50 + i % 8},{('Dead', 'Alive')[i % 2]},{(890, 1250)[i // 2 % 2] if i % 2 == 0 else ''}\n"
        for i, p in enumerate(P)
    )
    write(
        tmp_path,
        clinical__csv=f"patient_id,age_at_diagnosis,vital_status,days_to_death\n{rows}",
        rna__tsv=in_columns(P, x=values()),
    )
    raw = written(clinome.init(tmp_path))
    assert "task" not in raw or raw["cohort"]["params"].get("property") not in ("age_at_diagnosis", "days_to_death")
