"""GEM, the general equivalence mappings of CMS between ICD-9 and ICD-10 -> MAPS_TO, exact ones apart from near ones."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.regular_file import text_lines
from ..files.text_table import read_cells
from ..identifiers.curie import codes
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links

_COLUMNS = {
    "icd9cm": "ICD9CM", "icd9": "ICD9CM", "icd10cm": "ICD10CM", "icd10": "ICD10CM",
    "icd9sg": "ICD9PROC", "icd9pcs": "ICD9PROC", "icd10pcs": "ICD10PCS",
}  # fmt: skip
"""What a column of codes is called, without - and _ -> their vocabulary."""
_TEXT = {ROW: pl.Int64, "from": pl.String, "to": pl.String, "flags": pl.String}
_NOTHING = ("NODX", "NOPCS", "NODESCRIPTION")
_KINDS = ("exactMatch", "closeMatch", "relatedMatch")
"""A pair that the mapping calls no approximation; an approximate one; a part of a combination."""


def read_gem(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format gem: CMS's text (`0010 A000 00000`) or the csv that NBER makes of it.

    Each mapping becomes MAPS_TO from the first code to the second; `predicate` is exactMatch where the flags do not call
    it approximate, closeMatch where they do, relatedMatch where the second code is but one of several that are needed
    together. A code without an equivalent (NoDx) is rejected; a pair that comes in several combinations merges.

    Returns: Loaded with concepts and links.
    Raises: InputError for a file that is not there, or has no two columns of codes and flags.
    Source: https://www.cms.gov/medicare/coding-billing/icd-10-codes (2018 GEMs, the last)
    """
    ledger = Ledger(spec.source)
    rows = pl.concat([_pairs(path, ledger) for path in spec.path])
    flags = pl.col("flags").str.zfill(5)
    none = (flags.str.slice(1, 1) == "1") | pl.col("to").str.to_uppercase().is_in(list(_NOTHING))
    fix = "nothing: the other vocabulary has none"
    rows = refuse(rows, none, ledger, "no_map", got="from", expected="a code of the other vocabulary", fix=fix)
    odd = ~flags.str.contains(r"^[01]{3}\d\d$").fill_null(False)
    rows = refuse(rows, odd, ledger, "flags", got="flags", expected="five digits", fix="correct them")
    for end, of, name in (("from", "from_of", "subject"), ("to", "to_of", "object")):
        parts = []
        for part in rows.partition_by(of, maintain_order=True):
            found, counts = codes(part[end], part[of][0])
            ledger.count(counts)
            parts.append(part.with_columns(found.alias(name)))
        rows = pl.concat(parts).sort(ROW) if parts else rows.with_columns(pl.lit(None, pl.String).alias(name))
        expected, fix = "a code of its vocabulary", "correct it"
        rows = refuse(rows, pl.col(name).is_null(), ledger, end, got=end, expected=expected, fix=fix)
    combined, near = flags.str.slice(2, 1) == "1", flags.str.slice(0, 1) == "1"
    kind = pl.when(combined).then(2).when(near).then(1).otherwise(0)
    rows = rows.with_columns(kind=kind).sort("kind", ROW)
    once = rows.unique(["subject", "object"], keep="first", maintain_order=True).sort(ROW)
    ledger.merged(rows.height - once.height)
    each = once.group_by("kind").len().sort("kind")
    ledger.count({f"mappings that are {_KINDS[kind]}": n for kind, n in each.iter_rows()})
    mapping = pl.col("kind").replace_strict(dict(enumerate(_KINDS)), return_dtype=pl.String)
    links = once.select("subject", "object", mapping=mapping, predicate=pl.lit("MAPS_TO"))
    ends = pl.concat([once.select(id="subject"), once.select(id="object")])
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(ends, spec), links=as_links(links, spec),
        counts=ledger.counts, cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def gem_columns(names: list[str]) -> tuple[str, str] | None:
    """The columns of the code that is mapped and of the one that it maps to, in their order; None where there are no two.

    Example:
        >>> gem_columns(["icd9cm", "icd10cm", "flags", "approximate"])
        ('icd9cm', 'icd10cm')
    """
    found = [name for name in names if _called(name) in _COLUMNS]
    return (found[0], found[1]) if len(found) == 2 and "flags" in [_called(name) for name in names] else None


def _called(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


def _pairs(path: Path, ledger: Ledger) -> pl.DataFrame:
    """from, from_of, to, to_of, flags of one file, with their row numbers."""
    first = next(iter(text_lines(path)), b"").decode(errors="replace")
    if "flags" in first.lower():
        cells = read_cells(path, format="csv")
        numbers = ledger.open(cells)
        columns = gem_columns(cells.frame.columns)
        if columns is not None:
            flags = next(name for name in cells.frame.columns if _called(name) == "flags")
            rows = cells.frame.select(
                pl.col(columns[0]).alias("from"), pl.col(columns[1]).alias("to"), pl.col(flags).alias("flags")
            )
            a, b = (_COLUMNS[_called(name)] for name in columns)
            return rows.with_columns(pl.lit(a).alias("from_of"), pl.lit(b).alias("to_of"), numbers.alias(ROW))
    lines = [line for line in (raw.decode(errors="replace").split() for raw in text_lines(path)) if line]
    numbered = list(enumerate(lines, ledger.begin(path.name) + 1))
    ledger.read(len(numbered))
    found = [(number, *line) for number, line in numbered if len(line) == 3]
    rows = pl.DataFrame(found, schema=_TEXT, orient="row")
    if rows.height == 0 or not rows["flags"].str.contains(r"^\d{5}$").all():
        raise InputError(
            "no equivalence mappings", path.name, expected="two codes and five flags", fix="name another format"
        )
    torn = [number for number, line in numbered if len(line) != 3]
    ledger.reject(torn, "line", "", "two codes and five flags", "correct the line")
    a, b = _vocabularies(rows)
    return rows.select("from", "to", "flags", pl.lit(a).alias("from_of"), pl.lit(b).alias("to_of"), ROW)


def _vocabularies(rows: pl.DataFrame) -> tuple[str, str]:
    """Of which vocabularies the two columns of CMS's text are: codes of PCS have seven characters, of ICD-9 mostly digits."""
    length = {end: rows[end].str.len_chars().median() for end in ("from", "to")}
    if 7 in length.values():
        return ("ICD10PCS", "ICD9PROC") if length["from"] == 7 else ("ICD9PROC", "ICD10PCS")
    ninth = float(rows["from"].str.contains(r"^\d").mean() or 0) > 0.5  # type: ignore[arg-type]
    return ("ICD9CM", "ICD10CM") if ninth else ("ICD10CM", "ICD9CM")
