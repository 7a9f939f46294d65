"""What is known of a study before one of its sources is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clinome.loaders.files.source_folder import Shards
from clinome.loaders.tables import Known
from clinome.study import Study

if TYPE_CHECKING:
    import polars as pl

    from clinome.loaders.identifiers.genes import GeneTable


def known_of(
    study: Study, genes: GeneTable, *, subjects: frozenset[str] | None, samples: pl.DataFrame | None,
    opaque: Mapping[str, str], shards: Shards | None = None,
) -> Known:  # fmt: skip
    """Who and what is known, ids as they stand in the files; who was removed, and the clock, are the study's own.

    Args: subjects, samples, opaque: as in `Known`, from what was read before. shards: how files are read.
    """
    from clinome.loaders.files.removed_ids import read_removed

    return Known(subjects, samples, genes, opaque, read_removed(study.tables), study.clock, shards)
