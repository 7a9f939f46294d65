"""Every query of the library, on every store, against a reference in plain Python; headers, parameters, refusals."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from stores import Kind

from clinome.graphs.query.code_coverage import MappingGraph
from clinome.graphs.query.cypher import Query, bind, find, library, parse, parse_params, run_query
from clinome.graphs.store.protocol import Edges, Nodes, Store
from clinome.loaders.errors import InputError

START = datetime(2020, 1, 1)
DIAGNOSES = [
    "ICD10CM:A",
    "ICD10CM:A1",
    "ICD10CM:A1.2",
    "ICD10CM:A1.3",
    "ICD10CM:B",
    "MONDO:1",
    "ICD9CM:7",
    "ICD10CM:B1",
    "ICD10CM:A-B",
    "DOID:1",
]
ABOVE = {
    "ICD10CM:A": "ICD10CM:A-B",
    "ICD10CM:B1": "ICD10CM:B",
    "MONDO:1": "DOID:1",
    "ICD10CM:A1": "ICD10CM:A",
    "ICD10CM:A1.2": "ICD10CM:A1",
    "ICD10CM:A1.3": "ICD10CM:A1",
}
DRUGS = ["ATC:C", "ATC:C09", "RXNORM:1"]
DRUG_ABOVE = {"ATC:C09": "ATC:C"}
KINDS = {("ICD10CM:A1.2", "MONDO:1"): "exactMatch", ("ICD10CM:A1", "MONDO:1"): "closeMatch",
         ("ICD9CM:7", "ICD10CM:B1"): "closeMatch", ("ICD10CM:B", "MONDO:1"): "exactMatch"}  # fmt: skip
MAPS = [*KINDS]
CAUSES = [("NCBIGene:1", "MONDO:1"), ("NCBIGene:2", "MONDO:1"), ("NCBIGene:3", "ICD10CM:A1.3"), ("NCBIGene:4", "ICD10CM:A-B"),
          ("NCBIGene:5", "DOID:1")]  # fmt: skip
LINKS = pl.DataFrame(
    [(a, "MAPS_TO", b, kind) for (a, b), kind in KINDS.items()] + [(a, "IS_A", b, None) for a, b in ABOVE.items()]
    + [(gene, "ASSOCIATED_WITH", disease, None) for gene, disease in CAUSES],
    schema=["subject", "predicate", "object", "mapping"], orient="row",
)  # fmt: skip
PATHWAYS = [("NCBIGene:1", "REACT:1"), ("NCBIGene:2", "REACT:1"), ("NCBIGene:3", "REACT:2"), ("NCBIGene:4", "REACT:2")]
LAYERS = ("rna", "mutations", "cnv")


class World:
    """A small random graph: the rows that went into the store, for the references."""

    def __init__(self, seed: int, store: Store) -> None:
        rng = np.random.default_rng(seed)
        self.store, self.written = store, 0

        def day(low: int, high: int) -> datetime:
            return START + timedelta(days=int(rng.integers(low, high)))

        self.patients: list[dict[str, Any]] = [
            {
                "id": f"p{i}", "clock": str(rng.choice(["dated", "dated", "order"])),
                "age": float(rng.integers(20, 90)) if rng.random() < 0.8 else None,
                "subtype": str(rng.choice(["x", "y"])) if rng.random() < 0.8 else None,
                "observed_until": day(20, 120) if rng.random() < 0.5 else None,
                "os_days": float(rng.integers(1, 400)) if rng.random() < 0.9 else None,
                "os_event": int(rng.integers(0, 2)) if rng.random() < 0.9 else None,
                "index_date": day(0, 60) if rng.random() < 0.8 else None,
                "status": str(rng.choice(["dead", "alive", "lost"])) if rng.random() < 0.9 else None,
            }
            for i in range(15)
        ]  # fmt: skip
        ids = [patient["id"] for patient in self.patients]
        self.visits: list[dict[str, Any]] = []
        for patient in ids:
            for _ in range(int(rng.integers(0, 5))):
                begin = day(0, 60) if rng.random() < 0.9 else None
                end = begin + timedelta(days=int(rng.integers(0, 5))) if begin and rng.random() < 0.9 else None
                name = f"v{rng.permutation(1000)[0]:03d}{len(self.visits)}"
                again = str(rng.choice(["no", "yes"])) if rng.random() < 0.7 else None
                visit = {"patient": patient, "id": name, "start_time": begin, "end_time": end, "readmitted": again}
                self.visits.append(visit)
                if end and rng.random() < 0.2:  # a part of it that ends with it
                    part = {"id": f"{name}i", "start_time": begin and begin + timedelta(days=int(rng.integers(0, 2)))}
                    part["start_time"] = min(part["start_time"], end) if part["start_time"] else None
                    self.visits.append({**visit, **part})
        self.diagnosed: list[Any] = []
        self.prescribed: list[Any] = []
        for out, codes, often in ((self.diagnosed, DIAGNOSES, 30), (self.prescribed, DRUGS, 30)):
            for _ in range(often):
                time = day(0, 60) if rng.random() < 0.9 else None
                known = time + timedelta(days=int(rng.integers(0, 4))) if time else None
                out.append((str(rng.choice(ids)), str(rng.choice(codes)), time, known))
        self.profiled = {(p, layer) for p in ids for layer in LAYERS if rng.random() < 0.6}
        measured = sorted(p for p, layer in self.profiled if layer == "mutations")
        self.mutated = {(p, f"NCBIGene:{g}") for p in measured for g in range(1, 6) if rng.random() < 0.3}
        self._write()

    def nodes(self, label: str, rows: list[dict[str, Any]]) -> None:
        self.written += 1
        self.store.write_nodes(f"b{self.written}", "test", Nodes(label, pl.DataFrame(rows, infer_schema_length=None)))

    def edges(self, type: str, start: str, end: str, rows: list[dict[str, Any]]) -> None:
        self.written += 1
        frame = pl.DataFrame(rows, infer_schema_length=None)
        self.store.write_edges(f"b{self.written}", "test", Edges(type, start, end, frame))

    def pairs(self, type: str, start: str, end: str, rows: list[Any]) -> None:
        self.edges(type, start, end, [{"start": a, "end": b} for a, b in rows])

    def _write(self) -> None:
        self.store.prepare()
        self.nodes("Patient", self.patients)
        self.nodes("Visit", [{k: v for k, v in visit.items() if k != "patient"} for visit in self.visits])
        self.nodes("Diagnosis", [{"id": code} for code in DIAGNOSES])
        self.nodes("Medication", [{"id": code} for code in DRUGS])
        self.nodes("Gene", [{"id": f"NCBIGene:{g}", "symbol": f"G{g}"} for g in range(1, 6)])
        self.nodes("Pathway", [{"id": "REACT:1", "name": "first"}, {"id": "REACT:2", "name": "second"}])
        self.nodes("Load", [{"id": f"load.{layer}"} for layer in LAYERS])
        self.pairs("ATTENDED", "Patient", "Visit", [(v["patient"], v["id"]) for v in self.visits])
        for type, label, events in (
            ("DIAGNOSED", "Diagnosis", self.diagnosed), ("PRESCRIBED", "Medication", self.prescribed),
        ):  # fmt: skip
            rows = [{"start": p, "end": c, "time": t, "known_time": k} for p, c, t, k in events]
            self.edges(type, "Patient", label, rows)
        profiled = [{"start": p, "end": f"load.{layer}", "layer": layer} for p, layer in sorted(self.profiled)]
        self.edges("PROFILED", "Patient", "Load", profiled)
        self.pairs("MUTATED_IN", "Patient", "Gene", sorted(self.mutated))
        self.pairs("IN_PATHWAY", "Gene", "Pathway", PATHWAYS)
        self.pairs("IS_A", "Diagnosis", "Diagnosis", list(ABOVE.items()))
        self.pairs("IS_A", "Medication", "Medication", list(DRUG_ABOVE.items()))
        mapped = [{"start": a, "end": b, "predicate": kind} for (a, b), kind in KINDS.items()]
        self.edges("MAPS_TO", "Diagnosis", "Diagnosis", mapped)
        self.pairs("ASSOCIATED_WITH", "Gene", "Diagnosis", CAUSES)
        self.pairs("INTERACTS_WITH", "Gene", "Gene", [("NCBIGene:1", "NCBIGene:2"), ("NCBIGene:3", "NCBIGene:1")])

    def ask(self, name: str, **params: object) -> list[Any]:
        query = find(name, Path())
        frame = run_query(self.store, query, params)
        assert frame.columns == [column for column, _ in query.columns]
        return sorted(frame.rows(), key=repr)


@pytest.fixture(scope="module", params=[1, 2, 3])
def world(request: pytest.FixtureRequest, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with kind.empty(tmp_path_factory.mktemp("store")).open() as store:
        yield World(request.param, store)


def below(code: str, above: dict[str, str], all_codes: list[str]) -> set[str]:
    found = {code}
    for _ in all_codes:
        found |= {c for c in all_codes if above.get(c) in found}
    return found


def same(got: list[Any], want: list[Any]) -> None:
    assert got == sorted(want, key=repr)


def test_first_admissions(world: World) -> None:
    want = []
    for patient in world.patients:
        dated = [v for v in world.visits if v["patient"] == patient["id"] and v["start_time"]]
        if dated:
            first = min(dated, key=lambda v: (v["start_time"], v["id"]))
            want.append((patient["id"], first["id"], first["end_time"] or first["start_time"]))
    same(world.ask("first_admissions"), want)


def test_patients_with_label(world: World) -> None:
    want = [(p["id"], p["subtype"]) for p in world.patients if p["subtype"] is not None]
    same(world.ask("patients_with_label", property="subtype"), [(*row, "as_it_says") for row in want])


@pytest.mark.parametrize("code", [*DIAGNOSES, *DRUGS, "ICD10CM:unheard"])
def test_patients_with_code(world: World, code: str) -> None:
    codes = below(code, {**ABOVE, **DRUG_ABOVE}, DIAGNOSES + DRUGS)
    want = []
    for patient in world.patients:
        facts = [f for f in world.diagnosed + world.prescribed if f[0] == patient["id"] and f[1] in codes]
        if facts:
            known = [fact[3] for fact in facts if fact[3] is not None]
            want.append((patient["id"], min(known) if known else None, len(facts)))
    same(world.ask("patients_with_code", code=code), want)


def test_mutated_gene_and_status(world: World) -> None:
    same(world.ask("patients_with_mutated_gene", symbol="G2"), [m for m in world.mutated if m[1] == "NCBIGene:2"])
    measured = [p for p, layer in world.profiled if layer == "mutations"]
    want = [(p, (p, "NCBIGene:2") in world.mutated) for p in measured]
    same(world.ask("mutation_status", symbol="G2"), want)


@pytest.mark.parametrize("named", ["REACT:2", "second"])
def test_patients_with_mutated_pathway(world: World, named: str) -> None:
    genes = {gene for gene, pathway in PATHWAYS if pathway == "REACT:2"}
    counts = {p["id"]: sum((p["id"], gene) in world.mutated for gene in genes) for p in world.patients}
    same(world.ask("patients_with_mutated_pathway", pathway=named), [(p, n) for p, n in counts.items() if n])


@pytest.mark.parametrize(("diagnosis", "drug", "within"), [("ICD10CM:A", "ATC:C", 30), ("ICD10CM:A1", "ATC:C09", 5)])
def test_drug_within_days_of_diagnosis(world: World, diagnosis: str, drug: str, within: int) -> None:
    codes, drugs = below(diagnosis, ABOVE, DIAGNOSES), below(drug, DRUG_ABOVE, DRUGS)
    want = []
    for patient in world.patients:
        found = [f for f in world.diagnosed if f[0] == patient["id"] and f[1] in codes and f[2]]
        if not found:
            continue
        first = min(f[2] for f in found)
        last = first + timedelta(days=within)
        given = [
            g for g in world.prescribed if g[0] == patient["id"] and g[1] in drugs and g[2] and first <= g[2] <= last
        ]
        if given:
            known = max(min(f[3] for f in found), min(g[3] for g in given))
            want.append((patient["id"], known, first, min(g[2] for g in given)))
    same(world.ask("drug_within_days_of_diagnosis", diagnosis=diagnosis, drug=drug, within=within), want)


def test_patients_with_layers(world: World) -> None:
    layers = ["rna", "mutations"]
    want = [(p["id"], 2) for p in world.patients if all((p["id"], layer) in world.profiled for layer in layers)]
    same(world.ask("patients_with_layers", layers=layers), want)


def test_patients_in_age_window(world: World) -> None:
    want = [(p["id"], p["age"]) for p in world.patients if p["age"] is not None and 40 <= p["age"] < 60]
    same(world.ask("patients_in_age_window", low=40, high=60), want)


def test_diagnosis_to_pathway(world: World) -> None:
    codes = below("ICD10CM:A", ABOVE, DIAGNOSES)
    walks = set()
    for patient, code, _, _ in world.diagnosed:
        if code in codes:
            for disease in {code} | {b for a, b in MAPS if a == code}:
                for gene in [g for g, d in CAUSES if d == disease]:
                    walks |= {(w, gene, disease, patient) for g, w in PATHWAYS if g == gene}
    want = []
    for pathway, name in (("REACT:1", "first"), ("REACT:2", "second")):
        here = [walk for walk in walks if walk[0] == pathway]
        if here:
            want.append((pathway, name, *(len({walk[k] for walk in here}) for k in (1, 2, 3))))
    same(world.ask("diagnosis_to_pathway", code="ICD10CM:A"), want)


@pytest.mark.parametrize("patient", [f"p{i}" for i in range(8)])
def test_genes_of_diagnoses(world: World, patient: str) -> None:
    """By the code's own mappings, else by those of the nearest code above: A-B is a block, DOID:1 lies above a disease."""
    want = []
    for code in sorted({code for p, code, _, _ in world.diagnosed if p == patient}):
        walks, found = [(code, 0, True)], []
        for at, steps, exact in walks:
            found += [(steps, at, exact, gene) for gene, disease in CAUSES if disease == at]
            walks += [(b, steps, exact and KINDS[a, b] == "exactMatch") for a, b in MAPS if a == at]
            above = ABOVE.get(at, "-")
            walks += [] if "-" in above or not at.startswith("ICD") else [(above, steps + 1, False)]
        nearest = min((steps for steps, *_ in found), default=None)
        near = {(at, gene) for steps, at, _, gene in found if steps == nearest}
        for at, gene in near:
            exact = any(one == (0, at, True, gene) for one in found)
            want.append((code, nearest, at, exact, gene, f"G{gene[-1]}"))
        graph = MappingGraph.of([LINKS])
        assert graph.genes_of(code) == (nearest, frozenset(gene for _, gene in near)), "the count says the same"
    same(world.ask("genes_of_diagnoses", patient=patient), want)


