"""A small graph with a bit of everything that one asks about: genes, sets, partners, diseases, drugs, patients, a run."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from clinome.graphs.store.protocol import Edges, Nodes, Store

GENES = 40
HUB = "NCBIGene:1"


def gene(i: int) -> str:
    return f"NCBIGene:{i}"


def fill(store: Store, seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Write it; type -> pairs of ends, as a naive reference."""
    store.prepare()
    for label, rows in _nodes().items():
        store.write_nodes(f"n{label}", "load", Nodes(label, rows))
    edges = _edges(np.random.default_rng(seed))
    for i, part in enumerate(edges):
        rows = part.rows.with_columns(source=pl.lit("test")).sort("start")
        store.write_edges(f"e{i}", "load", Edges(part.type, part.start_label, part.end_label, rows))
    store.save()
    found: dict[str, list[tuple[str, str]]] = {}
    for part in edges:
        found.setdefault(part.type, []).extend(part.rows.select("start", "end").iter_rows())
    return found


def _nodes() -> dict[str, pl.DataFrame]:
    symbols = ["TP53", "EGFR", "KRAS", "BRAF", "SEPTIN7"] + [f"SYM{i}" for i in range(6, GENES + 1)]
    names = ["tumor protein p53", "epidermal growth factor receptor", None, None, None] + [None] * (GENES - 5)
    return {
        "Gene": pl.DataFrame({"id": [gene(i) for i in range(1, GENES + 1)], "symbol": symbols, "name": names}),
        "Pathway": pl.DataFrame({"id": [f"WP:{i}" for i in range(8)], "name": [f"Pathway {c}" for c in "ABCDEFGH"]}),
        "Diagnosis": pl.DataFrame({"id": ["ICD10CM:C34", "ICD10CM:C34.1", "MONDO:0005138", "ICD10CM:I50"],
                                   "name": ["Malignant neoplasm of bronchus and lung", "Upper lobe", "lung carcinoma", "Heart failure"]}),
        "Drug": pl.DataFrame({"id": ["DRUG:erlotinib"], "name": ["erlotinib"]}),
        "Phenotype": pl.DataFrame({"id": ["HP:0002099"], "name": ["Asthma"]}),
        "LabTest": pl.DataFrame({"id": ["LOINC:2160-0"], "name": ["creatinine"]}),
        "Patient": pl.DataFrame({"id": [f"p{i:02d}" for i in range(30)], "age": [40.0 + i for i in range(30)]}),
        "Visit": pl.DataFrame({"id": ["v1"], "start_time": [datetime(2020, 1, 1)], "end_time": [datetime(2020, 1, 4)], "kind": ["inpatient"]}),
        "Load": pl.DataFrame({"id": ["load"], "source": ["omics.rna"]}),
        "Cohort": pl.DataFrame({"id": ["small"], "name": ["small"], "study": ["small"]}),
        "Run": pl.DataFrame({"id": ["small/small", "small/other"], "name": ["small", "other"], "study": ["small", "small"]}),
    }  # fmt: skip


def _edges(rng: np.random.Generator) -> list[Edges]:
    day = datetime(2020, 1, 2)
    people = [f"p{i:02d}" for i in range(30)]

    def pairs(start: list[str], end: list[str], **more: object) -> pl.DataFrame:
        return pl.DataFrame({"start": start, "end": end}).with_columns(
            **{k: pl.Series(v) if isinstance(v, list) else pl.lit(v) for k, v in more.items()}
        )

    partners = sorted({(1, int(j)) for j in range(2, 20)} | {tuple(sorted(map(int, rng.choice(range(2, GENES + 1), 2, replace=False)))) for _ in range(40)})  # fmt: skip
    sets = [(i, k) for k in range(8) for i in range(1, GENES + 1) if i <= 2 + 4 * k or (k > 5 and i % 2)]
    values = [(p, i) for p in people for i in range(1, 4)]
    return [
        Edges("INTERACTS_WITH", "Gene", "Gene", pairs([gene(a) for a, _ in partners], [gene(b) for _, b in partners], score=[round(float(s), 3) for s in rng.random(len(partners))])),
        Edges("IN_PATHWAY", "Gene", "Pathway", pairs([gene(i) for i, _ in sets], [f"WP:{k}" for _, k in sets])),
        Edges("ASSOCIATED_WITH", "Gene", "Diagnosis", pairs([gene(2), gene(3), gene(1)], ["MONDO:0005138"] * 2 + ["ICD10CM:I50"], score=[0.9, 0.8, 0.1])),
        Edges("ASSOCIATED_WITH", "Gene", "Phenotype", pairs([gene(2)], ["HP:0002099"], score=0.3)),
        Edges("HAS_PHENOTYPE", "Diagnosis", "Phenotype", pairs(["MONDO:0005138"], ["HP:0002099"])),
        Edges("TARGETS", "Drug", "Gene", pairs(["DRUG:erlotinib"], [gene(2)])),
        Edges("TREATS", "Drug", "Diagnosis", pairs(["DRUG:erlotinib"], ["ICD10CM:C34"])),
        Edges("IS_A", "Diagnosis", "Diagnosis", pairs(["ICD10CM:C34.1"], ["ICD10CM:C34"])),
        Edges("MAPS_TO", "Diagnosis", "Diagnosis", pairs(["ICD10CM:C34"], ["MONDO:0005138"], predicate="exactMatch")),
        Edges("EXPRESSES", "Patient", "Gene", pairs([p for p, _ in values], [gene(i) for _, i in values], value=1.0, z=[round(float(z), 3) for z in rng.normal(size=len(values))], layer="rna")),
        Edges("MUTATED_IN", "Patient", "Gene", pairs(people[:12], [gene(1 + i % 3) for i in range(12)], layer="mutations")),
        Edges("DIAGNOSED", "Patient", "Diagnosis", pairs([*people[:20], people[0]], ["ICD10CM:C34.1"] * 20 + ["ICD10CM:I50"], time=day, known_time=day + timedelta(days=2), visit="v1")),
        Edges("MEASURED", "Patient", "LabTest", pairs(["p00"] * 3, ["LOINC:2160-0"] * 3, time=[day + timedelta(days=d) for d in (9, 1, 5)], known_time=[day + timedelta(days=d + 1) for d in (9, 1, 5)], value=[1.0, 1.1, 1.2], unit="mg/dL")),
        Edges("ATTENDED", "Patient", "Visit", pairs(["p00"], ["v1"])),
        Edges("PROFILED", "Patient", "Load", pairs(people, ["load"] * 30, layer="rna", sample=[f"{p}-T" for p in people], time=day, known_time=day)),
        Edges("INCLUDES", "Cohort", "Patient", pairs(["small"] * 30, people, prediction_time=day + timedelta(days=30), label=[i % 2 for i in range(30)])),
        Edges("RANKS", "Run", "Gene", pairs(["small/small"] * 10, [gene(i) for i in range(1, 11)], rank=list(range(1, 11)), score=[round(0.5 - i / 10, 2) for i in range(10)], stability=[1.0 - i / 20 for i in range(10)], q=[0.01 * i for i in range(10)], layer="rna")),
        Edges("RANKS", "Run", "LabTest", pairs(["small/small"], ["LOINC:2160-0"], rank=11, score=0.01, stability=0.2, q=0.9, layer="records")),
        Edges("PREDICTS", "Run", "Patient", pairs(["small/small"] * 30, people, risk=[i / 30 for i in range(30)])),
    ]  # fmt: skip
