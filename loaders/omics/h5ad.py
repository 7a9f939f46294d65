"""AnnData and MuData files -> one matrix."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ..errors import InputError
from ..files.cells.number_words import Reason
from ..files.ledger import Ledger
from ..identifiers.name_column import name_column
from ..specs import Omics
from ..tables import Known
from .text_matrix import Matrix

_BROKEN = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, NotImplementedError)

if TYPE_CHECKING:
    from anndata import AnnData


def read_h5ad(path: Path, spec: Omics, known: Known, ledger: Ledger) -> Matrix:
    """X of an .h5ad file, or of the layer's modality in an .h5mu file; its zeros are measured zeros.

    Sample ids are the obs names, or the obs column that the study names.
    Raises: InputError where the file is none, or has no such modality or column.
    """
    from scipy import sparse

    data = _open(path, spec)
    if not all(data.shape):
        raise InputError("holds no row", path, data.shape, "samples and features", "check the file")
    ids = data.obs_names if spec.id is None else data.obs.get(str(spec.id))
    if ids is None:
        raise InputError("no such column in obs", path, spec.id, "a column of obs", "correct the name")
    _check(data, ids, path, spec)
    x = data.X.toarray() if sparse.issparse(data.X) else data.X
    try:
        values = np.asarray(x, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError("X holds no numbers", path, expected="a numeric X", fix="write it again") from None
    offset = ledger.begin(path.name)
    samples = pl.Series([str(i) for i in ids], dtype=pl.String)
    in_rows = spec.orientation != "samples_in_columns"
    names = (
        _names(data, spec, known, ledger) if in_rows else pl.Series([str(i) for i in data.var_names], dtype=pl.String)
    )
    if not in_rows:
        samples, names, values = names, samples, values.T
    rows = samples.len() if in_rows else names.len()
    ledger.read(rows)
    numbers = pl.int_range(offset + 1, offset + rows + 1, eager=True)
    values = np.require(values, np.float32, ["C", "W"])  # as it was read, without a copy, where it is so already
    infinite = np.argwhere(np.isinf(values))
    for i, j in infinite:
        row, column = (i, names[int(j)]) if in_rows else (j, samples[int(i)])
        ledger.cell([int(numbers[int(row)])], column, "infinite", "a finite number")
    cells = int(values.size - np.count_nonzero(np.isnan(values)))
    ledger.lose("cells", "X", len(infinite), cells, Reason("no finite number", "", "correct the cells"))
    values[np.isinf(values)] = np.nan
    return _chosen(Matrix(path.name, samples, names, values, numbers, in_rows, cells=cells), spec, ledger)


def _names(data: AnnData, spec: Omics, known: Known, ledger: Ledger) -> pl.Series:
    """The var names, or the var column that holds those of genes where var names are numbers or others' ids."""
    candidates = {"": pl.Series([str(i) for i in data.var_names], dtype=pl.String)}
    for column in data.var.columns:
        cells = [
            None if missing else str(cell)
            for cell, missing in zip(data.var[column], data.var[column].isna(), strict=True)
        ]
        if any(cell and cell[0].isalpha() for cell in cells[:50] if cell):
            candidates[str(column)] = pl.Series(cells, dtype=pl.String)
    found = name_column(candidates, known.genes, spec.features)
    ledger.count({f"feature names taken from var[{found!r}]": int(found != "") * data.n_vars})
    return candidates[found]


def _check(data: AnnData, ids: Collection[object], path: Path, spec: Omics) -> None:
    """Raises: InputError where there is no X, and where rows are cells: of several of them none is the sample's."""
    if data.X is None:
        got = f"layers: {', '.join(data.layers)}" if data.layers else "no layer either"
        fix = "put the layer you mean into X and write it again"
        raise InputError("has no X", path, got, "the measurements in X", fix)
    distinct = len(set(ids))
    if spec.id is not None and 2 * distinct <= len(ids):
        got, fix = f"{len(ids)} rows of {distinct} ids", "aggregate the cells of each sample first (pseudobulk)"
        raise InputError("several rows a sample, as of single cells", path, got, "one row a sample", fix)


def _chosen(matrix: Matrix, spec: Omics, ledger: Ledger) -> Matrix:
    """The features that `drop` and `suffix` leave, their suffix taken off."""
    suffix = spec.suffix or ""
    kept = matrix.names.str.ends_with(suffix) & ~matrix.names.is_in(list(spec.drop))
    if not matrix.samples_in_rows:
        ledger.reject(
            matrix.numbers.filter(~kept), "feature", matrix.names.filter(~kept), "a feature of this layer", ""
        )
    part = matrix.take(features=kept.to_numpy())
    return replace(part, names=part.names.str.strip_suffix(suffix))


def _open(path: Path, spec: Omics) -> AnnData:
    import anndata

    if not path.is_file():
        raise InputError("no such file", path, fix="correct the path; it is relative to the study file")
    try:
        if spec.format != "h5mu" and not path.name.endswith(".h5mu"):
            return anndata.read_h5ad(path)
        import mudata

        modalities = mudata.read_h5mu(path).mod
    except _BROKEN as error:
        if missing := _missing_filter(path):
            fix = "where hdf5plugin is installed, read it and write it again with compression='gzip'"
            raise InputError("is compressed by a filter that is not here", path, missing, "gzip or lzf", fix) from None
        # a broken HDF5 file fails in a dozen ways, none of them ours to tell apart
        raise InputError(
            "cannot be read as AnnData", path, type(error).__name__, "a whole file", "write it again"
        ) from None
    for name in (spec.layer, spec.name):
        if name in modalities:
            return modalities[name]
    if len(modalities) == 1:
        return next(iter(modalities.values()))
    raise InputError("no such modality", path, spec.layer or spec.name, ", ".join(modalities), "set `layer`")


def _missing_filter(path: Path) -> str | None:
    """The HDF5 filter of a whole file that this machine cannot undo, e.g. zstd (32015); None where that is not it."""
    import h5py  # type: ignore[import-untyped]

    found: list[str] = []

    def see(name: str, what: object) -> None:
        if isinstance(what, h5py.Dataset):
            chain = what.id.get_create_plist()
            for code, _, _, label in map(chain.get_filter, range(chain.get_nfilters())):
                if not h5py.h5z.filter_avail(code):
                    found.append(f"{label.decode(errors='replace').partition(' ')[0] or 'filter'} ({code})")

    try:
        with h5py.File(path) as file:
            file.visititems(see)
    except (OSError, RuntimeError, ValueError, KeyError):  # no whole file: that is told otherwise
        return None
    return found[0] if found else None