def test_readmission(world: World) -> None:
    order = {p["id"] for p in world.patients if p["clock"] == "order"}
    until = {p["id"]: p["observed_until"] for p in world.patients}
    want = []
    for visit in world.visits:
        end = visit["end_time"]
        if end is None or visit["patient"] in order:
            continue
        last = end + timedelta(days=20)
        mine = [v for v in world.visits if v["patient"] == visit["patient"] and v is not visit]
        others = [v for v in mine if v["start_time"]]
        if any(v["end_time"] and v["start_time"] < end < v["end_time"] for v in others):
            continue  # the stay goes on
        twins = [visit, *(v for v in mine if v["end_time"] == end)]
        if min(twins, key=lambda v: (v["start_time"] or end, v["id"])) is not visit:
            continue
        label: bool | None = any(end <= v["start_time"] <= last for v in others)
        if not label and until[visit["patient"]] and until[visit["patient"]] < last:
            label = None
        want.append((visit["patient"], visit["id"], end, label))
    same(world.ask("readmission", within=20), want)


def test_readmission_has_one_row_where_two_visits_end_at_one_moment(world: World) -> None:
    """A cohort takes one row a patient and prediction time: an intensive-care stay ends with its admission."""
    rows = world.ask("readmission", within=20)
    moments = [(subject, time) for subject, _, time, _ in rows]
    ends = [(v["patient"], v["end_time"]) for v in world.visits if v["end_time"]]
    assert len(moments) == len(set(moments)) < len(ends)


