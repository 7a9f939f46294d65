"""Tools of the MCP server: what an agent may ask of a study. All read; none lists patients unless the user allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinome.graph import Graph, cohort_of, open_graph
from clinome.loaders.errors import InputError
from clinome.run_folder.run import Run, run_names
from clinome.study import Study
from clinome.study_file.typed_toml import nearest
from clinome.verbs.exploration.agents.answers import ROWS, SECONDS, limited, table, told

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.query.cypher import Query

_OURS = ("run_findings", "source_of_number")
"""Queries of the library that touch a cohort or a load, and return nothing of a person."""
_MINE = "MATCH (p:Patient) WHERE any(s IN p.sources WHERE s STARTS WITH $own) RETURN p.id AS subject_id"
_WITH = "MATCH (p:Patient) WHERE p[$property] = $value RETURN p.id AS subject_id"


@dataclass(frozen=True)
class StudyTools:
    """What can be asked of one study. patients: rows of patients may leave, and counts are exact."""

    study: Study
    patients: bool = False

    def about(self) -> dict[str, Any]:
        """The study: its name, task, omics layers and records, runs, and whether rows of patients may leave."""
        study = self.study
        task = study.task
        return {
            "study": study.name, "task": None if task is None else task.kind, "runs": run_names(study),
            "sources": [spec.source for spec in study.sources()], "patient_rows_allowed": self.patients,
            "rows_at_most": ROWS, "seconds_at_most": SECONDS,
        }  # fmt: skip

    def schema(self) -> dict[str, Any]:
        """Labels with their properties and relationship types with their ends, as the graph has them; counts of what is
        patients' are rounded and suppressed."""
        from clinome.graphs import schema
        from clinome.graphs.query.describe import describe
        from clinome.graphs.query.without_persons import LABELS, TYPES

        with open_graph(self.study) as graph:
            found = describe(graph.store)
        free = {*LABELS, *schema.ACTS}
        return {
            "nodes": [
                {"label": one.label, "count": one.count if one.label in free else self._told(one.count),
                 "properties": {p.name: " or ".join(p.types) for p in one.properties}}
                for one in found.nodes
            ],
            "relationships": [
                {"type": one.type, "start": one.start, "end": one.end,
                 "count": one.count if one.type in TYPES else self._told(one.count),
                 "properties": {p.name: " or ".join(p.types) for p in one.properties}}
                for one in found.relationships
            ],
            "may_be_asked": None if self.patients else {"labels": list(LABELS), "relationships": list(TYPES)},
        }  # fmt: skip

    def query(self, cypher: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Cypher, read-only, at most 200 rows and 20 seconds. Without leave for patients, every pattern must name labels and
        types of `schema`'s may_be_asked, so that it cannot touch a person."""
        from clinome.graphs.language.parser import parse as tree_of
        from clinome.graphs.query.cypher import parse
        from clinome.graphs.query.without_persons import check_without_persons
        from clinome.graphs.store.read_only import check_read_only

        check_read_only(cypher)
        tree = tree_of(cypher) if self.patients else check_without_persons(cypher)
        with open_graph(self.study) as graph:
            return table(_ask(graph, parse("query", limited(cypher, tree)), params or {}))

    def queries(self) -> list[dict[str, Any]]:
        """The library of queries: name, question, parameters, columns, and whether it may be asked here."""
        from clinome.graphs.query.cypher import library

        return [
            {"name": query.name, "question": query.question, "may_be_asked": self._may(query),
             "params": [{"name": p.name, "type": p.type, "default": p.default, "description": p.description}
                        for p in query.params],
             "columns": [name for name, _ in query.columns]}
            for query in library()
        ]  # fmt: skip

    def library_query(self, name: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One query of the library by its name, at most 200 rows. `source_of_number` leads from a rank to files and checksums."""
        from clinome.graphs.query.cypher import library

        known = {query.name: query for query in library()}
        if name not in known:
            raise InputError("no such query", "library_query", name, nearest(name, known), "take a name of `queries`")
        if not self._may(known[name]):
            fix = "count_patients and cohort count; whoever starts the server allows rows: --patients"
            raise InputError("this query lists patients", "library_query", name, "one that may be asked", fix)
        with open_graph(self.study) as graph:
            return table(_ask(graph, known[name], params or {}))

    def count_patients(
        self,
        code: str | None = None,
        mutated_gene: str | None = None,
        layers: list[str] | None = None,
        property: str | None = None,
        equals: str | float | bool | None = None,
    ) -> dict[str, Any]:
        """How many patients have all of these: a code or one below it (`ICD10CM:I50`), a mutated gene (symbol), these omics
        layers measured, a property of Patient that equals a value. Fewer than ten are told as <10, others to the nearest 5."""
        from clinome.graphs.query.cypher import find

        with open_graph(self.study) as graph:
            own = f"{graph.tables.study}/"
            everybody = {str(one) for one in graph.store.lists(_MINE, {"own": own}, SECONDS)["subject_id"]}
            left = set(everybody)
            for name, params in (
                ("patients_with_code", {"code": code}), ("patients_with_mutated_gene", {"symbol": mutated_gene}),
                ("patients_with_layers", {"layers": layers}),
            ):  # fmt: skip
                if next(iter(params.values())):
                    left &= {str(one) for one in _ask(graph, find(name, self.study.folder), params)["subject_id"]}
            if property is not None:
                self._check_property(graph, property)
                found = graph.store.lists(_WITH, {"property": property, "value": equals}, SECONDS)
                left &= {str(one) for one in found["subject_id"]}
        return {"patients": self._told(len(left)), "of": self._told(len(everybody))}

    def cohort(self) -> dict[str, Any]:
        """The study's cohort: patients left after each step of its query, and rows of each outcome; counts under ten are told
        as <10, others to the nearest 5."""
        with open_graph(self.study) as graph:
            taken = cohort_of(graph)
        frame = taken.frame
        column = next((name for name in ("label", "event") if name in frame.columns), None)
        few = column is not None and frame[column].dtype.is_nested() is False and frame[column].n_unique() <= 20
        outcome = dict(frame[column].cast(str).value_counts().iter_rows()) if column and few else {}
        return {
            "cohort": taken.name, "steps": [{"step": one.step, "patients": self._told(one.count)} for one in taken.steps],
            "outcome": {str(value): self._told(count) for value, count in sorted(outcome.items(), key=str)},
        }  # fmt: skip

    def run_results(self, run: str) -> dict[str, Any]:
        """What a run says: held-out metrics of every learner with 95 % intervals, paired comparisons, what was chosen."""
        made = self._run(run)
        return {
            "run": made.name, "metric": made.read_json("results.json").get("metric"), "chosen": made.summary()["chosen"],
            "metrics": _rows(made.metrics), "comparisons": _rows(made.comparisons),
        }  # fmt: skip

    def biomarkers(self, run: str, first: int = 20) -> dict[str, Any]:
        """The first ranked features of a run (at most 200), with effect, interval, stability and q, and its first pathways."""
        made = self._run(run)
        columns = ["rank", "layer", "feature", "name", "effect", "low", "high", "importance", "stability", "q"]
        ranked, sets = made.biomarkers, made.enrichment
        return {
            "features": _rows(ranked[[name for name in columns if name in ranked.columns]].head(max(0, first))),
            "pathways": _rows(sets[[c for c in ("pathway", "name", "source", "overlap", "p", "q") if c in sets.columns]].head(max(0, first))),
        }  # fmt: skip

    def _run(self, name: str) -> Run:
        names = run_names(self.study)
        if name not in names:
            raise InputError("there is no such run", "run", None, nearest(name, names) or "none", "take one of `about`")
        return Run.of(self.study, name)

    def _may(self, query: Query) -> bool:
        from clinome.graphs.query.without_persons import check_without_persons

        if self.patients or query.name in _OURS:
            return True
        try:
            check_without_persons(query.text)
        except InputError:
            return False
        return True

    def _told(self, count: int) -> int | str:
        return count if self.patients else told(count)

    def _check_property(self, graph: Graph, name: str) -> None:
        from clinome.graphs.query.catalog import Catalog

        known = Catalog(graph.store).known("NODE", frozenset({"Patient"}))
        if name not in known:
            fix = "take a property of Patient as `schema` names it"
            raise InputError("no such property", "property", name, nearest(name, known), fix)


def _ask(graph: Graph, query: Query, params: Mapping[str, Any]) -> dict[str, list[Any]]:
    from clinome.graphs.query.cypher import run_lists

    return run_lists(graph.store, query, params, SECONDS)


def _rows(frame: pd.DataFrame) -> dict[str, Any]:
    return table({str(name): frame[name].astype(object).tolist() for name in frame.columns})
