"""Edge lists (csv, tsv, with or without a header) -> concepts and links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, one_row_each, refuse, total
from ..files.rows import SourceRows, read_rows
from ..files.text_table import numbers, read_cells, resolve
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .concepts import code_ends, doubt_names, gene_ends


@dataclass(frozen=True)
class Kind:
    """What stands at the ends of a predicate: "gene", "pathway", "code" (any), "term" (a CURIE), "drug"."""

    subject: str
    object: str
    directed: bool = True
    hierarchy: bool = False


KINDS = {
    "INTERACTS_WITH": Kind("gene", "gene", directed=False),
    "IN_PATHWAY": Kind("gene", "pathway"),
    "ASSOCIATED_WITH": Kind("gene", "term"),
    "HAS_PHENOTYPE": Kind("term", "term"),
    "TREATS": Kind("drug", "term"),
    "TARGETS": Kind("drug", "gene"),
    "IS_A": Kind("code", "code", hierarchy=True),
    "PART_OF": Kind("pathway", "pathway", hierarchy=True),
    "MAPS_TO": Kind("term", "term"),
}
YEARS = (1000, 9999)
HEADINGS = frozenset(
    {
        "a", "b", "source", "target", "from", "to", "subject", "object", "gene_a", "gene_b", "gene1", "gene2", "gene_1",
        "gene_2", "protein1", "protein2", "child", "parent", "score", "weight", "node1", "node2", "gene", "pathway",
    }
)  # fmt: skip
"""Cells of a first row that are a header's and no gene's."""


def read_edges(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format edges; the first two columns where the study names none.

    INTERACTS_WITH has no direction: a-b and b-a are one. Equal edges merge; a differing score, a loop, and an edge
    that closes a cycle of IS_A or PART_OF are rejected.

    Returns: Loaded with concepts (label null where the CURIE's prefix decides it) and links.
    Raises: InputError for a file or column that is not there, or an unknown predicate.
    """
    predicate = spec.predicate or "INTERACTS_WITH"
    if predicate not in KINDS:
        raise InputError("unknown predicate", f"[{spec.source}]", predicate, ", ".join(KINDS), "name one of them")
    kind = KINDS[predicate]
    ledger = Ledger(spec.source)
    rows, (subject, object, score) = _columns(spec, ledger)
    edges = pl.DataFrame({ROW: rows.numbers, "_s": rows.frame[subject], "_o": rows.frame[object]})
    edges, scored = _with_scores(edges, rows, score, ledger)
    edges, dated = _with_years(edges, rows, spec, ledger)
    edges, counts = _with_ends(edges, kind, spec.features, known)
    if kind.subject == kind.object == "gene":
        both = pl.concat([edges["_s"], edges["_o"]]), pl.concat([edges["subject"], edges["object"]])
        doubt_names(*both, spec.features, known, ledger)
    for end, cell, column, what in (("subject", "_s", subject, kind.subject), ("object", "_o", object, kind.object)):
        fix = "write PREFIX:local" if what != "gene" else "set `features` to what the genes are called"
        edges = refuse(edges, pl.col(end).is_null(), ledger, column, got=cell, expected=f"a {what}", fix=fix)
    loop = pl.col("subject") == pl.col("object")
    other = f"another end than in {subject}"
    edges = refuse(edges, loop, ledger, object, got="_o", expected=other, fix="take the row out")
    edges = _once(edges, kind.directed, ledger)
    if kind.hierarchy:
        closing = closing_edges(edges["subject"].to_list(), edges["object"].to_list())
        counts = {**counts, "edges that would close a cycle": len(closing)}
        mask = pl.int_range(pl.len()).is_in(closing)
        fix = "take out one edge of the cycle"
        edges = refuse(edges, mask, ledger, object, got="_o", expected="no cycle", fix=fix)
    links = edges.select("subject", "object", pl.lit(predicate).alias("predicate"), scored.alias("score"), *dated)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        concepts=as_concepts(
            pl.concat([_nodes(edges, "subject", kind.subject), _nodes(edges, "object", kind.object)]), spec
        ),
        links=as_links(links, spec),
        cells=ledger.cell_tally(),
        losses=ledger.losses,
        counts=total([counts]),
    )


def closing_edges(subjects: Sequence[str], objects: Sequence[str]) -> list[int]:
    """Which edges, by their position, lead back to where a walk came from: without them there is no cycle.

    A depth-first walk from the ends in their order; linear in the edges.
    Example:
        >>> closing_edges(["a", "b", "c"], ["b", "c", "a"])
        [2]
    """
    out: dict[str, list[tuple[int, str]]] = {}
    for i, (subject, object) in enumerate(zip(subjects, objects, strict=True)):
        out.setdefault(subject, []).append((i, object))
    closing, done, open_ = [], set[str](), set[str]()
    for start, first in out.items():
        walk = [(start, iter(first))] if start not in done else []
        open_.update(node for node, _ in walk)
        while walk:
            node, edges = walk[-1]
            step = next(edges, None)
            if step is None:
                walk.pop()
                open_.discard(node)
                done.add(node)
            elif step[1] in open_:
                closing.append(step[0])
            elif step[1] not in done:
                open_.add(step[1])
                walk.append((step[1], iter(out.get(step[1], ()))))
    return sorted(closing)


def _columns(spec: Knowledge, ledger: Ledger) -> tuple[SourceRows, tuple[str, str, str | None]]:
    """The rows, and what their columns of subject, object and score are called."""
    subject = 0 if spec.subject is None else spec.subject
    object = 1 if spec.object is None else spec.object
    rows = read_rows(spec, ledger, _header(spec) if spec.header is None else spec.header)
    names = rows.frame.columns
    score = None if spec.score is None else resolve(spec.score, names, rows.where)
    return rows, (resolve(subject, names, rows.where), resolve(object, names, rows.where), score)


