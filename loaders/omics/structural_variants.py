"""Structural variants and fusions: one row an event -> one row for each gene that it breaks.

Source: https://docs.cbioportal.org/file-formats/#structural-variant-data
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.rows import SourceRows

IDS = ("sample_id", "tumor_sample_barcode")
SITES = (("site1_hugo_symbol", "site1_entrez_gene_id"), ("site2_hugo_symbol", "site2_entrez_gene_id"))
OLD = ("hugo_symbol", "entrez_gene_id")
"""Gene columns of data_sv.txt, and of the older data_fusions.txt, where each gene has a row of its own."""


def gene_events(rows: SourceRows, ledger: Ledger) -> SourceRows:
    """The rows as id, name, entrez: of an event between two genes two rows of one number. Germline events are rejected.

    Raises: InputError where sample or gene is no column.
    """
    lower = {name.lower(): name for name in reversed(rows.frame.columns)}
    id = next((lower[name] for name in IDS if name in lower), None)
    sites = [site for site in (*SITES, OLD) if site[0] in lower or site[1] in lower]
    if id is None or not sites:
        expected = "Sample_Id with Site1_Hugo_Symbol, Site2_Hugo_Symbol, or Tumor_Sample_Barcode with Hugo_Symbol"
        raise InputError(
            "no table of structural variants", rows.where, f"{len(lower)} columns", expected, "correct its header"
        )
    if "sv_status" in lower:
        germline = (rows.frame[lower["sv_status"]].str.strip_chars().str.to_uppercase() == "GERMLINE").fill_null(False)
        fix = "nothing: the patient was born with it"
        ledger.reject(rows.numbers.filter(germline), "SV_Status", "GERMLINE", "a somatic event", fix)
        rows = rows.rows(~germline)
    ends = [
        rows.frame.select(id=pl.col(id).str.strip_chars(), name=_cell(lower, site[0]), entrez=_cell(lower, site[1]))
        .with_columns(rows.numbers.alias("number"))
        for site in sites
    ]  # fmt: skip
    both = pl.concat(ends)
    named = both["name"].is_not_null() | both["entrez"].is_not_null()
    first = pl.concat(
        [both.filter(named), both.filter(~named).join(both.filter(named), on="number", how="anti").unique("number")]
    )
    first = first.sort("number", maintain_order=True)
    ledger.count(
        {"events of two genes: each of them has it": int(both.filter(named)["number"].is_duplicated().sum()) // 2}
    )
    return replace(rows, frame=first.drop("number"), numbers=first["number"])


def _cell(lower: dict[str, str], name: str) -> pl.Expr:
    return pl.col(lower[name]).str.strip_chars() if name in lower else pl.lit(None, pl.String)
