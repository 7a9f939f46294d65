"""Long table of a layer: a sample, a gene, its value a row -> one matrix (cBioPortal's DISCRETE_LONG copy numbers)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.text_table import numbers, read_cells, resolve
from ..specs import Omics
from .text_matrix import ENTREZ, Matrix


def read_long(path: Path, spec: Omics, ledger: Ledger) -> Matrix:
    """Read a table of format long: `subject`, `gene` and `value` are its columns. What no row tells is not measured.

    In the ledger a row is a sample, and a row of the file a cell. Of several values of one sample and gene the first stays.
    Raises: InputError where one of the three columns is not named, or not there.
    """
    if spec.subject is None or spec.gene is None or spec.value is None:
        fix = 'subject = "Sample_Id", gene = "Hugo_Symbol", value = "Value"'
        raise InputError(
            "a long table without its columns", spec.source, expected="`subject`, `gene` and `value`", fix=fix
        )
    cells = read_cells(path, missing=spec.missing, format="tsv" if path.suffix == ".txt" else None, sheet=spec.sheet)
    subject, gene, value = (resolve(column, cells.frame, path) for column in (spec.subject, spec.gene, spec.value))
    entrez = pl.col(ENTREZ) if ENTREZ in cells.frame.columns else pl.lit(None, pl.String)
    number, bad = numbers(cells.frame[value])
    frame = cells.frame.select(
        id=pl.col(subject).str.strip_chars(), name=pl.coalesce(pl.col(gene).str.strip_chars(), entrez), entrez=entrez
    ).with_columns(number.alias("x").cast(pl.Float32))
    complete = frame.drop_nulls(["id", "name"])
    ledger.count({"rows of a long table without a sample or a gene, left out": frame.height - complete.height})
    once = complete.unique(["id", "name"], keep="first", maintain_order=True)
    again = complete.join(once, on=["id", "name", "x"], how="anti", nulls_equal=True)
    ledger.count({"rows of a long table that say otherwise than one before, left out": again.height})
    samples, names = once["id"].unique(maintain_order=True), once.unique("name", keep="first", maintain_order=True)
    offset = ledger.begin(path.name)
    ledger.read(samples.len())
    broken = cells.broken
    ledger.outside("", "", "a row of the table's columns", "check the delimiter and the quotes", broken.height)
    ledger.unread([0] * bad.len(), value, cells.frame[value], bad, "a number")
    values = np.full((samples.len(), names.height), np.nan, np.float32)
    i = once.join(samples.to_frame().with_row_index("i"), on="id", maintain_order="left")["i"].to_numpy()
    j = once.join(names.select("name").with_row_index("j"), on="name", maintain_order="left")["j"].to_numpy()
    values[i, j] = once["x"].fill_null(float("nan")).to_numpy()
    rows = pl.int_range(offset + 1, offset + samples.len() + 1, eager=True)
    held = cells.frame[value].count()
    return Matrix(path.name, samples, names["name"], values, rows, True, names["entrez"], cells=held)
