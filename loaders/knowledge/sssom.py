"""SSSOM mappings of terms (MONDO to ICD, OMIM, DOID, …) -> MAPS_TO; exact ones unless the study asks for others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.regular_file import text_lines
from ..files.rows import SourceRows, read_rows
from ..files.text_table import numbers
from ..specs import MATCHES, Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .concepts import below, term_ids

PREDICATES = {
    "skos:exactMatch": "exact", "owl:equivalentClass": "exact", "owl:sameAs": "exact",
    "semapv:crossSpeciesExactMatch": "exact", "skos:closeMatch": "close", "semapv:crossSpeciesCloseMatch": "close",
    "skos:broadMatch": "broad", "rdfs:subClassOf": "broad", "semapv:crossSpeciesBroadMatch": "broad",
    "skos:narrowMatch": "narrow", "semapv:crossSpeciesNarrowMatch": "narrow", "skos:relatedMatch": "related",
    "oboInOwl:hasDbXref": "dbxref", "oio:hasDbXref": "dbxref",
}  # fmt: skip
"""predicate_id -> one of MATCHES."""
COLUMNS = ("subject_id", "predicate_id", "object_id")
OPTIONAL = ("subject_label", "object_label", "confidence", "predicate_modifier")
_NAMES = {
    "exact": "exactMatch",
    "close": "closeMatch",
    "broad": "broadMatch",
    "related": "relatedMatch",
    "dbxref": "hasDbXref",
}
"""`predicate` of MAPS_TO. A narrow match is a broad one from its other end."""
_HEAD = 1_000


def read_sssom(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format sssom.

    Only `matches` (default: exact) become MAPS_TO; the others are rejected. A broad match goes from the narrower term to
    the broader one, a narrow match is turned round; one without direction goes from codes of records (ICD, SNOMED) to MONDO,
    and from there to OMIM, ORPHA, DOID, HP, so that a walk from a patient's diagnosis meets the genes. IRIs are
    contracted by the file's own curie_map.

    Returns: Loaded with concepts (labels of the terms) and links, `mapping` says of which kind each is.
    Raises: InputError for a file that is not there, lacks a column, or has no mapping of the wanted kinds.
    Source: https://mapping-commons.github.io/sssom/
    """
    for match in spec.matches:
        if match not in MATCHES:
            raise InputError(
                "unknown word", f"[{spec.source}] matches", match, ", ".join(MATCHES), "write one of these"
            )
    ledger = Ledger(spec.source)
    header = [_header(path) for path in spec.path]
    source = read_rows(
        replace(spec, format="csv" if spec.format == "sssom" and _commas(spec.path[0]) else "tsv"), ledger
    )
    rows = _rows(source)
    rows = _wanted(rows, spec, source.where, ledger)
    curies = {prefix: iri for _, each in header for prefix, iri in each.items()}
    for end in ("subject", "object"):
        ids, counts = term_ids(_contracted(rows[f"{end}_id"], curies), spec.prefixes)
        ledger.count(counts)
        rows = rows.with_columns(ids.alias(end))
    for end in ("subject", "object"):
        expected, fix = "a term as PREFIX:local", "correct it"
        bad = pl.col(end).is_null() | pl.col(end).str.starts_with("sssom:")
        rows = refuse(rows, bad, ledger, f"{end}_id", got=f"{end}_id", expected=expected, fix=fix)
    rows = _turned(rows)
    loop = pl.col("subject") == pl.col("object")
    rows = refuse(rows, loop, ledger, "object_id", got="object_id", expected="another term", fix="take the row out")
    strength = pl.col("match").replace_strict({one: i for i, one in enumerate(MATCHES)}, return_dtype=pl.Int64)
    once = rows.sort(strength, ROW).unique(["subject", "object"], keep="first", maintain_order=True).sort(ROW)
    ledger.merged(rows.height - once.height)
    about = header[0][0]
    spec = replace(
        spec,
        release=spec.release or about.get("mapping_set_version", ""),
        licence=spec.licence or about.get("license", ""),
    )
    concepts = [once.select(id=end, name=f"{end}_label") for end in ("subject", "object")]
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(pl.concat(concepts), spec),
        links=as_links(once.select("subject", "object", "score", "mapping", predicate=pl.lit("MAPS_TO")), spec),
        counts=ledger.counts, cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def _commas(path: Path) -> bool:
    return ".csv" in path.name.lower()


