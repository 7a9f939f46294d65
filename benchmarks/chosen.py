"""Does choosing pay? chosen.py DATA OUT [--trials 2] [--only luad,lusc,gbmlgg,blca,kirc,diabetes].

Five TCGA cohorts on their published folds (survival, `chosen` against `cox_pca`) and readmission of diabetes130 (`chosen`
against `ridge_late`), each a study run whole with the default learners (diabetes: those of diabetes.py). DATA holds tcga/,
knowledge/ and ehr/. Prints and writes OUT/chosen.txt: each cohort's metric of both, and the paired difference with its
interval, as the run's own results.json has them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import diabetes
import lung

import clinome
from clinome.console import Console

COHORTS = ("luad", "lusc", "gbmlgg", "blca", "kirc", "diabetes")


def study(data: Path, out: Path, cohort: str, trials: int) -> str:
    if cohort == "diabetes":
        return diabetes.study(data, out, trials)
    return lung.published(data, out, cohort, trials)


def line(cohort: str, results: dict[str, Any]) -> tuple[float, str]:
    """The difference, and the row of the table."""
    metric = results["metric"]
    plain = "cox_pca" if results["task"] == "survival" else "ridge_late"
    mean = {name: results["learners"][name]["metrics"][metric]["mean"] for name in ("chosen", plain)}
    pair = next(c for c in results["comparisons"] if (c["a"], c["b"]) == ("chosen", plain))
    best = max((r["metrics"][metric]["mean"], n) for n, r in results["learners"].items() if n != "chosen")
    text = (
        f"{cohort:10s} {metric:8s} {plain:10s} {mean[plain]:.4f}   {mean['chosen']:.4f}   "
        f"{pair['difference']:+.4f} ({pair['low']:+.3f} to {pair['high']:+.3f})   {best[1]} {best[0]:.4f}"
    )
    return pair["difference"], text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--only", default=",".join(COHORTS))
    args = parser.parse_args()
    found, lines = (
        [],
        ["cohort     metric   plain      its       chosen   chosen - plain (95 % interval)   the best single one"],
    )
    for cohort in args.only.split(","):
        out = args.out.resolve() / cohort
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(study(args.data.resolve(), out, cohort, args.trials))
        run = clinome.run(clinome.Study.read(out), console=Console())
        difference, text = line(cohort, json.loads((run.folder / "results.json").read_text()))
        found.append(difference)
        lines.append(text)
        print(text, flush=True)
    lines += ["", f"mean difference {fmean(found):+.4f}, the worst {min(found):+.4f}"]
    (args.out / "chosen.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
