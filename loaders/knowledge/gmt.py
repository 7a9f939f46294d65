"""GMT gene sets (name, description or id, genes) -> pathways and IN_PATHWAY links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.delimited import plain
from ..files.ledger import ROW, Ledger, one_row_each, quoted
from ..files.text_table import read_bytes
from ..identifiers.curie import Curie
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .concepts import doubt_names, gene_ends

REACTOME = re.compile(r"\bR-[A-Z]{3}-\d+\b")
WIKIPATHWAYS = re.compile(r"\bWP\d+(?=\b|_r)")
WEIGHT = re.compile(r"(?<=.),-?\d+(?:\.\d+)?(?:[eE]-?\d+)?$")
"""What Enrichr writes behind a gene."""
BARE_CURIE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*:[^\s/:]+")
SETS: dict[str, pl.DataType | type[pl.DataType]] = {
    ROW: pl.Int64,
    "id": pl.String,
    "name": pl.String,
    "genes": pl.List(pl.String),
}


@dataclass(frozen=True)
class GeneSet:
    """One line of a GMT file: its CURIE, its name, its genes as they are written there."""

    id: Curie
    name: str
    genes: tuple[str, ...]


def read_gmt(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format gmt; a line is a row.

    Returns: Loaded with concepts (Pathway and Gene) and links (IN_PATHWAY).
    Raises: InputError for a file that is not there, or holds no tab-separated line.
    """
    ledger = Ledger(spec.source)
    rows = []
    lines = [each for path in spec.path for each in _lines(path, ledger)]
    heads = {tuple(cell.strip() for cell in line.split("\t", 2)[:2]) for _, line in lines if "\t" in line}
    shared = frozenset(text for text, n in Counter(description for _, description in heads).items() if n > 1)
    for number, line in lines:
        found = parse(line, spec.missing, shared)
        if isinstance(found, GeneSet):
            rows.append((number, str(found.id), found.name, list(found.genes)))
        else:
            ledger.reject([number], "", quoted(pl.Series([line]))[0], found, "correct the line")
    sets = pl.DataFrame(rows, schema=SETS, orient="row")
    members = sets.explode("genes")
    ends, counts = gene_ends(members["genes"], spec.features, known)
    members = members.with_columns(ends.rename({"id": "gene"}))
    doubt_names(members["genes"], members["gene"], spec.features, known, ledger)
    lost = members.filter(pl.col("gene").is_null())
    ledger.cell(lost[ROW], "genes", quoted(lost["genes"]), f"a gene ({spec.features})")
    members = members.drop_nulls("gene")
    sets = sets.with_columns(kept=pl.col(ROW).is_in(members[ROW].implode()))
    empty = sets.filter(~pl.col("kept"))
    ledger.reject(empty[ROW], "genes", "", "at least one gene", "set `features` to what the genes are called")
    sets, members = _each_once(sets.filter("kept"), members, ledger)
    named = members.height
    links = members.select("gene", "id").unique(maintain_order=True)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        concepts=as_concepts(
            pl.concat(
                [
                    sets.select("id", "name", label=pl.lit("Pathway")),
                    members.select(id="gene", name="symbol", label=pl.lit("Gene"), symbol="symbol"),
                ],
                how="diagonal",
            ),
            spec,
        ),
        links=as_links(links.select(subject="gene", predicate=pl.lit("IN_PATHWAY"), object="id"), spec),
        losses=ledger.losses,
        counts={what: n for what, n in {**counts, "genes named again in their set": named - links.height}.items() if n},
    )


def parse(line: str, missing: tuple[str, ...] = (), shared: Collection[str] = ()) -> GeneSet | str:
    """The gene set of a line, or what the line should have held.

    Args: shared: descriptions of several sets, as a collection's name: they are the id of none.

    Example:
        >>> print(parse("Cell cycle\\tR-HSA-1640170\\tTP53").id)
        REACT:R-HSA-1640170
    """
    name, *rest = (cell.strip() for cell in line.split("\t"))
    genes = tuple(WEIGHT.sub("", cell) for cell in rest[1:] if cell and cell not in missing)
    if not name or not genes:
        return "a name, a description and genes, tab-separated"
    try:
        id = _identifier(name, "" if rest[0] in shared else rest[0])
    except ValueError:
        return "a name without control characters, at most 500 long"
    return GeneSet(id, name.split("%")[0].strip() or name, genes)


def _identifier(name: str, description: str) -> Curie:
    """The set's CURIE: Reactome's or WikiPathways' own, one that is written there, else `PATHWAY:` and the name."""
    if reactome := REACTOME.search(description) or REACTOME.search(name):
        return Curie("REACT", reactome.group())
    parts = name.split("%")
    if "wikipathways" in f"{name} {description}".lower():
        place = next((p for p in parts[1:] if WIKIPATHWAYS.fullmatch(p)), description)
        if wikipathways := WIKIPATHWAYS.search(place):
            return Curie("WP", wikipathways.group())
    for text in (*parts[1:], name, description):
        if BARE_CURIE.fullmatch(text):
            return Curie.parse(text)
    return Curie("PATHWAY", name)


def _lines(path: Path, ledger: Ledger) -> list[tuple[int, str]]:
    """The lines that are text, with their numbers in the ledger; the others are rejected."""
    data = plain(read_bytes(path)[0])
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not any(b"\t" in line for line in lines):
        raise InputError("holds no gene set", path, expected="tab-separated lines", fix="check the file's format")
    offset = ledger.begin(path.name)
    ledger.read(len(lines))
    whole = []
    for number, line in enumerate(lines, start=offset + 1):
        try:
            if b"\0" in line:
                raise ValueError("a zero byte")
            whole.append((number, line.decode()))
        except ValueError:  # UnicodeDecodeError too
            ledger.reject([number], "", "bytes that are no text", "UTF-8", "save the file as UTF-8")
    return whole


def _each_once(sets: pl.DataFrame, members: pl.DataFrame, ledger: Ledger) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each pathway once: the sets whose genes are those of the first of the same id merge, others are rejected."""
    genes = members.group_by(ROW).agg(pl.col("gene").unique().sort().str.join("\n").alias("print"))
    told = sets.select(ROW, "id").join(genes, on=ROW, how="left", maintain_order="left")
    one_row_each(told.select("id", "print"), "id", told[ROW], ledger)
    once = sets.unique("id", keep="first", maintain_order=True)
    return once, members.join(once.select(ROW), on=ROW, how="semi", maintain_order="left")
