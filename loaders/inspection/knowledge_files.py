"""Knowledge in a folder: a table of gene names, gene sets, edges between genes and to terms; what is not read yet is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..errors import ClinomeError
from ..files.delimited import plain
from ..files.text_table import read_bytes
from ..identifiers.curie import is_curie
from ..identifiers.genes import gene_columns
from ..knowledge.gmt import GeneSet, parse
from ..registry import KNOWLEDGE_LATER
from .file_head import Head
from .names import Space, namespace, plain_name, words
from .section import Section

_HEAD = 1_000_000
_LOOKED_AT = 400
_SHARE = 0.9
_FEW_COLUMNS = 60
_SCORES = ("score", "weight", "confidence", "combined_score", "probability", "llr")
_BELOW, _ABOVE = frozenset(("child", "code", "subject", "descendant")), frozenset(("parent", "object", "ancestor"))
_TITLES = {
    "obo": "an ontology (OBO)",
    "sssom": "a mapping of terms (SSSOM)",
    "hpoa": "HPO's annotations",
    "hierarchy": "a hierarchy of codes",
}


def is_gene_table(head: Head) -> bool:
    """Whether it says which gene a name means: a symbol and an Entrez column, one row a gene."""
    found = gene_columns(head.frame.columns)
    entrez, symbol = found["entrez"], found["symbol"]
    if entrez is None or symbol is None or head.frame.width > _FEW_COLUMNS:
        return False
    ids, named = head.column(entrez), head.column(symbol)
    numbers = sum(1 for name in head.frame.columns if name in head.numeric and name != entrez)
    return (
        ids.distinct >= _SHARE * max(1, ids.filled)
        and named.distinct >= _SHARE * max(1, named.filled)
        and numbers <= head.frame.width // 2
    )


def later_format(path: Path) -> str | None:
    """The format of knowledge that a file's name says and this version does not read yet."""
    name = path.name.lower()
    said = next((f for f in ("sssom", "hpoa", "obo") if f".{f}" in name or name.startswith(f"{f}.")), None)
    return said if said in KNOWLEDGE_LATER else None


def knowledge_later(path: str, format: str, name: str) -> tuple[Section, str]:
    """The section of such a file, as a comment, and what is said."""
    section = Section(
        f"knowledge.{name}",
        {"format": format, "path": path},
        (f"{_TITLES[format]}: this version does not read it yet",),
        ready=False,
    )
    return section, f"{path}: {_TITLES[format]}: recognised, but not read yet by this version; gmt and edge tables are"


def gene_sets(path: Path, shown: str, name: str) -> Section | None:
    """`[knowledge.NAME]` of a GMT file; None where its lines are no gene sets."""
    try:
        data, _ = read_bytes(path, _HEAD)
    except ClinomeError:
        return None
    lines = [line.decode(errors="replace") for line in plain(data).split(b"\n") if line.strip()][:_LOOKED_AT]
    sets = [made for made in map(parse, lines) if isinstance(made, GeneSet)]
    if len(sets) < _SHARE * len(lines) or not sets:
        return None
    spaces = Counter(space for made in sets if (space := namespace(made.genes)))
    keys: dict[str, object] = {"path": shown}
    if not path.name.lower().removesuffix(".gz").endswith(".gmt"):
        keys["format"] = "gmt"
    space = spaces.most_common(1)[0][0] if spaces else "symbol"
    if space != "symbol":
        keys["features"] = space
    return Section(f"knowledge.{name}", keys, ("gene sets: (Gene)-[:IN_PATHWAY]->(Pathway)",))


def edges(head: Head, shown: str, space_of: Space = namespace) -> Section | None:
    """`[knowledge.NAME]`, without its name, of a table of edges: genes to genes, or genes to terms that are CURIEs; None where it is none."""
    if head.frame.width > 12:
        return None
    genes: dict[str, str] = {}
    terms: list[str] = []
    for column in head.frame.columns:
        values = head.frame[column].drop_nulls().unique(maintain_order=True).head(_LOOKED_AT)
        space = space_of(values.to_list()) if values.len() else None
        if is_curie(values).sum() >= _SHARE * max(1, values.len()) and space not in ("hgnc", "chebi"):
            terms.append(column)
        elif space in ("symbol", "ensembl", "entrez", "uniprot", "hgnc") and (
            space != "entrez" or _called_gene(column)
        ):
            genes[column] = space
    at = head.frame.columns.index
    call = (lambda c: c) if head.header else at
    scores = [
        c
        for c in head.frame.columns
        if c in head.numeric and c not in genes and (not head.header or set(words(c)) & set(_SCORES))
    ]
    if len(genes) >= 2 and not terms and len({*genes.values()}) == 1 and head.frame.width <= 4:
        first, second = [*genes][:2]
        if set(head.frame[first].head(2_000)) & set(head.frame[second]):
            keys: dict[str, object] = {
                "path": shown,
                "format": "edges",
                "predicate": "INTERACTS_WITH",
                "subject": call(first),
                "object": call(second),
            }
            return _section(
                keys, genes[first], scores, call, head, "edges between genes: (Gene)-[:INTERACTS_WITH]-(Gene)"
            )
    called = {column: space for column, space in genes.items() if _called_gene(column)}
    if called and len(terms) == 1 and head.header:
        subject = next((c for c, space in called.items() if space == "entrez"), next(iter(called)))
        keys = {
            "path": shown,
            "format": "edges",
            "predicate": "ASSOCIATED_WITH",
            "subject": subject,
            "object": terms[0],
        }
        return _section(keys, genes[subject], scores, call, head, "genes and terms: (Gene)-[:ASSOCIATED_WITH]->(term)")
    if len(terms) == 2 and not genes and head.header and {plain_name(name) for name in terms} <= _BELOW | _ABOVE:
        child, parent = sorted(terms, key=lambda name: plain_name(name) in _ABOVE)
        keys = {"path": shown, "format": "edges", "predicate": "IS_A", "subject": child, "object": parent}
        return _section(keys, "symbol", [], call, head, "codes below codes: (code)-[:IS_A]->(code)")
    return None


def _section(
    keys: dict[str, object], space: str, scores: list[str], call: Callable[[str], str | int], head: Head, why: str
) -> Section:
    if scores:
        keys["score"] = scores[0] if head.header else head.frame.columns.index(scores[0])
    if not head.header and not scores:
        keys["header"] = False
    if space != "symbol":
        keys["features"] = space
    return Section("knowledge", keys, (why,))


def _called_gene(column: str) -> bool:
    return bool(set(words(column)) & {"gene", "entrez", "ncbi", "geneid", "protein"})
