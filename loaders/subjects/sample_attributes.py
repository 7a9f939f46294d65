"""Sample attributes: what a table of samples says of its patients: one row a patient, of what its samples agree in."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ..files.ledger import Ledger, held
from ..files.rows import SourceRows

SAMPLE_ID = "SAMPLE_ID"


def of_patients(rows: SourceRows, id: str, ledger: Ledger) -> SourceRows:
    """The rows of cBioPortal's clinical tables, those of samples brought to one row a patient and file.

    Subtype, grade and many outcomes stand in the table of samples. Where the samples of a patient say different things,
    the patient is told none of them: which one is meant nobody can know.

    Args: id: the column of the patients' ids. Rows with a SAMPLE_ID are those of samples; the column goes.
    """
    if SAMPLE_ID not in rows.frame.columns:
        return rows
    of_sample = rows.frame[SAMPLE_ID].is_not_null()
    rest = [name for name in rows.frame.columns if name not in (id, SAMPLE_ID)]
    number, file = "\0row", "\0file"
    frame = rows.frame.drop(SAMPLE_ID).with_columns(
        rows.numbers.alias(number), ledger.files_of(rows.numbers).alias(file)
    )
    samples = frame.filter(of_sample)
    one = [
        pl.when(pl.col(name).drop_nulls().n_unique() == 1).then(pl.col(name).drop_nulls().first()).alias(name)
        for name in rest
    ]
    differ = [(pl.col(name).drop_nulls().n_unique() > 1).alias(name) for name in rest]
    groups = samples.group_by(file, id, maintain_order=True)
    made = groups.agg(*one, pl.col(number).first()).select(frame.columns)
    ledger.merged(samples.height - made.height)
    differing = groups.agg(differ).select(rest).sum().sum_horizontal().sum() if made.height and rest else 0
    ledger.count(
        {"patients of several samples, brought to one row": samples[id].n_unique() - _single(samples, file, id)}
    )
    ledger.count({"attributes in which samples of one patient differ, left missing": int(differing)})
    ledger.cells(0, 0, merged=held(samples.select(id, *rest)) - held(made.select(id, *rest)))
    whole = pl.concat([frame.filter(~of_sample), made]).sort(number)
    return replace(rows, frame=whole.drop(number, file), numbers=whole[number])


def _single(samples: pl.DataFrame, file: str, id: str) -> int:
    """How many patients have one sample."""
    return samples.group_by(file, id).len().filter(pl.col("len") == 1)[id].n_unique()