def _header(spec: Knowledge) -> bool:
    """Whether the files have a header: where a column is named, or the first row reads like one."""
    if any(isinstance(column, str) for column in (spec.subject, spec.object, spec.score, spec.year)):
        return True
    frame = read_cells(spec.path[0], missing=spec.missing, header=False, format=spec.format, sheet=spec.sheet).frame
    if frame.is_empty():
        return False
    first = [str(cell or "").strip().lower() for cell in frame.row(0)]
    if isinstance(spec.score, int) and 0 <= spec.score < frame.width:
        _, text = numbers(frame[str(spec.score)])
        return bool(text[0]) and not bool(text.slice(1).all() and text.len() > 1)
    return any(cell in HEADINGS for cell in first)


def _with_scores(
    edges: pl.DataFrame, rows: SourceRows, score: str | None, ledger: Ledger
) -> tuple[pl.DataFrame, pl.Expr]:
    """The edges with their score; a score that is no number is left missing, and noted."""
    if score is None:
        return edges.with_columns(score=pl.lit(None, pl.Float64)), pl.col("score")
    value, bad = numbers(rows.frame[score])
    ledger.unread(rows.numbers, score, rows.frame[score].cast(pl.String), bad, "a number", whole=True)
    ledger.cells(rows.frame[score].count(), value.count())
    return edges.with_columns(value.alias("score")), pl.col("score")


def _with_years(
    edges: pl.DataFrame, rows: SourceRows, spec: Knowledge, ledger: Ledger
) -> tuple[pl.DataFrame, list[str]]:
    """The edges with their year, where the study names its column; what is no year is left missing, and noted."""
    if spec.year is None:
        return edges, []
    column = resolve(spec.year, rows.frame.columns, rows.where)
    value, bad = numbers(rows.frame[column])
    bad = bad | ((value != value.round()) | ~value.is_between(*YEARS)).fill_null(False)
    year = value.set(bad, None).cast(pl.Int64)
    ledger.unread(rows.numbers, column, rows.frame[column].cast(pl.String), bad, "a year", whole=True)
    ledger.cells(rows.frame[column].count(), year.count())
    return edges.with_columns(year=year), ["year"]


def _with_ends(edges: pl.DataFrame, kind: Kind, features: str, known: Known) -> tuple[pl.DataFrame, dict[str, int]]:
    """The edges with id, symbol and name of both ends; ends of one kind together, so that each name counts once."""
    if kind.subject == kind.object:
        both, counts = _ends(pl.concat([edges["_s"], edges["_o"]]), kind.subject, features, known)
        ends, changed = [both.head(edges.height), both.tail(edges.height)], [counts]
    else:
        pairs = [_ends(edges[c], what, features, known) for c, what in (("_s", kind.subject), ("_o", kind.object))]
        ends, changed = [end for end, _ in pairs], [counts for _, counts in pairs]
    for name, end in zip(("subject", "object"), ends, strict=True):
        edges = edges.with_columns(end.rename({"id": name, "symbol": f"{name}_symbol", "name": f"{name}_name"}))
    return edges, total(changed)


def _ends(cells: pl.Series, what: str, features: str, known: Known) -> tuple[pl.DataFrame, dict[str, int]]:
    """id, symbol and name of each end; id null where the cell cannot be one."""
    if what == "gene":
        found, counts = gene_ends(cells, features, known)
        return found.with_columns(name="symbol"), counts
    ids, counts = code_ends(cells, known, bare=what == "code")
    name = pl.lit(None, pl.String)
    if what == "pathway":  # a bare name, as a GMT file would spell it
        text = cells.str.strip_chars()
        bare = ids.is_null() & text.str.contains(r"^[^\x00-\x1f\x7f-\x9f]{1,500}$").fill_null(False)
        ids, counts = ids.zip_with(~bare, "PATHWAY:" + text), {}
        name = pl.when(bare).then(text)
    return pl.DataFrame({"id": ids}).with_columns(symbol=pl.lit(None, pl.String), name=name), counts


def _once(edges: pl.DataFrame, directed: bool, ledger: Ledger) -> pl.DataFrame:
    """Each pair once; where direction means nothing, the smaller CURIE is the subject."""
    if not directed:
        turned = pl.col("subject") > pl.col("object")
        pairs = (("subject", "object"), ("subject_symbol", "object_symbol"), ("subject_name", "object_name"))
        swap = {a: pl.when(turned).then(b).otherwise(a) for x, y in pairs for a, b in ((x, y), (y, x))}
        edges = edges.with_columns(**swap)
    edges = edges.with_columns(pair=pl.concat_str("subject", pl.lit("\n"), "object"))
    nothing = edges.select(
        cells=pl.when(False).then("pair")
    )  # merged scores are written: they are those of the edge that stays
    one_row_each(edges.select("pair", "score"), "pair", edges[ROW], ledger, nothing)
    return edges.unique("pair", keep="first", maintain_order=True)


def _nodes(edges: pl.DataFrame, end: str, what: str) -> pl.DataFrame:
    """The concepts at one end; label null where the graph's schema decides by prefix."""
    label = {"gene": "Gene", "pathway": "Pathway"}.get(what)
    named = pl.when(pl.col(end).str.starts_with("mirbase")).then(pl.lit("MicroRNA")).otherwise(pl.lit("Drug"))
    return edges.select(
        id=end,
        label=named if what == "drug" else pl.lit(label, pl.String),
        name=f"{end}_name",
        symbol=f"{end}_symbol",
    )
