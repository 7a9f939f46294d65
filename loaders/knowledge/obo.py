"""OBO ontologies -> terms with their names, IS_A and PART_OF, former ids and, on request, cross-references as MAPS_TO."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, quoted, refuse
from ..files.regular_file import text_lines
from ..identifiers.curie import vocabulary
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .concepts import below, term_ids
from .edge_list import closing_edges

PATHWAYS = ("GO", "REACT", "WP", "PATHWAY")
"""Ontologies whose terms are pathways: what is below another one is part of it."""
TAGS = {
    "is_a": ("IS_A", ""), "alt_id": ("MAPS_TO", "alt_id"), "replaced_by": ("MAPS_TO", "replaced_by"),
    "xref": ("MAPS_TO", "xref"), "part_of": ("PART_OF", ""), "BFO:0000050": ("PART_OF", ""),
    "has_phenotype": ("HAS_PHENOTYPE", ""), "RO:0002200": ("HAS_PHENOTYPE", ""),
}  # fmt: skip
"""A tag, or the type of a `relationship`, that the graph has a relationship for; and of MAPS_TO, what kind of mapping."""
LINKS = {ROW: pl.Int64, "id": pl.String, "tag": pl.String, "target": pl.String}
TERMS = {ROW: pl.Int64, "id": pl.String, "name": pl.String, "obsolete": pl.Boolean, "print": pl.UInt64}
_MODIFIERS = re.compile(rb"\s*(?<!\\)\{[^{}]*\}\s*$")
_READ = frozenset({"id", "name", "is_a", "relationship", "alt_id", "replaced_by", "xref", "is_obsolete"})


@dataclass(frozen=True)
class Stanza:
    """One stanza of an OBO file: its kind (`Term`, …), and its tags in their order, of which only those that are read."""

    kind: str
    tags: tuple[tuple[str, str], ...]

    def values(self, tag: str) -> list[str]:
        return [value for name, value in self.tags if name == tag]


def read_obo(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format obo; a [Term] stanza is a row. The file is read line by line.

    is_a becomes IS_A; of pathways (GO) is_a and part_of become PART_OF. A former id (alt_id) and an obsolete term with a
    successor (replaced_by) MAPS_TO what it is called now. An `xref` says "see also", not "the same": only those of the
    vocabularies in `xref` become MAPS_TO. Relationships that the graph has no type for are counted.

    Returns: Loaded with concepts and links.
    Raises: InputError for a file that is not there, or holds no [Term].
    Source: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
    """
    ledger = Ledger(spec.source)
    header, terms, links = _read(spec, ledger)
    terms = terms.with_columns(term_ids(terms["id"], spec.prefixes)[0].alias("curie"))
    expected, fix = "an id as PREFIX:local", "give the term an id"
    terms = refuse(terms, pl.col("curie").is_null(), ledger, "id", got="id", expected=expected, fix=fix)
    again = pl.col("print") != pl.col("print").first().over("curie")
    terms = refuse(terms, again, ledger, "id", got="id", expected="one stanza a term", fix="keep one of them")
    once = terms.unique("curie", keep="first", maintain_order=True)
    ledger.merged(terms.height - once.height)
    links = links.join(once.select(ROW, subject="curie"), on=ROW, how="inner", maintain_order="left")
    links = _without_cycles(_ends(links, spec, ledger), ledger)
    alone = once.filter(pl.col("obsolete")).join(links.filter(pl.col("mapping") == "replaced_by"), on=ROW, how="anti")
    ledger.count({"obsolete terms without a successor: names alone": alone.height})
    named = once.select(id="curie", name="name")
    former = (
        links.filter(pl.col("mapping") == "alt_id")
        .join(named, left_on="object", right_on="id")
        .select(id="subject", name="name")
    )
    ends = [links.select(id=end, name=pl.lit(None, pl.String)) for end in ("subject", "object")]
    concepts = pl.concat([named, former, *ends])
    prefix = pl.col("id").str.extract(r"^([^:]+):")
    concepts = concepts.with_columns(label=pl.when(prefix.is_in(PATHWAYS)).then(pl.lit("Pathway")))
    spec = replace(spec, release=spec.release or header.get("data-version", header.get("date", "")))
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(concepts, spec),
        links=as_links(links.select("subject", "predicate", "object", "mapping"), spec), counts=ledger.counts,
        losses=ledger.losses,
    )  # fmt: skip


def stanzas(path: Path, header: dict[str, str]) -> Iterator[Stanza]:
    """The stanzas of a file, in their order; `header` is given the tags above the first one.

    Raises: InputError for a file that is not there, or no text.
    """
    kind, tags = "", list[tuple[str, str]]()
    for number, line in enumerate(text_lines(path)):
        if number == 0 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError("no UTF-8", path, expected="UTF-8", fix="save it as UTF-8")
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if text.startswith(b"["):
            if kind:
                yield Stanza(kind, tuple(tags))
            kind, tags = text.strip().strip(b"[]").decode(errors="replace"), []
            continue
        tag, colon, value = text.partition(b":")
        name = tag.strip().decode(errors="replace")
        if not colon or tag.startswith(b"!"):
            continue
        if not kind:
            header.setdefault(name, value.strip().decode(errors="replace"))
        elif name in _READ:
            tags.append((name, _value(name, value)))
    if kind:
        yield Stanza(kind, tuple(tags))


