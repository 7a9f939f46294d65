"""Barcodes and other ids of a source -> the study's samples and subjects."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ..files.removed_ids import SAMPLE
from ..tables import SAMPLES, Known

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


def taken_out(ids: pl.Series, known: Known) -> pl.Series:
    """Whether each id is a patient's or a sample's who was removed: as it stands, or a TCGA barcode cut at its hyphens.

    An id that is somebody's who is still there is theirs; as for `matched`, a sample's before a subject's.
    Returns: (n,) bool.
    """
    if not known.removed.marks:
        return pl.repeat(False, ids.len(), eager=True)
    bare = ids.str.strip_chars()
    parts = {text: [text, *(_cuts(text) if barcode else ())] for text, barcode in _barcodes(bare)}
    every = pl.Series([part for each in parts.values() for part in each], dtype=pl.String).unique()
    samples = [] if known.samples is None else known.samples["sample_id"].to_list()
    theirs = known.removed.holds(every, SAMPLE) & ~every.is_in(samples)
    themselves = known.removed.holds(every) & ~every.is_in(list(known_ids(known) or ()))
    removed = set(every.filter(theirs | themselves))
    return bare.is_in([text for text, each in parts.items() if removed.intersection(each)]).fill_null(False)


def known_ids(known: Known) -> frozenset[str] | None:
    """All ids that a source may use for a sample or a subject; None where whatever comes is known."""
    table = _table(known)
    return None if table is None else frozenset(table["sample_id"])


def _barcodes(ids: pl.Series) -> Iterable[tuple[str, bool]]:
    distinct = ids.drop_nulls().unique()
    return zip(distinct, distinct.str.contains(TCGA), strict=True)


def _longest(text: str, names: set[str]) -> str | None:
    return next((cut for cut in _cuts(text) if cut in names), None)


def _cuts(text: str) -> list[str]:
    """What is left of a barcode, cut at each of its hyphens, the longest first."""
    cuts = []
    while "-" in text:
        text = text.rpartition("-")[0]
        cuts.append(text)
    return cuts


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
