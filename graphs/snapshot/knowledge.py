"""Knowledge of a snapshot: what its features and codes can reach, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ...loaders.errors import InputError
from ...loaders.specs import UNSIGNED
from ...loaders.tables import LINKS, in_layout
from ..tables.study_tables import Tables
from .events import FrozenEvents
from .snapshot import Layer

UPWARDS = ("IS_A", "PART_OF", "IN_PATHWAY", "MAPS_TO", "OF_GENE", "NEAR", "IN_GENE", "TARGETS")
"""Predicates that are followed from what was measured or recorded to what it belongs to."""
COLUMNS = ("subject", "predicate", "object", "score", "source")
_STEPS = 64


def reachable(tables: Tables, layers: Iterable[Layer], events: FrozenEvents) -> pl.DataFrame:
    """Links (subject, predicate, object, score, source) between what the layers and fenced events reach, sorted.

    From features, their genes and codes the walk goes upwards (to ancestors, pathways, mapped diseases), until nothing
    new is met; a link stays if both its ends were met. So a code that only the future holds brings no link.
    """
    parts = {
        "subject": list(events.parts),
        "object": list(events.parts.values()),
    }  # a unit's own code is below the code
    units = pl.DataFrame(parts, schema=dict.fromkeys(parts, pl.String))
    units = units.with_columns(predicate=pl.lit("IS_A"), source=pl.lit("units"))
    found = [table for source in tables.sources() if (table := tables.table(source, "links")) is not None]
    empty = pl.DataFrame(schema=dict(LINKS))
    links = pl.concat(
        [empty, *(table.select(list(LINKS)) for table in found), in_layout(units, LINKS)], how="vertical_relaxed"
    )
    ends = [layer.var[column] for layer in layers for column in ("feature", "gene")]
    if events.table is not None:
        ends.append(events.table["code"])
    met = pl.concat([pl.Series("id", [], dtype=pl.String), *(e.alias("id") for e in ends)]).drop_nulls().unique()
    return upwards(links, met).select(COLUMNS).unique().sort(COLUMNS)


def upwards(links: pl.DataFrame, start: pl.Series) -> pl.DataFrame:
    """The links whose both ends are among the start's ids or above them, by UPWARDS.

    Example:
        >>> links = pl.DataFrame({"subject": ["a", "x"], "predicate": ["IS_A"] * 2, "object": ["b", "y"]})
        >>> upwards(links, pl.Series(["a"]))["object"].to_list()
        ['b']
    """
    up = links.filter(pl.col("predicate").is_in(UPWARDS)).select("subject", pl.col("object").alias("id"))
    met = new = start.alias("id").to_frame().unique()
    for _ in range(_STEPS):
        new = up.join(new, left_on="subject", right_on="id", how="semi").select("id").unique()
        new = new.join(met, on="id", how="anti")
        if new.is_empty():
            break
        met = pl.concat([met, new])
    inside = links.join(met, left_on="subject", right_on="id", how="semi")
    return inside.join(met, left_on="object", right_on="id", how="semi")


def set_counts(layer: Layer, tables: Tables) -> dict[str, int]:
    """What a reader has to know of the gene sets whose activity is asked of a layer: how many are scored, and left out.

    Raises: InputError where the knowledge holds no sets, no set has enough measured genes, or its signs would be lost.
    """
    asked, counts = layer.activity, dict[str, int]()
    where = f"study [omics.{layer.name}]"
    for name in () if asked is None else asked.pathways:
        assert asked is not None
        source = f"knowledge.{name}"
        links = tables.table(source, "links") if source in tables.sources() else None
        sets = None if links is None else links.filter(pl.col("predicate") == "IN_PATHWAY")
        if sets is None or sets.is_empty():
            raise InputError(
                "this knowledge holds no gene sets", f"{where} pathways", name, "a GMT file, or edges IN_PATHWAY",
                'of a table of targets: predicate = "IN_PATHWAY", subject = "target", object = "source", score = "weight"',
            )  # fmt: skip
        if asked.method in UNSIGNED and (sets["score"] < 0).any():
            raise InputError(
                "this method knows no signs, and these sets have some", f"{where} activity", asked.method, "ulm or wmean",
                'write activity = "ulm"',
            )  # fmt: skip
        sets = sets.with_columns(measured=pl.col("subject").is_in(layer.var["gene"].drop_nulls().unique().implode()))
        sizes = sets.group_by("object").agg(pl.col("subject").filter(pl.col("measured")).n_unique())["subject"]
        few = int((sizes < asked.least_genes).sum())
        if few == len(sizes):
            raise InputError(
                "no gene set has enough measured genes", f"{where} pathways", f"{name}: at most {int(sizes.to_numpy().max())} of a set",
                f"{asked.least_genes} or more", "name other sets, lower least_genes, or look at what the genes are called",
            )  # fmt: skip
        genes = sets.unique("subject")
        counts |= {
            f"{layer.name}.{name}: of {len(sizes):,} gene sets scored by {asked.method}, "
            f"each with {asked.least_genes} measured genes or more": len(sizes) - few,
            f"{layer.name}.{name}: of the {genes.height:,} genes in the sets are measured": int(
                genes["measured"].sum()
            ),
        }
    return counts
