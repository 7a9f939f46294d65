"""Omics layer: matrices of measurements -> one AnnData: samples with their subjects, features with their CURIEs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.removed_ids import EXPECTED, FIX
from ..identifiers.genes import GENE_NAMESPACES, with_entrez
from ..identifiers.name_column import strange_names
from ..specs import Omics
from ..subjects.barcodes import matched, taken_out
from ..tables import Known, Loaded
from .long_table import read_long
from .segments import read_segments
from .text_matrix import Matrix, read_matrix

if TYPE_CHECKING:
    from anndata import AnnData

GENE_KINDS = ("expression", "copy_number", "mutation")
"""Kinds of which every feature is a gene, whatever its name."""

HDF5 = ("h5ad", "h5mu")
NO_FEATURE = r"^(N_(unmapped|multimapping|noFeature|ambiguous)|__\w+|(?i:mean|median|std ?dev))$"
"""Names of no gene: STAR's and HTSeq's counters, CPTAC's summary rows."""


@dataclass(frozen=True)
class OmicsLayer:
    """A layer before it becomes an AnnData.

    obs: (n,) SAMPLES. var: (m,) feature, symbol, gene, name. values: (n, m) float32, NaN is not measured.
    numbers: (n,) the samples' rows in the ledger, 0 where a sample is a column.
    """

    obs: pl.DataFrame
    var: pl.DataFrame
    values: NDArray[np.float32]
    numbers: pl.Series


def read_omics(spec: Omics, known: Known) -> Loaded:
    """Read one `[omics.NAME]` matrix.

    Returns: Loaded with omics: X (samples, features) float32, NaN where not measured; obs indexed by sample id (by
        subject id in a study without samples) with subject_id, batch, site, time, known_time; var indexed by the
        feature's CURIE with feature, symbol, gene, name.
    Raises: InputError for a file that cannot be read, or holds none of the study's ids.
    """
    ledger = Ledger(spec.source)
    layer = read_layer(spec, known, ledger)
    omics = as_anndata(layer.obs, layer.var, layer.values, spec)
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), omics=omics, counts=ledger.counts, cells=ledger.cell_tally(),
        losses=ledger.losses,
    )  # fmt: skip


def read_layer(spec: Omics, known: Known, ledger: Ledger) -> OmicsLayer:
    """The layer of all its files: a feature that one of them lacks is not measured there."""
    layer = _union([_file(path, spec, known, ledger) for path in spec.path])
    if not layer.obs.height or not layer.var.height:
        raise InputError(
            "no value for any of the study's ids", spec.path[0].name, f"{layer.obs.height} samples, {layer.var.height} features",
            "both", "check `id`, `suffix` and `drop`",
        )  # fmt: skip
    layer = _once(layer, ledger)
    ledger.cells(0, _measured(layer.values))
    return layer


def as_anndata(obs: pl.DataFrame, var: pl.DataFrame, values: object, spec: Omics) -> AnnData:
    """The tables of a layer around its values."""
    from anndata import AnnData

    rows = obs.to_pandas().set_index("sample_id")
    columns = var.to_pandas().set_index(var["feature"].to_pandas().rename("id"))
    return AnnData(X=values, obs=rows, var=columns, uns={"source": spec.source, "layer": spec.layer or spec.name})


def _file(path: Path, spec: Omics, known: Known, ledger: Ledger) -> OmicsLayer:
    if spec.format in HDF5 or path.suffix.lower().lstrip(".") in HDF5:
        from .h5ad import read_h5ad

        matrix = read_h5ad(path, spec, known, ledger)
    elif spec.format == "seg" or path.name.lower().endswith(".seg"):
        matrix = read_segments(path, spec, ledger)
    elif spec.format == "long":
        matrix = read_long(path, spec, ledger)
    else:
        matrix = read_matrix(path, spec, known, ledger)
    ledger.cells(matrix.cells, 0)
    matrix, obs = _samples(matrix, known, ledger)
    matrix, var = _features(matrix, spec, known, ledger)
    numbers = matrix.numbers if matrix.samples_in_rows else pl.zeros(obs.height, pl.Int64, eager=True)
    return OmicsLayer(obs, var, matrix.values, numbers)


def _samples(matrix: Matrix, known: Known, ledger: Ledger) -> tuple[Matrix, pl.DataFrame]:
    """The samples that are a known subject's and of which something was measured."""
    matrix = _not_removed(matrix, known, ledger)
    who = matched(matrix.samples, known)
    stranger = who["sample_id"].is_null()
    empty = pl.Series(np.isnan(matrix.values).all(axis=1), dtype=pl.Boolean) & ~stranger
    for out, expected, fix, what in (
        (stranger, "a known subject's sample", "add it to [patients] or [samples]", "samples of nobody in the study"),
        (empty, "a measured feature", "nothing, if it was not measured", "samples without any value"),
    ):
        ids = matrix.samples.filter(out)
        if matrix.samples_in_rows:
            ledger.reject(matrix.numbers.filter(out), "sample", ids, expected, fix)
        else:
            ledger.outside("sample", ids, expected, fix, ids.len())
        ledger.count({what: ids.len()})
    kept = ~(stranger | empty)
    ledger.count({"TCGA barcodes cut to a known id": int((who["shortened"] & kept).sum())})
    return matrix.take(samples=kept.to_numpy()), who.filter(kept).drop("shortened")


