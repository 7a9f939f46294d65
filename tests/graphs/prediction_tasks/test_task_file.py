"""Task files: every one of the library, a user's own, parameters, and mistakes that name what would be right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clinome.graphs.prediction_tasks.task import EVER
from clinome.graphs.prediction_tasks.task_file import find_task, library
from clinome.loaders.errors import InputError

HF, LAB = {"codes": ["ICD9CM:428"]}, {"codes": ["LOINC:4548-4"]}
NEEDS_CODES: dict[str, Any] = {
    **dict.fromkeys(("first_onset", "sepsis_early_warning", "said_in_hospital", "time_to_event"), HF),
    "lab_value": LAB, "lab_change": LAB, "lab_to_target": {**LAB, "drugs": ["RXNORM:6809"]},
}  # fmt: skip
OWN = """
doc = "Return within a week."
params = {days = 7}
[index]
of = "visits"
[target]
event = "visit"
[window]
horizon_days = "$days"
gap_hours = 12
"""


@pytest.mark.parametrize("name", sorted(library()))
def test_every_task_of_the_library_says_what_it_asks(name: str) -> None:
    target: Any = {"task": name, **NEEDS_CODES[name]} if name in NEEDS_CODES else name
    task = find_task(target, Path())
    assert task.doc and task.name == name
    if name in NEEDS_CODES:
        with pytest.raises(InputError, match="codes"):
            find_task(name, Path())


def test_parameters_and_the_window_of_the_study() -> None:
    assert find_task("readmission", Path()).window.horizon == timedelta(days=30)
    assert find_task({"task": "readmission", "days": 7}, Path()).window.horizon == timedelta(days=7)
    task = find_task("readmission", Path(), gap_days=1, horizon_days=90)
    assert (task.window.gap, task.window.horizon) == (timedelta(days=1), timedelta(days=90))
    onset = {"task": "first_onset", "codes": ["ICD9CM:428"]}
    assert find_task(onset, Path()).window.clean == EVER
    assert find_task({**onset, "clean_days": 365}, Path()).window.clean == timedelta(days=365)


def test_a_target_written_in_the_study() -> None:
    task = find_task({"codes": ["icd9cm:428"], "descendants": True, "clean_days": "ever"}, Path(), horizon_days=30)
    assert task.target.classes["target"].codes == ("ICD9CM:428",) and task.window.clean == EVER
    lab = find_task({"codes": ["LOINC:2160-0"], "value_min": 2}, Path(), horizon_days=2)
    assert lab.target.classes["target"].low == 2
    several = find_task(
        {"classes": {"hf": ["ICD9CM:428"], "mi": {"codes": ["ICD9CM:410"], "descendants": True}}}, Path()
    )
    assert [c.descendants for c in several.target.classes.values()] == [False, True]


def test_a_file_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN)
    task = find_task("mine.toml", tmp_path)
    assert task.window.horizon == timedelta(days=7) and task.window.gap == timedelta(hours=12) and task.name == "mine"
    assert find_task({"task": "mine.toml", "days": 3}, tmp_path).window.horizon == timedelta(days=3)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("readmision", "did you mean 'readmission'"), ("nobody.toml", "no such task file"),
        ({"task": "readmission", "dais": 3}, "did you mean 'days'"), ({"task": "readmission", "days": "x"}, "a number"),
        ({"codes": ["428"]}, "without its vocabulary"), ({"codes": ["ICD9CM:"]}, "without its vocabulary"),
        ({"code": ["ICD9CM:428"]}, "expected codes"), ({"codes": "ICD9CM:428"}, "a list"), ({"codes": [3]}, "text"),
        ({"event": "birth"}, "one of codes, death, visit"), ({"codes": []}, "codes with event codes"),
        ({"classes": ["a"]}, "classes are a table"), ({"event": "death", "clean_days": 4}, "no clean period"),
        ({"event": "long_stay", "days": 7, "horizon_hours": 4}, "no window"), ({"event": "death", "until": "x"}, "stay_end"),
        ({"event": "death", "horizon_hours": 1e300}, "no length of time"), ({"event": "death", "clean_days": "soon"}, "a number"),
        ({"file": "none.csv"}, "no such file of codes"), ({"task": 3}, "text"),
        ({"event": "value", "codes": ["LOINC:2160-0"], "pick": "median"}, "one of first, last"), ({"patients": 3}, "without a level"),
        ({"codes": ["ICD9CM:428"], "pick": "first"}, "a reading is of a value"), ({"event": "codes_of_stay"}, "codes with event codes"),
        ({"level": "CCS", "most": 1}, "2 or more"), ({"level": "CCS", "or_death": True}, "death may come before"),
        ({"event": "value", "codes": ["LOINC:2160-0"], "outside": True}, "value_min or value_max"),
        ({"event": "value", "codes": ["LOINC:2160-0"], "value_min": 2, "value_max": 1}, "no more than"),
        ({"classes": {"none": ["A:1"], "x": ["A:2"]}}, "other names than none"),
    ],
)  # fmt: skip
def test_mistakes(target: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        find_task(target, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "not a TOML file"), ("indx = 3", "unknown key; got 'indx'; expected index"), ("index = 3", "a section was expected"),
        ('[target]\nevent = "$what"', "does not declare"), ("[window]\nhorizon = 3\n[target]\nevent = \"visit\"", "unknown key; got 'horizon'"),
        ('[target]\nevent = "visit"\n[index]\nof = "visit"', "one of visits"), ('[target]\nevent = "visit"\n[window]\ngap_days = -1', "0 or more"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        find_task("mine.toml", tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        find_task("mine.toml", tmp_path)
