"""The table of docs/measured.md is what the benchmark wrote."""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_number_of_the_table_is_the_benchmarks() -> None:
    with (ROOT / "benchmarks" / "results" / "omics_cohorts.csv").open() as file:
        found = {(row["learner"], row["study"]): row for row in csv.DictReader(file)}
    lines = [line for line in (ROOT / "docs" / "measured.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    studies = cells[0][1:-1]
    shown = 0
    for learner, *scores, _ in [row for row in cells[2:] if not row[0].startswith("its 95")]:
        for study, score in zip(studies, scores, strict=True):
            row = found.get((learner, study))
            assert (row is None) == (score == "–"), (learner, study)
            if row is not None:
                assert score == re.sub("^0", "", f"{float(row['mean']):.3f}"), (learner, study)
                shown += 1
    assert shown == len(found)