def _not_removed(matrix: Matrix, known: Known, ledger: Ledger) -> Matrix:
    """The samples of those who were not removed; where samples are columns, nothing was noted under their names."""
    gone = taken_out(matrix.samples, known)
    if not gone.any():
        return matrix
    if matrix.samples_in_rows:
        ledger.removed(matrix.numbers.filter(gone), "sample")
    else:
        ledger.silence([], matrix.samples.filter(gone))
        ledger.outside("sample", "", EXPECTED, FIX, int(gone.sum()))
    return matrix.take(samples=~gone.to_numpy())


def _features(matrix: Matrix, spec: Omics, known: Known, ledger: Ledger) -> tuple[Matrix, pl.DataFrame]:
    """The features' CURIEs; of several names for one feature the approved symbol stays, and the X copy of a gene that
    chromosome Y has too (`_PAR_Y`), else the first."""
    matrix = _without_summaries(matrix, spec, ledger)
    var, said = known.genes.counted(matrix.names, spec.features)
    ledger.count(said)
    if matrix.entrez is not None and spec.features == "symbol":
        var = with_entrez(var, matrix.entrez, known.genes)
    if spec.kind in GENE_KINDS:
        var = var.with_columns(gene=pl.coalesce("gene", "feature"))
    elif spec.kind == "protein" and spec.features == "symbol":
        var = _antibodies(var, matrix.names, known)
    elif spec.features == "opaque":
        var = var.with_columns(gene=pl.lit(None, pl.String))
    var = var.with_columns(name=matrix.names)
    means = pl.coalesce(pl.when(pl.col("gene").str.starts_with("NCBIGene:")).then("gene"), "feature")
    if (odd := strange_names(matrix.names, var.select(means).to_series(), known.genes, spec.features)) is not None:
        lost = matrix.names.len()
        ledger.lose("names", "", lost, lost, odd, said="that mean no gene", ends=True)
    matrix, var = _without_nameless(matrix, var, ledger)
    first = _best_named(var, matrix.names)
    again = np.flatnonzero(~first.to_numpy())
    ledger.count({"features left out: another of the layer is the same": again.size})
    expected, fix = "one feature a CURIE", "drop one of the two"
    if matrix.samples_in_rows:
        ledger.outside("feature", matrix.names.gather(again), expected, fix, again.size)
    else:
        features = var["feature"].to_list()
        at = {features[i]: i for i in np.flatnonzero(first.to_numpy())}
        same = np.array([_equal(matrix.values[:, i], matrix.values[:, at[features[i]]]) for i in again], dtype=bool)
        ledger.merged(int(same.sum()))
        ledger.cells(0, 0, merged=_measured(matrix.values[:, again[same]]))
        different = again[~same]
        ledger.reject(matrix.numbers.gather(different), "feature", matrix.names.gather(different), expected, fix)
    return matrix.take(features=first.to_numpy()), var.filter(first)


def _antibodies(var: pl.DataFrame, names: pl.Series, known: Known) -> pl.DataFrame:
    """Of cBioPortal's protein arrays (`AKT1|AKT_pS473`) the antibody is the feature, of the gene before it: two sites of a
    gene stay apart. Of several genes (`AKT1 AKT2 AKT3|AKT`) it is the first one's."""
    parts = (
        names.cast(pl.String)
        .str.extract_groups(r"^([^|]+)\|([^|]*[A-Za-z][^|]*)$")
        .struct.rename_fields(["genes", "antibody"])
        .struct.unnest()
    )
    if not parts["antibody"].count():
        return var
    gene = known.genes.curies(parts["genes"].str.split(" ").list.first(), "symbol")["gene"]
    mine = parts["antibody"].is_not_null() & ~var["feature"].str.starts_with("NCBIGene:").fill_null(False)
    return var.with_columns(
        feature=pl.when(mine).then("opaque:" + parts["antibody"]).otherwise("feature"),
        symbol=pl.when(mine).then(parts["antibody"]).otherwise("symbol"),
        gene=pl.when(mine).then(gene).otherwise("gene"),
    )


def _without_nameless(matrix: Matrix, var: pl.DataFrame, ledger: Ledger) -> tuple[Matrix, pl.DataFrame]:
    """Without what names no feature (a spreadsheet's date, a decoy): it would be a node that means nothing."""
    out = var["feature"].is_null()
    expected, fix = "a feature's name", "correct the name, or nothing: it is no feature"
    if matrix.samples_in_rows:
        ledger.outside("feature", matrix.names.filter(out), expected, fix, int(out.sum()))
    else:
        ledger.reject(matrix.numbers.filter(out), "feature", matrix.names.filter(out), expected, fix)
    return matrix.take(features=~out.to_numpy()), var.filter(~out)


