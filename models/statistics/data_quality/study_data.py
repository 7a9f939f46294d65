"""Study data as the checks of quality see them: plain tables and matrices of everybody, behind no fence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ....loaders.identifiers.curie import BIRTH, DEATH


@dataclass(frozen=True)
class LayerData:
    """One omics source with all its samples.

    features: (p,) names to show. values: (samples, p) float32, NaN is not measured; sparse: what is not stored is 0.
    samples: subject_id, batch, site, time; null where not known.
    """

    name: str
    kind: str
    scale: str
    features: tuple[str, ...]
    values: np.ndarray | sparse.csr_matrix
    samples: pl.DataFrame

    @property
    def dense(self) -> bool:
        return not sparse.issparse(self.values)


@dataclass(frozen=True)
class StudyData:
    """Everything that was loaded of a study.

    subjects: every patient, sorted. patients: subject_id and properties, one row a patient. events: MEDS columns with
    known_time, visit_id, unit, source. visits: visit_id, subject_id, start_time, end_time. rejects: source, column,
    expected, fix. sources: name -> {"read", "written", "merged", "rejected", "counts"}. today: where the future begins.
    clock: the weakest of the sources'; dates of properties are compared with events only where it is "dated".
    names: what codes are called, where a vocabulary says so.
    coverage: a row a vocabulary of diagnoses: codes, of which exact, near, parent, nowhere say how they map to diseases;
    patients, patients_own, patients_parent: who reaches a gene. Empty where no knowledge maps codes.
    """

    subjects: tuple[str, ...]
    patients: pl.DataFrame
    layers: tuple[LayerData, ...]
    events: pl.DataFrame | None
    visits: pl.DataFrame | None
    rejects: pl.DataFrame
    sources: Mapping[str, Mapping[str, Any]]
    today: datetime
    clock: str = "dated"
    names: Mapping[str, str] = field(default_factory=dict)
    coverage: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def births(self) -> pl.DataFrame:
        """subject_id, birth: the earliest that is recorded; datetimes."""
        return self._moments(BIRTH, _BIRTH, "birth", pl.min)

    @property
    def deaths(self) -> pl.DataFrame:
        """subject_id, death: the latest that is recorded; datetimes."""
        return self._moments(DEATH, _DEATH, "death", pl.max)

    def _moments(self, code: str, names: tuple[str, ...], what: str, pick: Any) -> pl.DataFrame:
        found = [pl.DataFrame(schema={"subject_id": pl.String, what: pl.Datetime("us")})]
        if self.events is not None:
            told = self.events.filter((pl.col("code") == code) & pl.col("time").is_not_null())
            found.append(told.select("subject_id", pl.col("time").alias(what)))
        for name in self.patients.columns if self.clock == "dated" else ():
            if name.lower() in names and self.patients[name].dtype in (pl.Date, pl.Datetime):
                stated = self.patients.select("subject_id", pl.col(name).cast(pl.Datetime("us")).alias(what))
                found.append(stated.drop_nulls())
        return pl.concat(found).group_by("subject_id").agg(pick(what)).sort("subject_id")


_BIRTH = ("birth_date", "date_of_birth", "birthdate", "dob")
_DEATH = ("death_date", "date_of_death", "deathdate", "dod", "died_on")
