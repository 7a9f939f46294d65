"""Segments of copy number (.seg) -> gene-level copy number, by a table of where genes lie in the same genome build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.text_table import numbers, read_cells
from ..specs import Omics
from .text_matrix import Matrix

SEGMENT = {
    "id": ("id", "sample", "sample_id", "tumor_sample_barcode"),
    "chromosome": ("chrom", "chromosome", "chr"),
    "start": ("loc.start", "start", "loc_start", "start_position"),
    "end": ("loc.end", "end", "loc_end", "end_position", "stop"),
    "value": ("seg.mean", "segment_mean", "seg_mean", "mean", "log2"),
}
POSITION = {
    "name": ("symbol", "hugo_symbol", "gene", "gene_name", "gene_symbol", "external_gene_name", "name"),
    "chromosome": ("chromosome", "chrom", "chr", "chromosome_name", "seqnames"),
    "start": ("start", "start_position", "txstart", "gene_start"),
    "end": ("end", "end_position", "stop", "txend", "gene_end"),
}
BUILDS = {
    "hg19": "GRCh37",
    "grch37": "GRCh37",
    "hg38": "GRCh38",
    "grch38": "GRCh38",
    "hg18": "NCBI36",
    "ncbi36": "NCBI36",
}


@dataclass(frozen=True)
class GenePositions:
    """Where genes lie: name; chromosome as `1` … `X`; start, end: counted from 1, both within the gene."""

    table: pl.DataFrame
    build: str


def build_of(text: str) -> str | None:
    """The genome build that a text names; None where it names none.

    Example:
        >>> build_of("genes_hg19.tsv"), build_of("GRCh38.p14")
        ('GRCh37', 'GRCh38')
    """
    found = re.search(r"(hg(?:18|19|38)|grch3[78]|ncbi36)", text.lower())
    return BUILDS[found[1]] if found else None


def read_positions(path: Path) -> GenePositions:
    """Read a table of genes with chromosome, start and end; its build is in a column `build`, or in the file's name.

    Raises: InputError where a column or the build is not there.
    """
    frame = _named(path, POSITION).with_columns(
        _chromosome(), *(pl.col(c).str.replace_all(",", "").cast(pl.Int64, strict=False) for c in ("start", "end"))
    )
    cells = read_cells(path, most=1 << 20).frame
    said = next((c for c in cells.columns if c.lower() in ("build", "genome", "assembly", "ncbi_build")), None)
    build = build_of(path.name if said is None else str(cells[said].drop_nulls().first() or ""))
    if build is None:
        expected = "hg19, hg38, GRCh37 or GRCh38 in a column `build`, or in the file's name"
        raise InputError(
            "nobody says of which genome build the positions are", path, None, expected, "rename it: genes_hg19.tsv"
        )
    whole = frame.drop_nulls().filter(pl.col("end") >= pl.col("start"))
    return GenePositions(whole.unique("name", keep="first", maintain_order=True), build)


def read_segments(path: Path, spec: Omics, ledger: Ledger) -> Matrix:
    """Read a .seg file: the copy number of a gene is the mean of the segments over it, by the bases that they share.

    A gene that no segment covers is not measured. In the ledger a row is a sample, and a segment a cell.
    Raises: InputError where `positions` or `build` is not given, or is of another build.
    """
    if spec.positions is None:
        fix = 'positions = "genes_hg19.tsv" (columns symbol, chromosome, start, end)'
        raise InputError("segments without the positions of genes", spec.source, expected="`positions`", fix=fix)
    genes, build = read_positions(spec.positions), build_of(spec.build)
    if build != genes.build:
        got = f"{build or 'no `build`'} beside positions in {genes.build}"
        raise InputError("segments and genes are of different genome builds", spec.source, got, "one build",
                         "set `build` to that of the segments, and `positions` to a table of the same")  # fmt: skip
    text = _named(path, SEGMENT)
    value, bad = numbers(text["value"])
    frame = text.with_columns(
        _chromosome(), value.alias("value"), *(pl.col(c).cast(pl.Float64, strict=False) for c in ("start", "end"))
    )
    ledger.unread([0] * bad.len(), "seg.mean", text["value"], bad, "a number")
    whole = (
        frame.drop_nulls()
        .filter(pl.col("end") >= pl.col("start"))
        .sort("id", "chromosome", "start", maintain_order=True)
    )
    apart = whole.filter(_apart(whole))
    ledger.count({"segments without a place or a value, left out": frame.height - whole.height})
    ledger.count({"segments over another of the same sample, left out": whole.height - apart.height})
    samples = frame["id"].drop_nulls().unique(maintain_order=True)
    if samples.is_empty():
        raise InputError(
            "holds no segment of a sample",
            path,
            expected="ID, chrom, loc.start, loc.end, seg.mean",
            fix="check its columns",
        )
    values = gene_means(apart, samples, genes)
    measured = ~np.isnan(values).all(axis=0)
    names = genes.table["name"].filter(pl.Series(measured))
    ledger.count({"genes that no segment covers, left out": int((~measured).sum())})
    offset = ledger.begin(path.name)
    ledger.read(samples.len())
    rows = pl.int_range(offset + 1, offset + samples.len() + 1, eager=True)
    held = int(np.count_nonzero(~np.isnan(values)))
    return Matrix(path.name, samples, names, values[:, measured], rows, True, cells=held)


def gene_means(segments: pl.DataFrame, samples: pl.Series, genes: GenePositions) -> NDArray[np.float32]:
    """The mean of the segments over each gene, weighted by the bases that they share.

    Args:
        segments: id, chromosome, start, end, value; of one sample and chromosome none over another.
    Returns: (samples, genes) float32, NaN where no segment lies over the gene.
    """
    values = np.full((samples.len(), genes.table.height), np.nan, np.float32)
    at = {id: i for i, id in enumerate(samples)}
    places = genes.table.with_row_index("j").partition_by("chromosome", as_dict=True)
    for (id, chromosome), part in segments.sort("start").partition_by("id", "chromosome", as_dict=True).items():
        here = places.get((chromosome,))
        if here is None:
            continue
        ends = np.stack(
            [part["start"].to_numpy() - 1, part["end"].to_numpy()], axis=1
        )  # bases before, and up to, the end
        length = ends[:, 1] - ends[:, 0]
        covered, summed = (_along(length * weight) for weight in (np.ones(len(length)), part["value"].to_numpy()))
        edges = ends.ravel()
        first, last = here["start"].to_numpy() - 1, here["end"].to_numpy()
        bases = np.interp(last, edges, covered) - np.interp(first, edges, covered)
        total = np.interp(last, edges, summed) - np.interp(first, edges, summed)
        mean = np.divide(total, bases, out=np.full(len(bases), np.nan), where=bases > 0.5)
        values[at[id], here["j"].to_numpy()] = mean
    return values


def _apart(segments: pl.DataFrame) -> pl.Series:
    """Which of the segments, sorted, begin behind the last one of their sample and chromosome that stays."""
    group = segments.select(pl.struct("id", "chromosome").rle_id()).to_series().to_list()
    stays, now, last = [], -1, 0.0
    for one, start, end in zip(group, segments["start"], segments["end"], strict=True):
        good = one != now or start > last
        stays.append(good)
        now, last = one, end if good else last
    return pl.Series(stays, dtype=pl.Boolean)


def _along(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What has been summed at the beginning and the end of each segment."""
    after = np.cumsum(parts)
    return np.stack([after - parts, after], axis=1).ravel()


def _named(path: Path, roles: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    """The columns of these roles, by what they may be called."""
    cells = read_cells(path, format="tsv" if path.suffix == ".seg" else None).frame
    lower = {name.strip().lower(): name for name in reversed(cells.columns)}
    found = {role: next((lower[n] for n in names if n in lower), None) for role, names in roles.items()}
    if gone := [role for role, name in found.items() if name is None]:
        expected = "; ".join(f"{role}: {', '.join(roles[role][:3])}" for role in gone)
        raise InputError("columns are not there", path, ", ".join(cells.columns[:8]), expected, "rename them")
    return cells.select(pl.col(str(name)).str.strip_chars().alias(role) for role, name in found.items())


def _chromosome() -> pl.Expr:
    bare = pl.col("chromosome").str.replace("^(?i:chr)", "").str.to_uppercase().str.strip_suffix(".0")
    return bare.replace({"23": "X", "24": "Y", "M": "MT", "25": "MT"}).alias("chromosome")