def test_landmark_survival(world: World) -> None:
    landmark = datetime(2000, 4, 1)
    want = []
    for p in world.patients:
        if p["os_days"] is not None and p["os_event"] is not None and p["os_days"] > 91:
            want.append((p["id"], landmark, p["os_days"] - 91, p["os_event"], 1))
    same(world.ask("landmark_survival", landmark="2000-04-01", days=91), want)


@pytest.mark.parametrize(("event", "happened", "censored"), [("os_event", 1, 0), ("status", "dead", "alive")])
def test_survival(world: World, event: str, happened: object, censored: object) -> None:
    """A status that is neither of the two is unknown: no event, and no end of follow-up."""
    want = [
        (p["id"], p["os_days"] * 7, int(p[event] == happened))
        for p in world.patients
        if p["os_days"] is not None and p[event] in (happened, censored)
    ]
    same(world.ask("survival", unit_days=7, event=event, happened=happened, censored=censored), want)


def test_visits_with_label(world: World) -> None:
    want = [
        (v["patient"], v["id"], v["end_time"], v["readmitted"])
        for v in world.visits
        if v["end_time"] is not None and v["readmitted"] is not None
    ]
    same(world.ask("visits_with_label", property="readmitted"), [(*row, "as_it_says") for row in want])


def test_patients_with_label_at(world: World) -> None:
    want = [
        (p["id"], p["index_date"], p["subtype"])
        for p in world.patients
        if p["subtype"] is not None and p["index_date"] is not None
    ]
    same(world.ask("patients_with_label_at", property="subtype"), [(*row, "as_it_says") for row in want])


