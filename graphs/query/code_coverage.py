"""Coverage of codes: how many of the recorded diagnoses reach a disease term, and a gene, by themselves or through a parent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from ..schema import code_label
from ..tables.study_tables import Tables

TERMS = ("MONDO", "DOID", "OMIM", "ORPHA", "HP")
"""Vocabularies of diseases that a recorded code maps to."""
STEPS = 4
"""Mappings one after the other, at most: ICD-9 to ICD-10 to MONDO to OMIM is three."""
COVERAGE = {
    "vocabulary": pl.String, "codes": pl.Int64, "exact": pl.Int64, "near": pl.Int64, "parent": pl.Int64,
    "nowhere": pl.Int64, "gene_own": pl.Int64, "gene_parent": pl.Int64, "patients": pl.Int64,
    "patients_own": pl.Int64, "patients_parent": pl.Int64,
}  # fmt: skip
"""Columns of `code_coverage`."""


@dataclass
class MappingGraph:
    """IS_A, MAPS_TO and ASSOCIATED_WITH of a study's knowledge, for walks upwards from recorded codes.

    Blocks and chapters (`ICD10CM:I30-I5A`) are not walked to: they are no diagnosis, and what is known of them is known
    of a tenth of medicine.
    """

    above: dict[str, set[str]] = field(default_factory=dict)
    maps: dict[str, dict[str, bool]] = field(default_factory=dict)  # object -> whether some mapping says exactMatch
    genes: dict[str, set[str]] = field(default_factory=dict)
    _reach: dict[str, tuple[bool, bool, frozenset[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, links: Iterable[pl.DataFrame]) -> MappingGraph:
        """From tables of links: subject, predicate, object, and `mapping` where the source has it."""
        made = cls()
        for table in links:
            mapping = pl.col("mapping") if "mapping" in table.columns else pl.lit(None, pl.String)
            wanted = table.filter(pl.col("predicate").is_in(["IS_A", "MAPS_TO", "ASSOCIATED_WITH"]))
            for subject, predicate, object, kind in wanted.select(
                "subject", "predicate", "object", mapping
            ).iter_rows():
                if predicate == "IS_A" and not is_range(object):
                    made.above.setdefault(subject, set()).add(object)
                elif predicate == "MAPS_TO":
                    known = made.maps.setdefault(subject, {})
                    known[object] = known.get(object, False) or kind == "exactMatch"
                elif predicate == "ASSOCIATED_WITH":
                    made.genes.setdefault(object, set()).add(subject)
        return made

    def levels(self, code: str) -> Iterable[tuple[str, ...]]:
        """The code; the codes right above it; those above these, …; each once."""
        seen, level = {code}, (code,)
        while level:
            yield level
            level = tuple(sorted({one for below in level for one in self.above.get(below, ())} - seen))
            seen |= set(level)

    def reach(self, code: str) -> tuple[bool, bool, frozenset[str]]:
        """Whether mappings lead from the code itself to a disease term; whether by exact ones alone; the genes there."""
        if code not in self._reach:
            terms, exact = False, False
            genes = set(self.genes.get(code, ()))
            state: dict[str, bool] = {code: True}
            front = {code: True}
            for _ in range(STEPS):
                found: dict[str, bool] = {}
                for one, so_far in front.items():
                    for other, same in self.maps.get(one, {}).items():
                        found[other] = found.get(other, False) or (so_far and same)
                front = {one: all_exact for one, all_exact in found.items() if all_exact > state.get(one, -1)}
                state |= front
                for one, all_exact in front.items():
                    if one.partition(":")[0] in TERMS:
                        terms, exact = True, exact or all_exact
                    genes |= self.genes.get(one, set())
            self._reach[code] = terms, exact, frozenset(genes)
        return self._reach[code]

    def mapped(self, code: str) -> str:
        """exact, near (by mappings that are not exact), parent or nowhere: how a code reaches a disease term.

        Example:
            >>> links = pl.DataFrame({"subject": ["I:1.1", "I:1"], "predicate": ["IS_A", "MAPS_TO"], "object": ["I:1", "MONDO:1"]})
            >>> MappingGraph.of([links]).mapped("I:1.1")
            'parent'
        """
        for height, level in enumerate(self.levels(code)):
            found = [self.reach(one) for one in level]
            if any(terms for terms, _, _ in found):
                own = "exact" if any(exact for _, exact, _ in found) else "near"
                return own if height == 0 else "parent"
        return "nowhere"

    def genes_of(self, code: str) -> tuple[int | None, frozenset[str]]:
        """How many steps above a code the nearest one lies that reaches a gene (0: itself; None: none does), and its genes."""
        for height, level in enumerate(self.levels(code)):
            found = frozenset(gene for one in level for gene in self.reach(one)[2])
            if found:
                return height, found
        return None, frozenset()


def is_range(code: str) -> bool:
    """Whether a code of ICD is a block or a chapter."""
    return code.startswith("ICD") and "-" in code


def code_coverage(tables: Tables) -> pl.DataFrame:
    """What recorded diagnoses reach, a row a vocabulary (COVERAGE); no row where no knowledge maps any code.

    codes: distinct ones recorded, of which exact, near, parent and nowhere say how they reach a disease term. gene_own,
    gene_parent: codes that reach a gene by themselves, and only through a code above. patients: those with a diagnosis of
    the vocabulary, of whom patients_own and (these, and) patients_parent reach a gene.
    """
    links = [table for source in tables.sources() if (table := tables.table(source, "links")) is not None]
    events = [table for source in tables.sources() if (table := tables.table(source, "events")) is not None]
    if not events or not any((table["predicate"] == "MAPS_TO").any() for table in links):
        return pl.DataFrame(schema=COVERAGE)
    recorded = pl.concat([table.select("subject_id", "code") for table in events]).drop_nulls().unique()
    return coverage(recorded, MappingGraph.of(links))


def coverage(recorded: pl.DataFrame, graph: MappingGraph) -> pl.DataFrame:
    """`code_coverage` of (subject_id, code), each pair once."""
    whose: dict[str, list[str]] = dict(recorded.group_by("code").agg("subject_id").sort("code").iter_rows())
    found: dict[str, list[str]] = {}
    for code in whose:
        if code_label(code) == "Diagnosis":
            found.setdefault(code.partition(":")[0], []).append(code)
    rows = [_row(vocabulary, codes, whose, graph) for vocabulary, codes in sorted(found.items())]
    return pl.DataFrame(rows, schema=COVERAGE)


def _row(vocabulary: str, codes: list[str], whose: Mapping[str, list[str]], graph: MappingGraph) -> dict[str, object]:
    how = [graph.mapped(code) for code in codes]
    heights = {code: graph.genes_of(code)[0] for code in codes}
    own = [code for code in codes if heights[code] == 0]
    reached = [code for code in codes if heights[code] is not None]
    return {
        "vocabulary": vocabulary, "codes": len(codes),
        **{kind: how.count(kind) for kind in ("exact", "near", "parent", "nowhere")},
        "gene_own": len(own), "gene_parent": len(reached) - len(own),
        **{name: len({one for code in some for one in whose[code]})
           for name, some in (("patients", codes), ("patients_own", own), ("patients_parent", reached))},
    }  # fmt: skip


def said(row: Mapping[str, object]) -> str:
    """A row of the coverage in one sentence.

    Example:
        >>> said(dict.fromkeys(COVERAGE, 2) | {"vocabulary": "ICD9CM", "codes": 8, "patients": 4})
        'of 8 ICD9CM codes, 25 % map to a disease exactly, 25 % nearly, 25 % through a parent, 25 % nowhere; 2 of 4 patients with one reach a gene, 2 by a code itself'
    """
    n = int(str(row["codes"]))
    share = {
        kind: f"{round(100 * int(str(row[kind])) / max(n, 1))} %" for kind in ("exact", "near", "parent", "nowhere")
    }
    return (
        f"of {n:,} {row['vocabulary']} codes, {share['exact']} map to a disease exactly, {share['near']} nearly, "
        f"{share['parent']} through a parent, {share['nowhere']} nowhere; {row['patients_parent']:,} of {row['patients']:,} patients with "
        f"one reach a gene, {row['patients_own']:,} by a code itself"
    )
