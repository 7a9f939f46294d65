"""Barcodes and other ids of a source -> the study's samples and subjects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from unicodedata import normalize

import polars as pl

from ..files.removed_ids import SAMPLE
from ..tables import SAMPLES, Known

_TCGA = re.compile(r"TCGA[-._][A-Z0-9]{2}[-._][A-Z0-9]{4}(?:[-._].*)?", re.IGNORECASE | re.DOTALL)
_LEVELS = (16, 15, 12)
"""Characters of a TCGA barcode down to its vial, its sample, its patient."""
_PRIMARY = ("01", "03", "09")
"""Sample types that are taken before others: primary solid tumour, primary blood cancer from blood and from marrow."""


def matched(ids: pl.Series, known: Known) -> pl.DataFrame:
    """Whose each id is.

    An id is a sample's, or a subject's, as it stands, whichever way its letters are composed (NFC). A TCGA barcode
    that is neither (TCGA-05-4244-01A-01D-1105-08) is cut, field by field, until it is, its case and whether hyphens or
    dots part its fields do not matter. One that names a sample is, where the study has samples, that sample's or
    nobody's: as the patient's it would have no date. Barcodes of normal tissue are nobody's.

    Args:
        ids: (n,) text, no nulls.
    Returns: (n,) rows in the SAMPLES layout, sample_id null where nobody's. In a study without samples, sample_id is
        the subject's own id. shortened: whether the barcode was cut; precedence: of several samples that come to one
        id, the one with the smallest is meant: primary tumours before others.
    Source: https://docs.gdc.cancer.gov/Encyclopedia/pages/TCGA_Barcode
    """
    table = _table(known)
    frame = pl.DataFrame({"id": ids.cast(pl.String)})
    if table is None:
        return frame.select(
            sample_id="id", subject_id="id", **_nothing(), shortened=pl.lit(False), precedence=pl.lit(0, pl.Int32)
        )
    whose = finder(known)
    distinct = frame["id"].unique()
    found = [(text, sample, _short(text, sample), _precedence(text)) for text in distinct for sample in [whose(text)]]
    schema = {"id": pl.String, "sample_id": pl.String, "shortened": pl.Boolean, "precedence": pl.Int32}
    joined = frame.join(pl.DataFrame(found, schema, orient="row"), on="id", how="left", maintain_order="left")
    return joined.join(table, on="sample_id", how="left", maintain_order="left").select(
        *SAMPLES, "shortened", "precedence"
    )


def finder(known: Known) -> Callable[[str], str | None]:
    """What says whose an id is: the sample's or the subject's id as the study knows it, None for nobody's."""
    table = _table(known)
    names = {} if table is None else _by_form(table["sample_id"])
    samples = names if known.samples is None else _by_form(known.samples["sample_id"])

    def whose(text: str) -> str | None:
        form = _form(text)
        if as_it_stands := names.get(text, names.get(form)):
            return as_it_stands
        if not _TCGA.fullmatch(form):
            return None
        kind = _sample_type(form)
        if kind is not None and kind.startswith("1"):
            return None
        among = names if kind is None else samples
        return next((among[cut] for cut in _cuts(form) if cut in among), None)

    return whose


def _by_form(ids: Iterable[str]) -> Mapping[str, str]:
    """Each id by its form; of two ids of one form both stay apart, as they stand."""
    found: dict[str, str] = {}
    for id in ids:
        found.setdefault(_form(id), id)
    return found | {id: id for id in ids}


def _form(text: str) -> str:
    """An id as it is compared: composed letters; of a TCGA barcode capitals and hyphens."""
    text = normalize("NFC", text)
    return re.sub(r"[._]", "-", text.upper()) if _TCGA.fullmatch(text) else text


def _short(text: str, sample: str | None) -> bool:
    return sample is not None and len(text) > len(sample) and _TCGA.fullmatch(text) is not None


def _sample_type(form: str) -> str | None:
    """The two digits of a barcode that say which tissue; None where it names no sample."""
    found = re.fullmatch(r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}-(\d{2})(?:[A-Z-].*)?", form, re.DOTALL)
    return found[1] if found else None


def _precedence(text: str) -> int:
    kind = _sample_type(_form(text))
    if kind is None:
        return 0
    return _PRIMARY.index(kind) if kind in _PRIMARY else len(_PRIMARY) + int(kind)


def taken_out(ids: pl.Series, known: Known) -> pl.Series:
    """Whether each id is a patient's or a sample's who was removed: as it stands, or a TCGA barcode cut field by field.

    An id that is somebody's who is still there is theirs; as for `matched`, a sample's before a subject's.
    Returns: (n,) bool.
    """
    if not known.removed.marks:
        return pl.repeat(False, ids.len(), eager=True)
    bare = ids.str.strip_chars()
    parts = {text: _spellings(text) for text in bare.drop_nulls().unique()}
    every = pl.Series([part for each in parts.values() for part in each], dtype=pl.String).unique()
    samples = [] if known.samples is None else known.samples["sample_id"].to_list()
    theirs = known.removed.holds(every, SAMPLE) & ~every.is_in(samples)
    themselves = known.removed.holds(every) & ~every.is_in(list(known_ids(known) or ()))
    removed = set(every.filter(theirs | themselves))
    return bare.is_in([text for text, each in parts.items() if removed.intersection(each)]).fill_null(False)


def _spellings(text: str) -> list[str]:
    """An id, and what the study may have called the same one, or the patient whose sample it is."""
    form = _form(text)
    if not _TCGA.fullmatch(form):
        return [text, form]
    cuts = [form, *_cuts(form)]
    return [text, *cuts, *(one.lower() for one in cuts), *(one.replace("-", ".") for one in cuts),
            *(one.lower().replace("-", ".") for one in cuts)]  # fmt: skip


def known_ids(known: Known) -> frozenset[str] | None:
    """All ids that a source may use for a sample or a subject; None where whatever comes is known."""
    table = _table(known)
    return None if table is None else frozenset(table["sample_id"])


def _cuts(form: str) -> list[str]:
    """What is left of a barcode, cut at each of its hyphens and levels, the longest first."""
    lengths = {i for i, letter in enumerate(form) if letter == "-"} | {n for n in _LEVELS if n < len(form)}
    return [form[:n] for n in sorted(lengths, reverse=True)]


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
