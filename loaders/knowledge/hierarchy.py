"""Hierarchies of codes, a code and its parent a row -> IS_A, with the codes' names."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.rows import SourceRows, read_rows
from ..files.text_table import has_header, resolve
from ..identifiers.curie import is_curie, meds_codes, vocabulary
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .edge_list import closing_edges

CHILD = ("child", "code", "subject", "descendant", "concept", "icd_code")
PARENT = ("parent", "parent_code", "object", "ancestor", "parent_id")
PARENT_NAMES = ("phenotype", "parent_name", "group_name", "atc_name")
NAMES = ("name", "description", "title", "label", "long_title", "term", "long_description", "definition")


def read_hierarchy(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format hierarchy: `subject`, the code, IS_A `object`, the code above it.

    `codes` says of which vocabulary the bare codes of a column are: codes = {code = "ICD10CM", parent = "ICD10CM"}; its
    first column is then the code, its second the parent. Without it codes carry their prefix. ICD gets its dot as in records; blocks and
    chapters (I10-I16) are codes too. A row without a parent is a top: a code with a name. An edge that closes a cycle is rejected.

    Returns: Loaded with concepts and links.
    Raises: InputError for a file or column that is not there, or bare codes without a vocabulary.
    """
    ledger = Ledger(spec.source)
    named = [spec.subject, spec.object, *spec.codes]
    source = read_rows(spec, ledger, has_header(*named) if spec.header is None else spec.header)
    child, parent = _columns(spec, source)
    ledger.count(source.counts)
    name = next((n for n in source.frame.columns if n.lower() in NAMES and n not in (child, parent)), None)
    above = next((n for n in source.frame.columns if n.lower() in PARENT_NAMES and n not in (child, parent)), None)
    rows = source.frame.select(
        pl.col(child).str.strip_chars().alias("_s"), pl.col(parent).str.strip_chars().alias("_o"),
        name=pl.lit(None, pl.String) if name is None else pl.col(name),
        above=pl.lit(None, pl.String) if above is None else pl.col(above),
    ).with_columns(source.numbers.alias(ROW))  # fmt: skip
    for end, cell, column in (("subject", "_s", child), ("object", "_o", parent)):
        codes, counts = _codes(rows[cell], spec.codes.get(column))
        ledger.count(counts)
        rows = rows.with_columns(codes.alias(end))
        bad = pl.col(end).is_null() & (pl.col(cell).is_not_null() if end == "object" else pl.lit(True))
        expected = "a code" if column in spec.codes else "a code as PREFIX:local"
        fix = "correct it" if column in spec.codes else f'codes = {{{column} = "…"}} says of which vocabulary they are'
        rows = refuse(rows, bad, ledger, column, got=cell, expected=expected, fix=fix)
    loop = pl.col("subject") == pl.col("object")
    rows = refuse(rows, loop, ledger, parent, got="_o", expected="another code", fix="take the row out")
    once = rows.unique(["subject", "object"], keep="first", maintain_order=True)
    ledger.merged(rows.height - once.height)
    edges = once.drop_nulls("object")
    closing = edges[closing_edges(edges["subject"].to_list(), edges["object"].to_list())]
    wrong = pl.col(ROW).is_in(closing[ROW].implode())
    once = refuse(once, wrong, ledger, parent, got="_o", expected="no cycle", fix="take out one edge of the cycle")
    edges = once.drop_nulls("object")
    ledger.count({"codes without a parent: tops": once.height - edges.height})
    concepts = pl.concat([once.select(id="subject", name="name"), edges.select(id="object", name="above")])
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(concepts, spec),
        links=as_links(edges.select("subject", "object", predicate=pl.lit("IS_A")), spec), counts=ledger.counts,
        cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def _columns(spec: Knowledge, source: SourceRows) -> tuple[str, str]:
    """The columns of the code and of its parent: named, else by `codes`, else by what they are called."""
    columns, coded = source.frame.columns, [*spec.codes]
    for column in coded:
        resolve(column, columns, source.where)
    if spec.subject is not None or spec.object is not None:
        if spec.subject is None or spec.object is None:
            fix = "name both, or neither"
            raise InputError("a hierarchy has two ends", f"[{spec.source}]", expected="subject and object", fix=fix)
        return resolve(spec.subject, columns, source.where), resolve(spec.object, columns, source.where)
    if len(coded) > 1:
        return coded[0], coded[1]
    child = next((n for one in CHILD for n in columns if n.lower() == one), None)
    parent = next((n for one in PARENT for n in columns if n.lower() == one), None)
    if child is None or parent is None:
        fix = "name `subject`, the column of the code, and `object`, that of the code above it"
        raise InputError("a code and its parent", source.where, expected="two columns", fix=fix)
    return child, parent


def _codes(cells: pl.Series, name: str | None) -> tuple[pl.Series, dict[str, int]]:
    """The codes as CURIEs; bare ones are of the vocabulary, or none where there is none."""
    text = cells.cast(pl.String)
    own = is_curie(text).fill_null(False)
    if name is not None:
        text = text.zip_with(own, vocabulary(name) + ":" + text)
    codes, counts = meds_codes(text, recorded=False)
    return codes.set(~is_curie(text).fill_null(False), None), counts
