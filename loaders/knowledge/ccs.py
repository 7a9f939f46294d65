"""CCS and CCSR, the groups of HCUP (AHRQ): codes of ICD -> IS_A their groups, with the groups' names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.regular_file import text_lines
from ..files.text_table import read_cells
from ..identifiers.curie import codes
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links

_VOCABULARY = {"ICD-9-CM": "ICD9CM", "ICD-10-CM": "ICD10CM", "ICD-10-PCS": "ICD10PCS"}
VOCABULARY_OF = re.compile(r"(ICD-9-CM|ICD-10-CM|ICD-10-PCS) CODE")
GROUP = re.compile(r"(?:PR)?(CCSR?) CATEGORY(?: \d)?")
"""Headings of HCUP's tables."""
_COLUMNS = {ROW: pl.Int64, "code": pl.String, "of": pl.String, "group": pl.String, "name": pl.String}


def read_ccs(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format ccs: HCUP's tables of codes and their groups, or its text of groups and their codes.

    A group of diagnoses is `CCS:108` or `CCSR:CIR019`, of procedures `CCSPROC:44` or `CCSRPROC:CAR004`. CCSR puts a code
    into up to six. A row is a code: of the text, which has several codes a line, each of them.

    Returns: Loaded with concepts (groups with names) and links IS_A.
    Raises: InputError for a file that is not there, or in which no code has a group.
    Source: https://hcup-us.ahrq.gov/toolssoftware/ccs/ccs.jsp, https://hcup-us.ahrq.gov/toolssoftware/ccsr/ccs_refined.jsp
    """
    ledger = Ledger(spec.source)
    rows = pl.concat([_table(path, ledger) if _is_table(path) else _text(path, ledger) for path in spec.path])
    if rows.is_empty():
        fix = "give HCUP's file as it is, or name another format"
        raise InputError("no codes with groups", spec.path[0].name, expected="HCUP's table or text", fix=fix)
    spelled = [_spelled(part, ledger) for part in rows.partition_by("of", maintain_order=True)]
    rows = pl.concat(spelled).sort(ROW, maintain_order=True)
    nothing = pl.col("subject").is_null()
    rows = refuse(rows, nothing, ledger, "code", got="code", expected="a code of ICD", fix="correct it")
    rows = refuse(
        rows, pl.col("group").is_null(), ledger, "category", got=None, expected="a group", fix="leave the row"
    )
    once = rows.unique(["subject", "group"], keep="first", maintain_order=True)
    ledger.merged(rows[ROW].n_unique() - once[ROW].n_unique())
    concepts = pl.concat(
        [once.select(id="subject", name=pl.lit(None, pl.String)), once.select(id="group", name="name")]
    )
    links = once.select("subject", object="group", predicate=pl.lit("IS_A"))
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(concepts, spec), links=as_links(links, spec),
        counts=ledger.counts, cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def _is_table(path: Path) -> bool:
    first = next(iter(text_lines(path)), b"")
    return b"CODE'" in first or b'CODE"' in first or b"CODE," in first


def _table(path: Path, ledger: Ledger) -> pl.DataFrame:
    """HCUP's csv: a code, its group or groups, and what they are called; cells in single quotes."""
    cells = read_cells(path, format="csv")
    numbers = ledger.open(cells)
    frame = cells.frame.rename({name: name.strip(" '\"").upper() for name in cells.frame.columns})
    frame = frame.with_columns(pl.all().str.strip_chars(" '\""))
    code = next((name for name in frame.columns if VOCABULARY_OF.fullmatch(name)), None)
    groups = [name for name in frame.columns if GROUP.fullmatch(name)]
    if code is None or not groups:
        fix = "give HCUP's file as it is, or use format hierarchy"
        raise InputError("no codes with groups", path.name, expected="ICD-10-CM CODE, CCSR CATEGORY 1", fix=fix)
    of = _VOCABULARY[code.removesuffix(" CODE")]
    parts = []
    for group in groups:
        kind = ("CCSR" if "CCSR" in group else "CCS") + ("PROC" if of == "ICD10PCS" else "")
        called = f"{group} DESCRIPTION"
        name = pl.col(called) if called in frame.columns else pl.lit(None, pl.String)
        text = pl.when(pl.col(group) != "").then(pl.lit(f"{kind}:") + pl.col(group))
        part = frame.select(code=code, of=pl.lit(of), group=text, name=name).with_columns(numbers.alias(ROW))
        parts.append(part if group == groups[0] else part.drop_nulls("group"))
    return pl.concat([part.select(list(_COLUMNS)) for part in parts])


def _text(path: Path, ledger: Ledger) -> pl.DataFrame:
    """HCUP's text: a group and its name on a line of their own, then lines of codes, set in."""
    found = list(_codes(path))
    offset = ledger.begin(path.name)
    ledger.read(len(found))
    rows = [(offset + i, *one) for i, one in enumerate(found, start=1)]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _codes(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Code, its vocabulary, its group, and the group's name."""
    of, kind, group, name = "ICD9CM", "CCS", "", ""
    for raw in text_lines(path):
        line = raw.decode(errors="replace").rstrip()
        if not group and "PROCEDURES" in line.upper():
            of, kind = "ICD9PROC", "CCSPROC"
        if found := re.fullmatch(r"(\d+)\s+(\S.*)", line):
            group, name = f"{kind}:{found[1]}", found[2]
        elif group and line[:1].isspace():
            for code in line.split():
                yield code, of, group, name


def _spelled(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows of one vocabulary with `subject`, the code as records spell it; null where it can be none."""
    found, counts = codes(rows["code"], rows["of"][0])
    ledger.count(counts)
    return rows.with_columns(found.alias("subject"))