def test_neighbourhood_of_gene(world: World) -> None:
    want = [
        ("IN_PATHWAY", "Pathway", "REACT:1", "first", None), ("INTERACTS_WITH", "Gene", "NCBIGene:2", "G2", None),
        ("INTERACTS_WITH", "Gene", "NCBIGene:3", "G3", None),
    ]  # fmt: skip
    got = [row for row in world.ask("neighbourhood_of_gene", symbol="G1") if row[0] != "ASSOCIATED_WITH"]
    same(got, want)
    assert len(world.ask("neighbourhood_of_gene", symbol="G1", limit=2)) == 2


ELSEWHERE = ("run_findings", "similar_patients", "source_of_number", "source_of_risk")
"""Asked of what a run writes back, on every store: tests/graphs/ingest/test_trail.py."""


@pytest.mark.parametrize("query", library(), ids=lambda query: query.name)
def test_every_query_says_what_it_is(query: Query) -> None:
    assert query.question.endswith(".") and query.columns and query.store == "any"
    assert all(param.description for param in query.params)
    assert f"def test_{query.name}" in Path(__file__).read_text() or query.name in Path(__file__).read_text()


def test_find_by_name_file_and_text(tmp_path: Path) -> None:
    (tmp_path / "mine.cypher").write_text("// Mine.\nMATCH (p:Patient) RETURN p.id AS subject_id\n")
    assert find("mine.cypher", tmp_path).question == "Mine."
    assert find("MATCH (p) WHERE p.x = $x RETURN p.id AS subject_id", tmp_path).params[0].name == "x"
    with pytest.raises(InputError, match="patients_with_label"):
        find("patients_with_lable", tmp_path)
    with pytest.raises(InputError, match="no such query file"):
        find("other.cypher", tmp_path)


