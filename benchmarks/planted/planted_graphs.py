"""Planted studies that only a graph with a form can read, and one of nothing: planted_graphs.py NAME OUT [--seed 1].

NAME is one of these.
`null`: interactions, pathways and a hierarchy over genes that have nothing to do with the outcome.
`typed`: rare diagnoses, each linked to one of 20 diseases by one of two relations. A disease does harm or good; what
IS_A it does what it does, what MAPS_TO it does the contrary. A diagnosis has six patients in the training part: alone it
says little, and without the relations' types what is linked to a disease cancels out.
`hierarchy`: a pathway is out of order when its genes' mean is off, in either direction; larger pathways collect
what their parts are out of order, for the outcome or against it. No gene says anything by itself, no sum of genes does
(the effect is even), and pairs of genes do too little.
`subtypes`: a hundred subtypes in eight hidden dimensions, ten patients to learn from in each; half of them do harm, none
lies in a direction: who is like whom tells. It writes study.toml with one fixed fold, and truth.json with the
AUROC of the true risk; `benchmarks/planted/planted.py` takes this script as its GENERATOR.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

PEOPLE, TRAIN = 1500, 1000
HEAD = """name = "{name}"
store = "{name}.graph"
[patients]
path = "patients.csv"
id = "patient_id"
{sections}[cohort]
query = "MATCH (p:Patient) WHERE p.outcome IS NOT NULL RETURN p.id AS subject_id, {when}p.outcome AS label"
[task]
kind = "binary"
label = "label"
[evaluate]
folds = "folds.csv"
"""
PATHWAYS = """[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
graph = "none"
[knowledge.pathways]
format = "edges"
path = "pathways.csv"
predicate = "IN_PATHWAY"
subject = "gene"
object = "pathway"
features = "opaque"
[knowledge.hierarchy]
format = "edges"
path = "hierarchy.csv"
predicate = "PART_OF"
subject = "part"
object = "larger"
"""
INTERACTIONS = """[knowledge.ppi]
format = "edges"
path = "interactions.csv"
predicate = "INTERACTS_WITH"
subject = "a"
object = "b"
features = "opaque"
"""
EXPRESSION = """[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
graph = "none"
"""
DIAGNOSES = """[records.visits]
format = "csv"
path = "events.csv"
subject = "patient_id"
time = "day"
codes = {code = "ICD10CM"}
[knowledge.is_a]
format = "edges"
path = "is_a.csv"
predicate = "IS_A"
subject = "code"
object = "disease"
[knowledge.maps_to]
format = "edges"
path = "maps_to.csv"
predicate = "MAPS_TO"
subject = "code"
object = "disease"
"""


def hierarchy(
    out: Path, rng: np.random.Generator, genes: int = 600, pathways: int = 40, size: int = 15, larger: int = 10
) -> float:
    """Deviations of pathways, in either direction, collected by the larger ones they are part of. Returns: the best AUROC."""
    members = [np.sort(rng.choice(genes, size, replace=False)) for _ in range(pathways)]
    part_of = np.arange(pathways) % larger
    sign = rng.permutation(np.where(np.arange(larger) < larger // 2, 1.0, -1.0))
    x = rng.normal(size=(PEOPLE, genes))
    mean = np.stack([x[:, of].mean(axis=1) * np.sqrt(size) for of in members], axis=1)
    deviation = np.abs(mean) - np.sqrt(2 / np.pi)
    score = np.stack([deviation[:, part_of == q].sum(axis=1) for q in range(larger)], axis=1) @ sign
    risk = 1 / (1 + np.exp(-2 * score / score.std()))
    outcome = (rng.random(PEOPLE) < risk).astype(int)
    people = _pathways(out, x, members, part_of)
    return _write(out, "hierarchy", PATHWAYS, people, outcome, risk)


def null(
    out: Path, rng: np.random.Generator, genes: int = 60, pathways: int = 12, size: int = 8, larger: int = 4
) -> float:
    """Noise that has everything that the graph networks ask for. Returns: one half."""
    members = [np.sort(rng.choice(genes, size, replace=False)) for _ in range(pathways)]
    risk, outcome = np.full(PEOPLE, 0.5), rng.integers(0, 2, PEOPLE)
    people = _pathways(out, rng.normal(size=(PEOPLE, genes)), members, np.arange(pathways) % larger)
    pairs = [(f"G{a:04d}", f"G{b:04d}") for a, b in rng.integers(0, genes, (3 * genes, 2)) if a != b]
    pl.DataFrame(pairs, schema=["a", "b"], orient="row").unique(maintain_order=True).write_csv(out / "interactions.csv")
    return _write(out, "null", PATHWAYS + INTERACTIONS, people, outcome, risk)


def typed(out: Path, rng: np.random.Generator, codes: int = 1500, diseases: int = 20, rate: float = 0.006) -> float:
    """Rare diagnoses that do what their disease does, or the contrary, by the relation. Returns: the best AUROC."""
    has = rng.random((PEOPLE, codes)) < rate
    of, contrary = rng.integers(0, diseases, codes), rng.random(codes) < 0.5
    effect = np.where(np.arange(diseases) < diseases // 2, 1.0, -1.0)[of] * np.where(contrary, -1.0, 1.0)
    score = has @ effect
    risk = 1 / (1 + np.exp(-1.6 * (score - score.mean()) / score.std()))
    outcome = (rng.random(PEOPLE) < risk).astype(int)
    letters = "ABCDEFGHIJKLMNOPQRST"
    names = [f"{letters[j // 100]}{j % 100:02d}.{j % 7}" for j in range(codes)]
    people = [f"P{i:06d}" for i in range(PEOPLE)]
    out.mkdir(parents=True, exist_ok=True)
    rows = [
        (people[i], f"2019-{1 + j % 12:02d}-{1 + i % 28:02d}", names[j]) for i, j in zip(*has.nonzero(), strict=True)
    ]
    pl.DataFrame(rows, schema=["patient_id", "day", "code"], orient="row").write_csv(out / "events.csv")
    for file, mine in (("is_a", ~contrary), ("maps_to", contrary)):
        pairs = [(f"ICD10CM:{names[j]}", f"MONDO:{of[j]:07d}") for j in np.flatnonzero(mine)]
        pl.DataFrame(pairs, schema=["code", "disease"], orient="row").write_csv(out / f"{file}.csv")
    when = "localdatetime('2020-06-01T00:00:00') AS prediction_time, "
    return _write(out, "typed", DIAGNOSES, people, outcome, risk, when)


def _pathways(out: Path, x: np.ndarray, members: list[np.ndarray], part_of: np.ndarray) -> list[str]:
    """Write the values x (people, genes), the pathways of the genes, and what each is part of. Returns: the people."""
    names, people = [f"G{j:04d}" for j in range(x.shape[1])], [f"P{i:06d}" for i in range(len(x))]
    out.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame({"patient_id": people, **{name: x[:, j].round(4) for j, name in enumerate(names)}})
    table.write_csv(out / "rna.csv")
    inside = [(names[gene], f"PATHWAY:L{k:02d}") for k, of in enumerate(members) for gene in of]
    pl.DataFrame(inside, schema=["gene", "pathway"], orient="row").write_csv(out / "pathways.csv")
    above = [(f"PATHWAY:L{k:02d}", f"PATHWAY:Q{q:02d}") for k, q in enumerate(part_of)]
    pl.DataFrame(above, schema=["part", "larger"], orient="row").write_csv(out / "hierarchy.csv")
    return people


def subtypes(
    out: Path, rng: np.random.Generator, kinds: int = 100, hidden: int = 8, features: int = 300, spread: float = 0.15
) -> float:
    """Subtypes with a risk of their own, in hidden dimensions mixed into many features. Returns: the best AUROC."""
    centre, harm = rng.normal(size=(kinds, hidden)), rng.permutation(kinds) < kinds // 2
    kind = rng.integers(0, kinds, PEOPLE)
    z = centre[kind] + spread * rng.normal(size=(PEOPLE, hidden))
    x = z @ rng.normal(size=(hidden, features)) / np.sqrt(hidden) + rng.normal(size=(PEOPLE, features))
    risk = np.where(harm[kind], 0.9, 0.1)
    outcome = (rng.random(PEOPLE) < risk).astype(int)
    people = [f"P{i:06d}" for i in range(PEOPLE)]
    out.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame({"patient_id": people, **{f"G{j:04d}": x[:, j].round(4) for j in range(features)}})
    table.write_csv(out / "rna.csv")
    return _write(out, "subtypes", EXPRESSION, people, outcome, risk)


def _write(
    out: Path, name: str, sections: str, people: list[str], outcome: np.ndarray, risk: np.ndarray, when: str = ""
) -> float:
    pl.DataFrame({"patient_id": people, "outcome": outcome}).write_csv(out / "patients.csv")
    held = pl.DataFrame({"fold": 0, "subject_id": people[TRAIN:], "split": "held_out"})
    held.write_csv(out / "folds.csv")
    (out / "study.toml").write_text(HEAD.format(name=name, sections=sections, when=when), encoding="utf-8")
    best = float(roc_auc_score(outcome[TRAIN:], risk[TRAIN:]))
    (out / "truth.json").write_text(json.dumps({"best": best, "rate": float(outcome.mean())}), encoding="utf-8")
    return best


NAMES = {"hierarchy": hierarchy, "null": null, "typed": typed, "subtypes": subtypes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*NAMES])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(args.name, NAMES[args.name](args.out, np.random.default_rng(args.seed)))


if __name__ == "__main__":
    main()
