"""Ids of a source -> the study's samples and subjects."""

from __future__ import annotations

import polars as pl

from .tables import SAMPLES, Known

TCGA = r"^(?i:TCGA)-[A-Z0-9]{2}-[A-Z0-9]{4}(-.*)?$"
_NORMAL = r"^.{12}-1\d"  # sample types 10 to 19 are normal tissue: no tumour's value, no tumour's mutation


def matched(ids: pl.Series, known: Known) -> pl.DataFrame:
    """Whose each id is.

    An id is a sample's, or a subject's, as it stands. A TCGA barcode that is neither (TCGA-05-4244-01A-01D-1105-08)
    is cut at its hyphens until it is; barcodes of normal tissue are nobody's.

    Args:
        ids: (n,) text, no nulls.
    Returns: (n,) rows in the SAMPLES layout, sample_id null where nobody's. In a study without samples, sample_id is
        the subject's own id. shortened: whether the barcode was cut.
    """
    table = _table(known)
    frame = pl.DataFrame({"id": ids.cast(pl.String)})
    if table is None:
        return frame.select(sample_id="id", subject_id="id", **_nothing(), shortened=pl.lit(False))
    names = set(table["sample_id"])
    distinct = frame["id"].unique()
    cut = distinct.str.contains(TCGA) & ~distinct.str.contains(_NORMAL)
    found = {
        text: text if text in names else _longest(text, names) if barcode else None
        for text, barcode in zip(distinct, cut, strict=True)
    }
    pairs = pl.DataFrame(
        {"id": list(found), "sample_id": list(found.values())}, schema={"id": pl.String, "sample_id": pl.String}
    )
    joined = frame.join(pairs, on="id", how="left", maintain_order="left")
    joined = joined.join(table, on="sample_id", how="left", maintain_order="left")
    shortened = (pl.col("id") != pl.col("sample_id")).fill_null(False)
    return joined.select(*SAMPLES, shortened=shortened)


def known_ids(known: Known) -> frozenset[str] | None:
    """All ids that a source may use for a sample or a subject; None where whatever comes is known."""
    table = _table(known)
    return None if table is None else frozenset(table["sample_id"])


def _longest(text: str, names: set[str]) -> str | None:
    while "-" in text:
        text = text.rpartition("-")[0]
        if text in names:
            return text
    return None


def _table(known: Known) -> pl.DataFrame | None:
    if known.samples is None and known.subjects is None:
        return None
    own = pl.DataFrame({"sample_id": sorted(known.subjects or ())}, schema={"sample_id": pl.String})
    own = own.select("sample_id", subject_id="sample_id", **_nothing())
    if known.samples is None:
        return own
    samples = known.samples.select(*SAMPLES)
    return pl.concat([samples, own.join(samples, on="sample_id", how="anti")])


def _nothing() -> dict[str, pl.Expr]:
    text, time = pl.lit(None, pl.String), pl.lit(None, pl.Datetime("us"))
    return {"batch": text, "site": text, "time": time, "known_time": time}
