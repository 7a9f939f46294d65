"""Knowledge in a folder: a table of gene names, gene sets, edges between genes and to terms, ontologies, mappings, hierarchies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..errors import ClinomeError, InputError
from ..files.delimited import plain
from ..files.regular_file import text_lines
from ..files.text_table import read_bytes, read_cells
from ..identifiers.curie import is_curie
from ..identifiers.genes import gene_columns
from ..knowledge.ccs import GROUP, VOCABULARY_OF
from ..knowledge.gem import gem_columns
from ..knowledge.gmt import GeneSet, parse
from ..knowledge.obo import stanzas
from ..knowledge.sssom import PREDICATES
from .file_head import Head
from .names import Space, namespace, plain_name, words
from .section import Section

_HEAD = 1_000_000
_LOOKED_AT = 400
_SHARE = 0.9
_FEW_COLUMNS = 60
_SCORES = ("score", "weight", "confidence", "combined_score", "probability", "llr")
_BELOW, _ABOVE = frozenset(("child", "code", "subject", "descendant")), frozenset(("parent", "object", "ancestor"))
_CHILDREN, _PARENTS = frozenset(("child", "code", "descendant")), frozenset(("parent", "parent_code", "ancestor"))
_TITLES = {
    "obo": "an ontology (OBO): terms with names, IS_A, former ids",
    "sssom": "mappings of terms (SSSOM): (term)-[:MAPS_TO]->(term)",
    "hpoa": "HPO's annotations: (Diagnosis)-[:HAS_PHENOTYPE]->(Phenotype)",
    "ccs": "HCUP's groups of codes: (code)-[:IS_A]->(group)",
}
_CODED = {
    "icd9": "ICD9CM", "icd9cm": "ICD9CM", "icd9code": "ICD9CM", "icd10": "ICD10CM", "icd10cm": "ICD10CM", "icd10code": "ICD10CM",
    "rxcui": "RXNORM", "rxnorm": "RXNORM", "ndc": "NDC", "loincnumber": "LOINC", "loincnum": "LOINC", "loinc": "LOINC",
}  # fmt: skip
"""What a column of recorded codes is called, letters and digits alone -> their vocabulary."""
_GROUPED = {"phecode": "PHECODE", "atc": "ATC", "atccode": "ATC", "atc4": "ATC", "atc5": "ATC", "groupid": "LOINC", "parentgroupid": "LOINC",
            "ccs": "CCS", "ccscategory": "CCS", "ccsr": "CCSR"}  # fmt: skip
"""… of the groups that they belong to."""


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


def format_of(path: Path) -> str | None:
    """The format of knowledge that a file's name says, obo, sssom, hpoa; or the first line of HCUP's text, ccs."""
    name = path.name.lower()
    if ".txt" in name and _is_ccs(path):
        return "ccs"
    return next((f for f in ("sssom", "hpoa", "obo") if f".{f}" in name or name.startswith(f"{f}.")), None)


def knowledge_section(path: Path, shown: str, format: str, name: str) -> tuple[Section | str, str]:
    """`[knowledge.NAME]` of such a file, or why it is none; and a question, "" where there is none."""
    keys: dict[str, object] = {"format": format, "path": shown}
    asked = ""
    try:
        if format == "obo":
            if next((one for one in stanzas(path, {}) if one.kind == "Term"), None) is None:
                return "an ontology without a [Term]", ""
        elif format == "ccs":
            pass
        elif format == "sssom":
            more, asked = _mappings(path, shown, name)
            keys |= more
        else:
            read_cells(path, format="tsv", most=_HEAD)
    except ClinomeError as error:
        return str(error).removeprefix(f"{path}: "), ""
    return Section(f"knowledge.{name}", keys, (_TITLES[format],)), asked


def _mappings(path: Path, shown: str, name: str) -> tuple[dict[str, object], str]:
    """`matches` where none is exact, and `prefixes` where ICD-9 may be that of American records; what is asked of them."""
    frame = read_cells(path, format="csv" if ".csv" in path.name.lower() else "tsv", most=_HEAD).frame
    if not {"subject_id", "predicate_id", "object_id"} <= set(frame.columns):
        fix = "write it as SSSOM's table, or name another format"
        raise InputError("no SSSOM mappings", path, expected="subject_id, predicate_id, object_id", fix=fix)
    found = {PREDICATES[one] for one in frame["predicate_id"].drop_nulls().unique() if one in PREDICATES}
    keys: dict[str, object] = {} if "exact" in found or not found else {"matches": sorted(found)}
    asked = [f"none of its mappings is exact: {', '.join(sorted(found))} are taken, which say less"] if keys else []
    if (frame["object_id"].str.starts_with("ICD9:") | frame["subject_id"].str.starts_with("ICD9:")).any():
        keys["prefixes"] = {"ICD9": "ICD9CM"}
        asked.append("its ICD9 is taken for ICD-9-CM, as American records have it")
    return keys, f"[knowledge.{name}] {shown}: {'; '.join(asked)}" if asked else ""


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
    if (section := code_map(head, shown)) is not None:
        return section
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
    return _hierarchy(head, shown)


def code_map(head: Head, shown: str) -> Section | None:
    """`[knowledge.NAME]`, without its name, of a published table of codes and their groups or equivalents; by its columns."""
    bare = {_letters(name): name for name in head.names}
    if gem_columns(list(head.names)) is not None:
        why = "equivalents of codes (GEM): (Diagnosis)-[:MAPS_TO]->(Diagnosis)"
        return Section("knowledge", {"path": shown, "format": "gem"}, (why,))
    titles = [name.strip(" '\"").upper() for name in head.names]
    if any(VOCABULARY_OF.fullmatch(name) for name in titles) and any(GROUP.fullmatch(name) for name in titles):
        return Section("knowledge", {"path": shown, "format": "ccs"}, (_TITLES["ccs"],))
    child = next((one for one in bare if one in _CODED), None)
    parent = next((one for one in bare if one in _GROUPED), None)
    if child is None or parent is None:
        return None
    codes = {bare[child]: _CODED[child], bare[parent]: _GROUPED[parent]}
    why = f"codes of {_CODED[child]} in groups of {_GROUPED[parent]}: (code)-[:IS_A]->(group)"
    return Section("knowledge", {"path": shown, "format": "hierarchy", "codes": codes}, (why,))


def _letters(name: str) -> str:
    """A column's name by its letters and digits."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _is_ccs(path: Path) -> bool:
    try:
        return b"clinical classification software" in next(iter(text_lines(path)), b"").lower()
    except ClinomeError:
        return False


