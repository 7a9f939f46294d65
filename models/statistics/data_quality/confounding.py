"""Confounding: batches and sites against the outcome, and against the main variance of each layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..rank_tests import benjamini_hochberg, kruskal
from .finding import CHECK, SERIOUS, Checked, Finding
from .outcome import FEWEST, Outcome
from .profiles import Profiles
from .study_data import StudyData

WORDS = {"site", "center", "centre", "hospital", "institution", "clinic", "batch", "plate", "scanner", "lab", "cohort"}
"""Words in a property's name by which it says where or with what patients were measured."""
STRONG_V, STRONG_RATIO = 0.3, 2.0
"""Cramér’s V, and observed to expected events or its inverse, from which it is serious."""
VARIANCE = 0.1
"""Share of the variance of the first components below which a batch is not worth a word."""
_MOST = 200
_TCGA = r"TCGA-([0-9A-Z]{2})-"
"""The tissue source site is the second field of a TCGA barcode."""
_SURE = 0.01


def origins(snapshot: Snapshot, patients: pl.DataFrame) -> pl.DataFrame:
    """Batch and site of each row: of each layer's sample (`LAYER batch`), and properties that are called so.

    Args:
        snapshot: with `origin`, where it knows one.
        patients: subject_id and properties.
    Returns: (rows,) text. Columns that group patients alike are one: `batch` of `rna batch` and `mirna batch`, the first of a site
        and its number.
    """
    known: pl.DataFrame = getattr(snapshot, "origin", pl.DataFrame())
    of_patients = _of_patients(snapshot.rows["subject_id"], patients)
    found: dict[str, pl.Series] = {}
    for column in [*known, *of_patients]:
        text = column.cast(pl.String)
        if not 2 <= text.drop_nulls().n_unique() <= _MOST:
            continue
        same = next((name for name, other in found.items() if _same(text, other)), None)
        if same is None:
            found[column.name] = text
        elif _agree(text, found[same]):
            found[_common(same, column.name)] = pl.select(pl.coalesce(found.pop(same), text)).to_series()
    return pl.DataFrame([column.alias(name) for name, column in found.items()])


def _same(a: pl.Series, b: pl.Series) -> bool:
    """Whether both group those of whom both are known alike, whatever the groups are called."""
    both = pl.DataFrame([a.alias("a"), b.alias("b")]).drop_nulls()
    return both.height > 0 and both.n_unique() == both["a"].n_unique() == both["b"].n_unique() > 1


def _agree(a: pl.Series, b: pl.Series) -> bool:
    """Whether they also call them so."""
    return bool((a == b).fill_null(True).all())


def _common(a: str, b: str) -> str:
    """The last word of both, where it is one: `batch` of `rna batch` and `mirna batch`."""
    last = a.rpartition(" ")[2]
    return last if last == b.rpartition(" ")[2] else a


def _of_patients(subjects: pl.Series, patients: pl.DataFrame) -> pl.DataFrame:
    """Properties of these patients that say where or with whom they were measured."""
    named = [name for name in patients.columns if name != "subject_id" and is_origin(name)]
    rows = subjects.alias("subject_id").to_frame()
    source = subjects.str.extract(_TCGA)
    barcode = [source.alias("TCGA source site")] if len(source) and source.null_count() < 0.1 * len(source) else []
    return (
        rows.join(patients.select("subject_id", *named), on="subject_id", how="left", maintain_order="left")
        .drop("subject_id")
        .with_columns(barcode)
    )


def of_samples(samples: pl.DataFrame, patients: pl.DataFrame) -> pl.DataFrame:
    """Batch and site of samples, and properties of their patients that are called so; the sample's own counts first."""
    found: list[pl.Series] = []
    own = [samples[name] for name in ("batch", "site") if samples[name].count()]
    for column in [*own, *_of_patients(samples["subject_id"], patients)]:
        if not any(column.name == other.name or _same(column, other) for other in found):
            found.append(column)
    return pl.DataFrame(found)


def is_origin(name: str) -> bool:
    """Whether a name says where or with what one was measured: `site`, `tissue_source_site`, `plate_id`."""
    return bool(WORDS & set(name.lower().replace("-", "_").replace(" ", "_").split("_")))