def _best_named(var: pl.DataFrame, names: pl.Series) -> pl.Series:
    """(m,) which of the names of each feature stays."""
    later = (names != var["symbol"]).fill_null(True).cast(pl.Int8) + 2 * names.str.ends_with("_PAR_Y").cast(pl.Int8)
    order = var.select("feature", later=later).with_row_index("i").drop_nulls("feature").sort("later", "i")
    return pl.int_range(var.height, eager=True).is_in(
        order.unique("feature", keep="first")["i"].cast(pl.Int64).implode()
    )


def _without_summaries(matrix: Matrix, spec: Omics, ledger: Ledger) -> Matrix:
    """Without what counters and reports write among genes: no node, and no input that tells the batch."""
    if spec.features not in GENE_NAMESPACES:
        return matrix
    out = matrix.names.str.contains(NO_FEATURE).fill_null(False)
    ledger.count({"rows of counters and summaries: no features": int(out.sum())})
    expected, fix = "a feature", "nothing: a counter or a summary is none"
    if matrix.samples_in_rows:
        ledger.outside("feature", matrix.names.filter(out), expected, fix, int(out.sum()))
    else:
        ledger.reject(matrix.numbers.filter(out), "feature", matrix.names.filter(out), expected, fix)
    return matrix.take(features=~out.to_numpy())


def _union(parts: list[OmicsLayer]) -> OmicsLayer:
    if len(parts) == 1:
        return parts[0]
    var = pl.concat([part.var for part in parts]).unique("feature", keep="first", maintain_order=True)
    at = {feature: j for j, feature in enumerate(var["feature"])}
    obs = pl.concat([part.obs for part in parts])
    values = np.full((obs.height, var.height), np.nan, np.float32)
    row = 0
    for part in parts:
        values[row : row + part.obs.height, [at[feature] for feature in part.var["feature"]]] = part.values
        row += part.obs.height
    return OmicsLayer(obs, var, values, pl.concat([part.numbers for part in parts]))


def _once(layer: OmicsLayer, ledger: Ledger) -> OmicsLayer:
    """One row of values an id, the first of the samples with the smallest precedence: its equal duplicates merge, others
    are rejected."""
    ids, places = layer.obs["sample_id"], layer.obs.select("sample_id", "precedence").with_row_index("i")
    stays = places.sort("precedence", "i").unique("sample_id", keep="first").select("sample_id", at="i")
    at = ids.to_frame().join(stays, on="sample_id", how="left", maintain_order="left")["at"].to_numpy()
    first = pl.Series(at == np.arange(ids.len()))
    layer = replace(layer, obs=layer.obs.drop("precedence"))
    if first.all():
        return layer
    completing = _completing(layer, places["precedence"].to_numpy(), at)
    other = int(np.sum(places["precedence"].to_numpy() != places["precedence"].gather(at).to_numpy()))
    ledger.count({"samples left out: a primary tumour of the patient is there": other})
    ledger.count(
        {"samples left out: another of the same id is there": int(np.sum(~first.to_numpy() & ~completing)) - other}
    )
    ledger.count({"samples completed: their features come in several parts": len({int(k) for k in at[completing]})})
    for i in np.flatnonzero(~first.to_numpy()):
        if completing[i]:
            ledger.merged(int(layer.numbers[int(i)] > 0))
            continue
        same, number = _equal(layer.values[i], layer.values[at[i]]), layer.numbers[int(i)]
        expected, fix = "one row of values an id", "name samples in [samples], or drop one"
        if not number:
            ledger.outside("sample", ids[int(i)], expected, fix)
        elif same:
            ledger.merged(1)
            ledger.cells(0, 0, merged=_measured(layer.values[i]))
        else:
            ledger.reject([number], "sample", ids[int(i)], expected, fix)
    kept = first.to_numpy()
    return OmicsLayer(layer.obs.filter(first), layer.var, layer.values[kept], layer.numbers.filter(first))


def _completing(layer: OmicsLayer, precedence: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) which samples bring features that the first of their id lacks, and none that it has: they are put into it."""
    done = np.zeros(len(at), bool)
    for i in np.flatnonzero(at != np.arange(len(at))):
        mine, theirs = ~np.isnan(layer.values[i]), ~np.isnan(layer.values[at[i]])
        if precedence[i] == precedence[at[i]] and not (mine & theirs).any():
            layer.values[at[i], mine] = layer.values[i, mine]
            done[i] = True
    return done


def _measured(values: NDArray[np.float32]) -> int:
    """How many cells hold a number."""
    return int(values.size - np.count_nonzero(np.isnan(values)))


def _equal(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))