def _hierarchy(head: Head, shown: str) -> Section | None:
    """A table of bare ICD codes and of the codes above them, by what its columns are called and what their cells look like."""
    child = next((n for n in head.names if plain_name(n) in _CHILDREN), None)
    parent = next((n for n in head.names if plain_name(n) in _PARENTS), None)
    if child is None or parent is None or head.frame[parent].drop_nulls().is_empty():
        return None
    cells = head.frame[child].drop_nulls().str.strip_chars().head(_LOOKED_AT)
    letters = cells.str.contains(r"^[A-TV-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?$|^[A-Z]\d\d-[A-Z]\d\d$").mean()
    digits = cells.str.contains(r"^(\d{3}|V\d{2}|E\d{3})(\.?\d{1,2})?$|^\d{3}-\d{3}$").mean()
    name = "ICD10CM" if float(letters or 0) >= _SHARE else "ICD9CM" if float(digits or 0) >= _SHARE else None  # type: ignore[arg-type]
    if name is None:
        return None
    keys = {
        "path": shown,
        "format": "hierarchy",
        "subject": child,
        "object": parent,
        "codes": {child: name, parent: name},
    }
    return Section("knowledge", keys, (f"codes of {name} below codes: (Diagnosis)-[:IS_A]->(Diagnosis)",))


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