def test_parameters_come_in_their_types() -> None:
    query = find("landmark_survival", Path())
    bound = parse_params(query, ["days=90", "landmark=2000-03-31", "happened=yes"])
    assert bound["days"] == 90.0 and bound["landmark"] == datetime(2000, 3, 31) and bound["happened"] == "yes"
    assert bound["unit_days"] == 1.0
    assert parse_params(query, ["happened=1"])["happened"] == 1
    assert bind(query, {"happened": "1"})["happened"] == "1"
    assert bind(query, bound) == bound
    layers = parse_params(find("patients_with_layers", Path()), ["layers=rna, mutations"])
    assert layers == {"layers": ["rna", "mutations"]}
    assert parse_params(find("readmission", Path()), ["within=7"]) == {"within": timedelta(days=7)}
    free = find("MATCH (p) WHERE p.a = $a AND p.b = $b AND p.c = '$c' RETURN p.id AS subject_id", Path())
    assert parse_params(free, ["a=007", "b=2.5"]) == {"a": "007", "b": 2.5}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "missing"), (["symbol"], "without a value"), (["symbol=A", "layers=b"], "did you mean 'layer'"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_named(pairs: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_params(find("mutation_status", Path()), pairs)


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InputError, match="parameter days"):
        parse_params(find("landmark_survival", Path()), ["days=soon"])


def test_a_header_must_declare_what_the_text_uses() -> None:
    with pytest.raises(InputError, match="does not declare"):
        parse("mine", "// returns: a text\nMATCH (p) WHERE p.x = $x RETURN p.id AS a")


def test_a_query_for_the_other_store_and_one_that_writes_are_refused(world: World) -> None:
    other = "embedded" if world.store.name == "neo4j" else "neo4j"
    with pytest.raises(InputError, match="another store"):
        run_query(world.store, parse("q", f"// Q.\n// returns: n int\n// store: {other}\nRETURN 1 AS n"), {})
    with pytest.raises(InputError, match="may only read"):
        run_query(world.store, parse("q", "MATCH (p) DETACH DELETE p"), {})
