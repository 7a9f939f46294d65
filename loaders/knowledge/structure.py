"""Structure of codes as knowledge: IS_A from every code that a source brings up to its chapter, without any file."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ..identifiers.code_structure import STRUCTURED, links_above, range_names
from ..specs import Knowledge, Records
from ..tables import Loaded, as_concepts, as_links

STRUCTURE = "structure"
"""The `source` of these links, the same for every source: that a code is there tells nothing of who has it."""


def with_structure(loaded: Loaded, spec: Records | Knowledge) -> Loaded:
    """The source with IS_A above its codes, by their own structure, and the names of blocks and chapters.

    A walk goes upwards: it begins at the codes of events and goes on from what links end at, so that these codes get
    what lies above them. What the source itself says stays as it says it.
    """
    brought = [loaded.events["code"]] if loaded.events is not None else []
    brought += [loaded.links["object"]] if loaded.links is not None else []
    codes = pl.concat([each.cast(pl.String).alias("code") for each in brought]).unique() if brought else pl.Series()
    steps = links_above(codes.filter(_structured(codes)).sort()) if codes.len() else links_above(())
    if steps.is_empty():
        return loaded
    links = as_links(steps.with_columns(predicate=pl.lit("IS_A")), spec).with_columns(source=pl.lit(STRUCTURE))
    names = range_names()
    above = steps["object"].unique().sort()
    named = [(code, names[code]) for code in above if code in names]
    concepts = as_concepts(pl.DataFrame(named, schema={"id": pl.String, "name": pl.String}, orient="row"), spec)
    both = [links] if loaded.links is None else [loaded.links, links]
    told = [concepts] if loaded.concepts is None else [loaded.concepts, concepts]
    return replace(
        loaded,
        links=pl.concat(both, how="diagonal").unique(
            ["subject", "predicate", "object"], keep="first", maintain_order=True
        ),
        concepts=pl.concat(told).unique("id", keep="first", maintain_order=True),
    )


def without_structure(loaded: Loaded) -> Loaded:
    """The source without the links and names that `with_structure` gives: what is said of codes that may be gone."""
    if loaded.links is None:
        return loaded
    links = loaded.links.filter(pl.col("source") != STRUCTURE)
    concepts = loaded.concepts
    if concepts is not None:
        concepts = concepts.filter(~pl.col("id").is_in(list(range_names())))
    return replace(
        loaded,
        links=links if links.height else None,
        concepts=concepts if concepts is not None and concepts.height else None,
    )


def _structured(codes: pl.Series) -> pl.Series:
    return codes.str.split(":").list.first().is_in(list(STRUCTURED)).fill_null(False)
