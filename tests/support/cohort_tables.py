"""Synthetic tables of a small cohort, with what real ones have: nulls, ties, ends of months, visits within visits.

tables = CohortTables(seed=1)
tables.write(store)          # the graph
tables.patients              # the same as polars frames
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from clinome.graphs.store.protocol import Edges, Nodes, Store

GENES, PATHWAYS, CODES = 8, 3, 14


class CohortTables:
    """patients, visits (patient), diagnosed (patient, code), mutated, in_pathway, interacts and is_a (child, parent)."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        people = range(40)
        self.patients = pl.DataFrame([_patient(rng, i) for i in people], infer_schema_length=None)
        visits = [_visit(rng, i) for i in range(90)]
        self.visits = pl.DataFrame(visits, infer_schema_length=None)
        diagnosed = [_diagnosis(rng) for _ in range(120)]
        self.diagnosed = pl.DataFrame(diagnosed, infer_schema_length=None)
        pairs = sorted({(f"p{rng.integers(30):02d}", f"g{rng.integers(GENES - 1)}") for _ in range(50)})
        self.mutated = pl.DataFrame(pairs, ["patient", "gene"], orient="row")
        self.genes = pl.DataFrame({"id": [f"g{i}" for i in range(GENES)], "symbol": [f"S{i}" for i in range(GENES)]})
        self.pathways = pl.DataFrame({"id": [f"w{i}" for i in range(PATHWAYS)], "name": ["repair", "growth", "death"]})
        self.in_pathway = pl.DataFrame(
            [(f"g{i}", f"w{i % 2}") for i in range(GENES - 2)], ["gene", "pathway"], orient="row"
        )
        ends = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 3), (5, 6)]
        self.interacts = pl.DataFrame(
            [(f"g{a}", f"g{b}", round(0.1 * n, 1)) for n, (a, b) in enumerate(ends)], ["a", "b", "score"], orient="row"
        )
        self.codes = pl.DataFrame(
            {"id": [f"c{i:02d}" for i in range(CODES)], "name": [f"code {i}" for i in range(CODES)]}
        )
        steps = [(f"c{i:02d}", f"c{i - 1:02d}") for i in range(1, CODES - 1)]  # twelve steps: more than ten
        self.is_a = pl.DataFrame(steps, ["child", "parent"], orient="row")

    def write(self, store: Store) -> None:
        """All of it into an empty store."""
        store.prepare()
        visits, source = self.visits, pl.lit("cohort/records").alias("source")
        for n, (label, rows) in enumerate(
            (("Patient", self.patients), ("Visit", visits.drop("patient")), ("Gene", self.genes),
             ("Pathway", self.pathways), ("Diagnosis", self.codes))
        ):  # fmt: skip
            store.write_nodes(f"n{n}", "cohort", Nodes(label, rows))
        for n, (type, start, end, rows, ends) in enumerate(
            (("ATTENDED", "Patient", "Visit", visits.select("patient", "id"), ("patient", "id")),
             ("DIAGNOSED", "Patient", "Diagnosis", self.diagnosed, ("patient", "code")),
             ("MUTATED_IN", "Patient", "Gene", self.mutated, ("patient", "gene")),
             ("IN_PATHWAY", "Gene", "Pathway", self.in_pathway, ("gene", "pathway")),
             ("INTERACTS_WITH", "Gene", "Gene", self.interacts, ("a", "b")),
             ("IS_A", "Diagnosis", "Diagnosis", self.is_a, ("child", "parent")))
        ):  # fmt: skip
            named = rows.rename({ends[0]: "start", ends[1]: "end"}).with_columns(source)
            store.write_edges(f"e{n}", "cohort", Edges(type, start, end, named))
        store.save()


def _moment(rng: np.random.Generator, first: int, last: int) -> datetime:
    """A moment whose day, hour and minute are often at an edge."""
    day = datetime(int(rng.integers(first, last)), int(rng.integers(1, 13)), int(rng.choice([1, 2, 15, 27, 28])))
    day += timedelta(days=int(rng.choice([0, 0, 1, 2, 3])))
    return day.replace(hour=int(rng.choice([0, 0, 7, 23])), minute=int(rng.choice([0, 30, 59])))


def _patient(rng: np.random.Generator, i: int) -> dict[str, Any]:
    def maybe(value: Any) -> Any:
        return value if rng.random() < 0.85 else None

    return {
        "id": f"p{i:02d}", "sex": str(rng.choice(["F", "M"])), "age": maybe(float(rng.integers(40, 190)) / 2),
        "stage": maybe(str(rng.choice(["I", "II", "III"]))), "outcome": int(rng.integers(0, 2)),
        "smoker": maybe(bool(rng.integers(0, 2))), "site": str(rng.choice(["north", "south", "Øst"])),
        "birth_date": _moment(rng, 1931, 2004).replace(hour=0, minute=0), "index_date": maybe(_moment(rng, 2019, 2022)),
    }  # fmt: skip


def _visit(rng: np.random.Generator, i: int) -> dict[str, Any]:
    begin = _moment(rng, 2019, 2022)
    stay = timedelta(days=int(rng.integers(0, 45)), hours=int(rng.integers(0, 24)), minutes=int(rng.integers(0, 60)))
    end = begin + stay if rng.random() < 0.9 else None
    return {
        "patient": f"p{rng.integers(32):02d}", "id": f"v{i:02d}", "start_time": begin, "end_time": end,
        "ward": str(rng.choice(["a", "b"])),
    }  # fmt: skip


def _diagnosis(rng: np.random.Generator) -> dict[str, Any]:
    time = _moment(rng, 2019, 2022)
    return {
        "patient": f"p{rng.integers(36):02d}", "code": f"c{rng.integers(CODES):02d}", "time": time,
        "known_time": time + timedelta(days=int(rng.integers(0, 9))),
        "value": round(float(rng.normal(5, 2)), 3) if rng.random() < 0.7 else None,
    }  # fmt: skip
