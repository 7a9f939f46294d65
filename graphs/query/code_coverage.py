"""Coverage of codes: how many of the recorded diagnoses reach a disease term, and a gene, by themselves or through a parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

    def levels(self, code: str) -> Iterator[dict[str, bool]]:
        """What a code reaches without going up; by one step up; by two, …: id -> whether exact mappings alone lead there.

        A step up is IS_A from a recorded code, of whichever vocabulary a mapping led to; what lies above a disease term is
        not walked to: it is another disease.
        """
        seen, start = set[str](), {code}
        while start:
            level = self._mapped(start)
            yield level
            seen |= start | set(level)
            recorded = (one for one in level if one.partition(":")[0] not in TERMS)
            start = {above for one in recorded for above in self.above.get(one, ())} - seen

    def _mapped(self, start: set[str]) -> dict[str, bool]:
        """These codes and what mappings lead to from them, STEPS at most."""
        found, front = dict.fromkeys(start, True), dict.fromkeys(start, True)
        for _ in range(STEPS):
            ahead: dict[str, bool] = {}
            for one, so_far in front.items():
                for other, same in self.maps.get(one, {}).items():
                    ahead[other] = ahead.get(other, False) or (so_far and same)
            front = {one: exact for one, exact in ahead.items() if one not in found or (exact and not found[one])}
            found |= front
        return found

    def mapped(self, code: str) -> str:
        """exact, near (by mappings that are not exact), parent or nowhere: how a code reaches a disease term.

        Example:
            >>> links = pl.DataFrame({"subject": ["I:1.1", "I:1"], "predicate": ["IS_A", "MAPS_TO"], "object": ["I:1", "MONDO:1"]})
            >>> MappingGraph.of([links]).mapped("I:1.1")
            'parent'
        """
        for height, level in enumerate(self.levels(code)):
            found = [exact for one, exact in level.items() if one.partition(":")[0] in TERMS]
            if found:
                return "parent" if height else "exact" if any(found) else "near"
        return "nowhere"

    def genes_of(self, code: str) -> tuple[int | None, frozenset[str]]:
        """How many steps up the nearest place lies that reaches a gene (0: none was needed; None: nothing does), and its genes."""
        for height, level in enumerate(self.levels(code)):
            found = frozenset(gene for one in level for gene in self.genes.get(one, ()))
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
    events = [scan for source in tables.sources() if (scan := tables.scan(source, "events")) is not None]
    if not events or not any((table["predicate"] == "MAPS_TO").any() for table in links):
        return pl.DataFrame(schema=COVERAGE)
    pairs = pl.concat([scan.select("subject_id", "code") for scan in events]).drop_nulls().unique()
    return coverage(pairs.collect(engine="streaming"), MappingGraph.of(links))


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