def _header(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What the comments above the table say: keys of the mapping set, and its curie_map."""
    about: dict[str, str] = {}
    curies: dict[str, str] = {}
    for line in islice(text_lines(path), _HEAD):
        if not line.startswith(b"#"):
            break
        text = line[1:].decode(errors="replace")
        if found := re.match(r"\s{2,}['\"]?([^\s:'\"]+)['\"]?:\s*['\"]?(\S+?)['\"]?\s*$", text):
            curies[found[1]] = found[2]
        elif found := re.match(r"\s?(\w+):\s*['\"]?(.*?)['\"]?\s*$", text):
            about[found[1]] = found[2]
    return about, curies


def _rows(source: SourceRows) -> pl.DataFrame:
    for name in COLUMNS:
        if name not in source.frame.columns:
            fix = "name another format, or the column so"
            raise InputError("no SSSOM mappings", source.where, expected=f"a column {name}", fix=fix)
    nothing = [pl.lit(None, pl.String).alias(name) for name in OPTIONAL if name not in source.frame.columns]
    return source.frame.with_columns(*nothing, source.numbers.alias(ROW)).select(ROW, *COLUMNS, *OPTIONAL)


def _wanted(rows: pl.DataFrame, spec: Knowledge, where: str, ledger: Ledger) -> pl.DataFrame:
    """The mappings of the kinds that the study asks for, with `match` and `score`."""
    match = pl.col("predicate_id").str.strip_chars().replace_strict(PREDICATES, default=None, return_dtype=pl.String)
    score, bad = numbers(rows["confidence"])
    ledger.unread(rows[ROW], "confidence", rows["confidence"], bad, "a number", whole=True)
    ledger.cells(rows["confidence"].count(), score.count())
    rows = rows.with_columns(match.alias("match"), score.alias("score"))
    there = rows["match"].drop_nulls().unique().sort().to_list()
    if not set(there) & set(spec.matches):
        kinds = ", ".join(f'"{one}"' for one in there)
        got = ", ".join(str(one) for one in rows["predicate_id"].drop_nulls().unique().sort()[:5])
        fix = f"matches = [{kinds}] in the section takes them" if there else "check the file"
        raise InputError("no mapping of the kinds that are wanted", where, got, " or ".join(spec.matches), fix)
    expected = f"a mapping that is {' or '.join(spec.matches)}"
    other = ~pl.col("match").is_in(list(spec.matches)).fill_null(False)
    fix = "name its kind in `matches`, if it is wanted"
    rows = refuse(rows, other, ledger, "predicate_id", got="predicate_id", expected=expected, fix=fix)
    denied = pl.col("predicate_modifier").str.to_lowercase().str.strip_chars() == "not"
    fix = "nothing: the file says that they are not the same"
    return refuse(rows, denied, ledger, "predicate_modifier", got="predicate_modifier", expected="a mapping", fix=fix)


def _contracted(ids: pl.Series, curies: Mapping[str, str]) -> pl.Series:
    """IRIs as the file's own CURIEs."""
    for prefix, iri in sorted(curies.items(), key=lambda one: -len(one[1])):
        ids = ids.str.replace(f"^{re.escape(iri)}", f"{prefix}:")
    return ids


def _turned(rows: pl.DataFrame) -> pl.DataFrame:
    """The mappings in the direction of a walk upwards, with `mapping`, what the graph calls their kind."""
    upright = pl.when(pl.col("match").is_in(["broad", "narrow"])).then(pl.col("match") == "broad")
    keep = upright.otherwise(below(pl.col("subject"), pl.col("object")))
    pairs = (("subject", "object"), ("subject_label", "object_label"))
    swap = {a: pl.when(keep).then(a).otherwise(b) for x, y in pairs for a, b in ((x, y), (y, x))}
    kind = pl.col("match").replace("narrow", "broad").replace_strict(_NAMES, return_dtype=pl.String)
    return rows.with_columns(**swap, mapping=kind)