def against_outcome(columns: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    """Each batch or site against the outcome: name, measure (V, or O/E over time), value, low, high, p, patients, groups."""
    rows = []
    for column in columns:
        found = outcome.test_groups(column.gather(outcome.row))
        if found is not None:
            rows.append({"name": column.name, **found})
    schema = {"name": pl.String, "measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
              "p": pl.Float64, "patients": pl.Int64, "groups": pl.Int64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def confounded(tested: pl.DataFrame) -> Iterator[Finding]:
    """Findings of batches and sites with q below 0.05. tested: as `against_outcome`, with q."""
    for row in tested.filter(pl.col("q") < 0.05).iter_rows(named=True):
        over_time = row["measure"] == "O/E"
        strong = (
            max(row["high"], 1 / max(row["low"], 0.01)) >= STRONG_RATIO and row["q"] < _SURE
            if over_time
            else row["value"] >= STRONG_V
        )
        yield Finding("confounding", "outcome_by_group", SERIOUS if strong else CHECK, row["name"], row)


def corrected(snapshot: Snapshot, columns: pl.DataFrame, found: Sequence[Finding]) -> Iterator[Finding]:
    """Findings of layers whose batches are corrected though the outcome clearly goes by them: it is taken off with them.

    columns: as `origins`. found: as `confounded`.
    """
    known: pl.DataFrame = getattr(snapshot, "origin", pl.DataFrame())
    for layer in snapshot.layers.values():
        own = f"{layer.name} batch"
        if layer.correct == "none" or own not in known.columns:
            continue
        batch = known[own].cast(pl.String)
        for one in found:
            if one.severity == SERIOUS and one.where in columns.columns and _same(batch, columns[one.where]):
                facts = {**one.facts, "layer": layer.name, "correct": layer.correct}
                yield Finding("confounding", "corrected_outcome", one.severity, f"omics.{layer.name}", facts)


def batch_variance(data: StudyData, profiles: dict[str, Profiles]) -> Checked:
    """How much of each layer's main variance goes by batch, site, or a property that says where one was measured.

    Of the first components together the share that the groups explain, beyond chance; Kruskal–Wallis of each component.
    """
    rows = []
    for layer in data.layers:
        profile = profiles.get(layer.name)
        if profile is None:
            continue
        for column in of_samples(layer.samples[profile.rows], data.patients):
            group = column.cast(pl.String)
            share, p = explained(profile, group)
            if not np.isnan(p):
                rows.append(
                    {"layer": layer.name, "name": column.name, "groups": group.n_unique(), "share": share, "p": p}
                )
    schema = {"layer": pl.String, "name": pl.String, "groups": pl.Int64, "share": pl.Float64, "p": pl.Float64}
    table = pl.DataFrame(rows, schema=schema)
    table = table.with_columns(q=pl.Series(benjamini_hochberg(table["p"].to_numpy()), dtype=pl.Float64))
    found = [
        Finding("confounding", "variance_by_group", CHECK, f"omics.{row['layer']}", row)
        for row in table.filter((pl.col("q") < _SURE) & (pl.col("share") >= VARIANCE)).iter_rows(named=True)
    ]  # fmt: skip
    return Checked(tuple(found), {"batch_variance": table.sort("share", descending=True)})


def explained(profile: Profiles, group: pl.Series) -> tuple[float, float]:
    """Share of the first components' variance that groups explain, adjusted for their number; Bonferroni's p over components.

    Groups of fewer than FEWEST samples are left out. Returns: NaN, NaN where there are no two groups.
    Source: adjusted R² (epsilon squared), Kelley 1935.
    """
    counted = group.drop_nulls().value_counts().filter(pl.col("count") >= FEWEST)
    inside = group.is_in(counted[group.name].implode()).fill_null(False).to_numpy()
    if counted.height < 2 or not profile.scores.shape[1]:
        return float("nan"), float("nan")
    names, at = np.unique(group.filter(pl.Series(inside)).to_numpy(), return_inverse=True)
    scores = profile.scores[inside] - profile.scores[inside].mean(axis=0)
    size = np.bincount(at)
    means = np.stack([np.bincount(at, column) / size for column in scores.T], axis=1)
    within, total = ((scores - means[at]) ** 2).sum(), (scores**2).sum()
    n, k = len(scores), len(names)
    if n <= k or total <= 0:
        return float("nan"), float("nan")
    p = kruskal(scores, at)
    return float(max(0.0, 1 - within / total * (n - 1) / (n - k))), float(min(1.0, np.nanmin(p) * scores.shape[1]))


def scores_of(data: StudyData, profiles: dict[str, Profiles]) -> pl.DataFrame:
    """layer, first, second (components), batch (else site), far, shares: a row a sample, in no order that tells whose it is."""
    parts = [pl.DataFrame(schema=_SCORES)]
    for layer in data.layers:
        profile = profiles.get(layer.name)
        if profile is None or profile.scores.shape[1] < 2:
            continue
        origin = of_samples(layer.samples[profile.rows], data.patients)
        batch = (
            origin.to_series().cast(pl.String)
            if origin.width
            else pl.Series([None] * len(profile.rows), dtype=pl.String)
        )
        share = profile.shares
        part = pl.DataFrame({"layer": [layer.name] * len(profile.rows), "first": profile.scores[:, 0], "second": profile.scores[:, 1],
                             "batch": batch, "far": profile.far, "share_first": [share[0]] * len(profile.rows),
                             "share_second": [share[1]] * len(profile.rows)}, schema=_SCORES)  # fmt: skip
        parts.append(part.sort("layer", "first"))
    return pl.concat(parts)


_SCORES = {"layer": pl.String, "first": pl.Float64, "second": pl.Float64, "batch": pl.String, "far": pl.Boolean,
           "share_first": pl.Float64, "share_second": pl.Float64}  # fmt: skip