def _value(tag: str, value: bytes) -> str:
    """The value of a tag, without what follows it: modifiers, a comment, an xref's description."""
    bare = value if tag == "name" else _MODIFIERS.sub(b"", re.split(rb"(?<!\\)\s!", value)[0])
    text = bare.strip().decode(errors="replace")
    text = text.split(' "')[0] if tag == "xref" else text
    return re.sub(r"\\(.)", lambda m: {"n": " ", "W": " ", "t": " "}.get(m[1], m[1]), text).strip()


def _read(spec: Knowledge, ledger: Ledger) -> tuple[dict[str, str], pl.DataFrame, pl.DataFrame]:
    """The header of the first file; TERMS; LINKS: what the terms say of others."""
    header: dict[str, str] = {}
    terms: list[tuple[object, ...]] = []
    links: list[tuple[object, ...]] = []
    others: Counter[str] = Counter()
    for path in spec.path:
        number, before = ledger.begin(path.name), len(terms)
        for stanza in stanzas(path, header):
            if stanza.kind != "Term":
                ledger.count({"stanzas that are no terms": 1})
                continue
            number += 1
            ledger.read(1)
            told = list(_told(stanza, others))
            name, obsolete = next(iter(stanza.values("name")), None), "true" in stanza.values("is_obsolete")
            same = hash((name, obsolete, tuple(told))) & (2**63 - 1)
            terms.append((number, next(iter(stanza.values("id")), None), name, obsolete, same))
            links += [(number, None, tag, target) for tag, target in told]
        if len(terms) == before:
            raise InputError(
                "holds no [Term]", path, expected="an ontology in OBO format", fix="check the file's format"
            )
    some = ", ".join(name for name, _ in others.most_common(3))
    ledger.count({f"relationships that the graph has no type for ({some})": others.total()})
    return header, _frame(terms, TERMS), _frame(links, LINKS).drop("id")


def _frame(rows: list[tuple[object, ...]], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def _told(stanza: Stanza, others: Counter[str]) -> Iterator[tuple[str, str]]:
    """Tag and target of what a term says of others; types that the graph does not have are counted."""
    for tag, value in stanza.tags:
        type, _, target = value.partition(" ") if tag == "relationship" else (tag, "", value)
        if tag == "relationship" and type not in TAGS:
            others[type] += 1
        elif type in TAGS and target:
            yield type, target.strip()


def _ends(links: pl.DataFrame, spec: Knowledge, ledger: Ledger) -> pl.DataFrame:
    """subject, predicate, object, mapping, and the name of a former id's term; ends that are none are noted."""
    wanted = [vocabulary(name) for name in spec.xref]
    objects = term_ids(links["target"], spec.prefixes)[0]
    links = links.with_columns(
        objects.alias("object"),
        predicate=pl.col("tag").replace_strict({tag: type for tag, (type, _) in TAGS.items()}, return_dtype=pl.String),
        mapping=pl.col("tag").replace_strict(
            {tag: kind or None for tag, (_, kind) in TAGS.items()}, return_dtype=pl.String
        ),
    )
    asked = pl.col("object").str.extract(r"^([^:]+):").is_in(wanted).fill_null(False)
    left = links.select(((pl.col("tag") == "xref") & ~asked).sum()).item()
    ledger.count({"cross-references, not taken for mappings; `xref` names the vocabularies that are": left})
    links = links.filter((pl.col("tag") != "xref") | asked)
    bad = links.filter(pl.col("object").is_null())
    ledger.cell(bad[ROW], bad["tag"], quoted(bad["target"]), "an id as PREFIX:local")
    links = links.drop_nulls("object").filter(pl.col("subject") != pl.col("object"))
    of_pathways = pl.col("subject").str.extract(r"^([^:]+):").is_in(PATHWAYS)
    links = links.with_columns(
        predicate=pl.when(of_pathways & (pl.col("tag") == "is_a")).then(pl.lit("PART_OF")).otherwise("predicate")
    )
    turned = (pl.col("tag") == "alt_id") | ((pl.col("tag") == "xref") & ~below(pl.col("subject"), pl.col("object")))
    return links.with_columns(
        subject=pl.when(turned).then("object").otherwise("subject"),
        object=pl.when(turned).then("subject").otherwise("object"),
    )


def _without_cycles(links: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The links without those that close a cycle of IS_A or of PART_OF."""
    parts = []
    for (predicate,), part in links.partition_by("predicate", as_dict=True, maintain_order=True).items():
        if predicate in ("IS_A", "PART_OF"):
            closing = closing_edges(part["subject"].to_list(), part["object"].to_list())
            wrong = part[closing]
            ledger.cell(wrong[ROW], wrong["tag"], quoted(wrong["target"]), "no cycle")
            ledger.count({"edges that would close a cycle, left out": len(closing)})
            parts.append(part.filter(~pl.int_range(pl.len()).is_in(closing)))
        else:
            parts.append(part)
    return pl.concat(parts) if parts else links
