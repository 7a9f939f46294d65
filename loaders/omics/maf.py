"""MAF columns -> sample, gene, variant, consequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.cells.number_words import missing_words
from ..files.delimited import plain
from ..files.rows import SourceRows
from ..files.text_table import read_bytes
from .consequences import change

COLUMNS = {
    "id": ("tumor_sample_barcode",),
    "name": ("hugo_symbol",),
    "entrez": ("entrez_gene_id",),
    "consequence": ("variant_classification", "consequence"),
    "build": ("ncbi_build",),
    "chromosome": ("chromosome",),
    "start": ("start_position",),
    "reference": ("reference_allele",),
    "alternative": ("tumor_seq_allele2",),
    "other": ("tumor_seq_allele1",),
    "protein": ("hgvsp_short", "hgvsp", "protein_change"),
    "fraction": ("t_vaf", "tumor_vaf", "vaf", "allele_fraction", "t_allele_fraction", "i_tumorvaf_wu"),
    "alternatives": ("t_alt_count",),
    "references": ("t_ref_count",),
}
_HEAD = 8 << 20  # the line of a large study names thousands
NEEDED = {"hugo_symbol": "Hugo_Symbol", "tumor_sample_barcode": "Tumor_Sample_Barcode"}


def looks_like_maf(names: Sequence[str]) -> bool:
    """Whether a table with these columns is a MAF, or one from which a column is gone."""
    lower = {name.lower() for name in names}
    return lower >= {*NEEDED} or lower >= {"hugo_symbol", "variant_classification"}


def sequenced_samples(path: Path) -> list[str]:
    """Who was sequenced at all, where a file says so above its table; [] where it does not.

    Source: https://docs.cbioportal.org/file-formats/#mutation-data (`#sequenced_samples: A B C`).
    """
    if not path.is_file() or path.suffix.lower() in (".h5ad", ".h5mu", ".parquet"):
        return []
    head = plain(read_bytes(path, _HEAD)[0]).lstrip()
    if not head.startswith(b"#"):
        return []
    lines = (line.decode(errors="replace") for line in head.split(b"\n") if line.startswith(b"#"))
    found = (re.match(r"#\s*sequenced[_ ]samples\s*:(.*)", line, re.IGNORECASE) for line in lines)
    return [one for match in found if match for one in re.split(r"[\s,;]+", match[1].strip()) if one]


def read_variants(rows: SourceRows) -> SourceRows:
    """The rows of a MAF as id, name, entrez, variant, consequence, protein, fraction, and silent, promoter, unknown
    (`change`).

    fraction: of the tumour's reads those with the variant, from its own column (a percentage is divided by 100) or from
    t_alt_count and t_ref_count; null where there is neither.

    A variant is `GRCh37:17-7577120-C-T` where the file has its place (build, chromosome, start, reference,
    alternative), `variant:TP53:p.R273H` where it has only the protein change, else null.
    Raises: InputError where gene or barcode is no column.
    """
    lower = {name.lower(): name for name in reversed(rows.frame.columns)}
    gone = [name for key, name in NEEDED.items() if key not in lower]
    if gone:
        got, expected = f"{len(lower)} columns", f"a MAF's columns {' and '.join(NEEDED.values())}"
        raise InputError(
            f"no column {' and '.join(gone)}", rows.where, got, expected, "add it, or name `subject` and `gene`"
        )
    frame = rows.frame.select(_column(lower, role) for role in COLUMNS)
    build = pl.col("build").str.replace(r"^(?i:grch|hg)?(\d+).*$", "$1").replace({"19": "37"})
    alternative = (
        pl.when(pl.col("alternative") == pl.col("reference"))
        .then(pl.col("other"))
        .otherwise(pl.coalesce("alternative", "other"))
    )
    place = pl.concat_str(
        pl.when(build.is_not_null()).then(pl.lit("GRCh") + build).otherwise(pl.lit("variant")),
        pl.lit(":"), pl.col("chromosome").str.replace("^(?i:chr)", ""), pl.lit("-"), "start", pl.lit("-"),
        "reference", pl.lit("-"), alternative,
    )  # fmt: skip
    valid = pl.col("start").str.contains(r"^\d+$")
    protein = pl.concat_str(pl.lit("variant:"), "name", pl.lit(":"), "protein")
    variants = frame.select(
        "id", "name", "entrez", "consequence", "protein", variant=pl.coalesce(pl.when(valid).then(place), protein),
        fraction=_fraction(),
    )  # fmt: skip
    done = change(variants["consequence"], variants.select(pl.coalesce("name", "entrez")).to_series())
    variants = variants.with_columns(~done["changing"].alias("silent"), done["promoter"], done["unknown"])
    lost = {
        "allele fractions that are no share of reads between 0 and 1, left out": _without_share(
            frame, variants["fraction"]
        )
    }
    return SourceRows(rows.where, variants, rows.numbers, {**rows.counts, **lost})


def _fraction() -> pl.Expr:
    written = pl.col("fraction").str.strip_suffix("%")
    said, with_it, without = (
        one.cast(pl.Float64, strict=False) for one in (written, pl.col("alternatives"), pl.col("references"))
    )
    share = pl.when(said.median() > 1).then(said / 100).otherwise(said)  # most are above 1: percentages
    counted = pl.when(with_it + without > 0).then(with_it / (with_it + without))
    found = pl.coalesce(share, counted)
    return pl.when(found.is_between(0, 1)).then(found)


def _without_share(frame: pl.DataFrame, fraction: pl.Series) -> int:
    """How many rows say something of the allele fraction that is none."""
    given = frame.select(
        pl.coalesce("fraction", pl.when(pl.col("references").is_not_null()).then("alternatives"))
    ).to_series()
    return int((given.is_not_null() & ~missing_words(given) & fraction.is_null()).sum())


def _column(lower: dict[str, str], role: str) -> pl.Expr:
    name = next((lower[c] for c in COLUMNS[role] if c in lower), None)
    column = pl.lit(None, pl.String) if name is None else pl.col(name).str.strip_chars()
    return column.alias(role)
