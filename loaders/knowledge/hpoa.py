"""HPO annotations (phenotype.hpoa) -> diseases and their phenotypes, with how often they are seen."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.regular_file import text_lines
from ..files.rows import SourceRows, read_rows
from ..specs import Knowledge
from ..tables import Known, Loaded, as_concepts, as_links
from .concepts import term_ids

NAMES = {
    "disease": ("database_id", "DatabaseID", "DatabaseId"), "name": ("disease_name", "DiseaseName"),
    "qualifier": ("qualifier", "Qualifier"), "phenotype": ("hpo_id", "HPO_ID", "HPO_Id"),
    "frequency": ("frequency", "Frequency"), "aspect": ("aspect", "Aspect"),
}  # fmt: skip
"""Our name -> what releases call the column."""
CLASSES = {
    "HP:0040280": 1.0, "HP:0040281": 0.895, "HP:0040282": 0.545, "HP:0040283": 0.17, "HP:0040284": 0.025, "HP:0040285": 0.0,
}  # fmt: skip
"""HPO's classes of frequency: always, 80–99 %, 30–79 %, 5–29 %, 1–4 %, never; of a range its middle."""
_OF = r"^(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)$"
_HEAD = 100


def read_hpoa(spec: Knowledge, known: Known) -> Loaded:
    """Read `[knowledge.NAME]` of format hpoa: (disease)-[:HAS_PHENOTYPE]->(phenotype).

    Only aspect P (phenotypic abnormalities) is read; what is said NOT to be seen is rejected and counted. Rows of one pair
    merge. score is how often the phenotype is seen: patients with it among those looked at over all studies that count
    (1/2 and 3/5 are 4/7), else the mean of percentages and of HPO's classes; a pair seen in nobody is no link.

    Returns: Loaded with concepts (diseases with their names) and links.
    Raises: InputError for a file that is not there, or is no table of annotations.
    Source: https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/
    """
    ledger = Ledger(spec.source)
    source = read_rows(replace(spec, format="tsv"), ledger)
    rows = _rows(source)
    other = pl.col("aspect").str.strip_chars() != "P"
    fix = "nothing: inheritance, onset and course are no phenotypes"
    rows = refuse(rows, other.fill_null(True), ledger, "aspect", got="aspect", expected="P: a phenotype", fix=fix)
    denied = pl.col("qualifier").str.strip_chars().str.to_uppercase() == "NOT"
    fix = "nothing: the disease is without it"
    rows = refuse(rows, denied, ledger, "qualifier", got="qualifier", expected="a phenotype that is seen", fix=fix)
    for end in ("disease", "phenotype"):
        ids, counts = term_ids(rows[end])
        ledger.count(counts)
        rows = rows.with_columns(ids.alias(f"{end}_curie"))
        expected, fix = "a term as PREFIX:local", "correct it"
        rows = refuse(rows, pl.col(f"{end}_curie").is_null(), ledger, end, got=end, expected=expected, fix=fix)
    rows = _scored(rows, ledger)
    never = pl.col("score") == 0
    expected, fix = "a phenotype that is seen", "nothing: it was looked for and seen in nobody"
    rows = refuse(rows, never, ledger, "frequency", got="frequency", expected=expected, fix=fix)
    once = rows.unique(["disease_curie", "phenotype_curie"], keep="first", maintain_order=True)
    ledger.merged(rows.height - once.height)
    concepts = [
        once.select(id="disease_curie", name="name", label=pl.lit("Diagnosis")),
        once.select(id="phenotype_curie", name=pl.lit(None, pl.String), label=pl.lit("Phenotype")),
    ]
    links = once.select(
        subject="disease_curie", object="phenotype_curie", predicate=pl.lit("HAS_PHENOTYPE"), score="score"
    )
    spec = replace(spec, release=spec.release or _version(spec.path[0]))
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), concepts=as_concepts(pl.concat(concepts), spec),
        links=as_links(links, spec), counts=ledger.counts, cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def _rows(source: SourceRows) -> pl.DataFrame:
    """The columns that are read, under our names, and ROW."""
    found = {ours: next((n for n in names if n in source.frame.columns), None) for ours, names in NAMES.items()}
    for ours in ("disease", "phenotype", "aspect"):
        if found[ours] is None:
            expected = f"a column {NAMES[ours][0]}"
            raise InputError("no HPO annotations", source.where, expected=expected, fix="take phenotype.hpoa of HPO")
    nothing = pl.lit(None, pl.String)
    columns = {ours: nothing if name is None else pl.col(name) for ours, name in found.items()}
    return source.frame.select(**columns).with_columns(source.numbers.alias(ROW))


def _scored(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows with the score of their pair; a frequency that is none of the known forms is noted."""
    text = pl.col("frequency").str.strip_chars()
    counted = text.str.extract_groups(_OF).struct
    share = text.str.extract(r"^(\d+(?:\.\d+)?)\s*%$").cast(pl.Float64) / 100
    rows = rows.with_columns(
        seen=counted.field("1").cast(pl.Float64), of=counted.field("2").cast(pl.Float64),
        share=pl.coalesce(share, text.replace_strict(CLASSES, default=None, return_dtype=pl.Float64)),
    )  # fmt: skip
    odd = (pl.col("seen") > pl.col("of")) | (pl.col("of") == 0) | (pl.col("share") > 1)
    bad = rows.select((text.is_not_null() & pl.col("seen").is_null() & pl.col("share").is_null()) | odd).to_series()
    bad = bad.fill_null(False)
    ledger.unread(rows[ROW], "frequency", rows["frequency"], bad, "a frequency: 3/7, 12 % or one of HPO's classes")
    ledger.cells(rows["frequency"].count(), rows["frequency"].count() - int(bad.sum()))
    rows = rows.with_columns(pl.when(~bad).then(name).alias(name) for name in ("seen", "of", "share"))
    pair = ["disease_curie", "phenotype_curie"]
    pooled = pl.col("seen").sum().over(pair) / pl.col("of").sum().over(pair)
    counts = pl.col("of").count().over(pair) > 0
    return rows.with_columns(score=pl.when(counts).then(pooled).otherwise(pl.col("share").mean().over(pair)))


def _version(path: Path) -> str:
    """The release that the comments above the table name."""
    for line in islice(text_lines(path), _HEAD):
        if line.lower().startswith((b"#version:", b"#date:")):
            return line.partition(b":")[2].decode(errors="replace").strip()
    return ""
