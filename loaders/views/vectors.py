"""Vectors of images or notes: a table, or an array beside its ids, that has a patient, a time and numbers in each row."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, held, refuse
from ..files.rows import SourceRows, id_text, read_rows
from ..files.text_table import has_header, numbers, resolve
from ..specs import Images
from ..tables import VECTORS, Known, Loaded
from .array_file import array_rows, is_array
from .dated_rows import dated_rows

PREFIX = "IMAGE:"
_ROLES = ("subject", "visit", "time", "known_time")


def read_vectors(spec: Images, known: Known) -> Loaded:
    """Read `[images.NAME]`: what a network made of images (or of notes), one row each; every other column is a feature.

    Where a cell is no number, it is missing. A vector is known when its `time` is over, unless `known_time` is named.
    The file may be an array (.npy, .npz) beside its `ids` (`loaders.views.array_file`).

    Returns: Loaded with vectors (tables.VECTORS, and the features as Float32, missing null).
    Raises: InputError for a file or column that is not there, a nested column, or a table without a numeric column.
    Example: read_vectors(Images((Path("ct.parquet"),), name="ct", subject="patient_id", time="scanned"), known)
    """
    for role in ("subject", "time"):
        if getattr(spec, role) is None:
            fix = f"{role} = …: the column of {'patient ids' if role == 'subject' else 'when it was made'}"
            raise InputError("a column is not named", f"[{spec.source}] {role}", fix=fix)
    ledger = Ledger(spec.source)
    header = has_header(*(getattr(spec, role) for role in _ROLES))
    found = array_rows(spec, ledger) if any(map(is_array, spec.path)) else read_rows(spec, ledger, header)
    at = {
        role: resolve(column, found.frame, found.where)
        for role in _ROLES
        if (column := getattr(spec, role)) is not None
    }
    features = [name for name in found.frame.columns if name not in (*at.values(), *spec.drop)]
    rows = _dated(spec, found, at, known, ledger)
    cells = found.frame.select(features).with_columns(found.numbers.alias(ROW)).join(rows.select(ROW), on=ROW)
    values = _values(cells, features, ledger, found.where)
    empty = values.select(pl.all_horizontal(pl.all().is_null())).to_series()
    rows = rows.with_columns(empty.alias("empty"))
    kept = refuse(rows, pl.col("empty"), ledger, features[0], got=None, expected="a number", fix="nothing: it is empty")
    table = kept.select(
        "subject_id", "time", "known_time", "visit_id", kind=pl.lit(PREFIX + spec.name), source=pl.lit(spec.source)
    ).cast(VECTORS)  # type: ignore[arg-type]
    table = table.hstack(values.filter(~empty))
    once = table.unique(keep="first", maintain_order=True).sort("subject_id", "time", maintain_order=True)
    ledger.merged(table.height - once.height)
    own = once.columns[len(VECTORS) :]
    merged = held(table.select(own)) - held(once.select(own))
    ledger.cells(held(found.frame.select(own)), held(once.select(own)), merged)
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), vectors=once, clock="relative" if spec.unit else "dated",
        counts=ledger.counts, cells=ledger.cell_tally(), losses=ledger.losses,
    )  # fmt: skip


def _dated(spec: Images, found: SourceRows, at: dict[str, str], known: Known, ledger: Ledger) -> pl.DataFrame:
    nothing = pl.lit(None, pl.String)
    visit = id_text(found.frame[at["visit"]]) if "visit" in at else nothing
    cells = found.frame.select(
        found.numbers.alias(ROW), id_text(found.frame[at["subject"]]).alias("subject_id"), visit.alias("visit_id"),
        time=at["time"], known_time=pl.col(at["known_time"]) if "known_time" in at else nothing,
    )  # fmt: skip
    names = {"subject_id": at["subject"]} | {role: at[role] for role in ("time", "known_time") if role in at}
    return dated_rows(cells, names, known, ledger, spec.unit, f"[{spec.source}]")


def _values(cells: pl.DataFrame, features: list[str], ledger: Ledger, where: str) -> pl.DataFrame:
    """The features as numbers. Raises: InputError for a column of words: it is no feature, and may be an id."""
    made = []
    for name in features:
        values, bad = numbers(cells[name])
        if cells[name].count() and int(bad.sum()) == cells[name].count():
            fix = f"drop = [{name!r}], or name it as subject, visit, time or known_time"
            raise InputError("a column without a number", where, name, "numbers: a feature", fix)
        ledger.unread(cells[ROW], name, cells[name], bad, "a number")
        made.append(values.cast(pl.Float32).alias(name))
    if not made:
        raise InputError(
            "no column is left for features", where, expected="one numeric column a feature", fix="add them"
        )
    return pl.DataFrame(made)
