"""Omics matrices as Parquet: obs, var, and the matrix; dense as one vector a sample, sparse as its entries."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import sparse

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

FILES = ("obs", "var", "dense", "entries", "variants")
_CELLS = 4_000_000
"""Of a dense matrix so many lie in one row group: a file is written and read a group at a time."""


def write_matrix(folder: Path, omics: AnnData) -> None:
    """obs.parquet (sample_id, …), var.parquet (id, …), and either of two.

    dense.parquet: sample_id, values: Array(Float32, n_var) in var's order. One column a feature was slower by far:
    20,000 columns cost seconds of metadata.
    entries.parquet: row, column, value of a sparse matrix, sorted.
    variants.parquet: `uns["variants"]`, where a mutation source has them.
    """
    write(folder / "obs.parquet", frame(omics.obs, "sample_id"))
    write(folder / "var.parquet", frame(omics.var, "id"))
    if sparse.issparse(omics.X):
        write(folder / "entries.parquet", entries(omics.X))
    else:
        values = np.ascontiguousarray(np.asarray(omics.X), dtype=np.float32)
        column = pl.Series("values", values, dtype=pl.Array(pl.Float32, values.shape[1]))
        write(folder / "dense.parquet", pl.DataFrame([pl.Series("sample_id", omics.obs_names.to_list()), column]))
    carried = variants(omics)
    if carried is not None:
        write(folder / "variants.parquet", carried)


def read_matrix(folder: Path, uns: dict[str, Any]) -> AnnData:
    """What `write_matrix` wrote; X is float32, a NaN was not measured."""
    from anndata import AnnData

    obs, var = pl.read_parquet(folder / "obs.parquet"), pl.read_parquet(folder / "var.parquet")
    shape = (obs.height, var.height)
    x: np.ndarray | sparse.csr_matrix
    if (folder / "entries.parquet").exists():
        found = pl.read_parquet(folder / "entries.parquet")
        place = (found["row"].to_numpy(), found["column"].to_numpy())
        x = sparse.csr_matrix((found["value"].to_numpy(), place), shape=shape)
    else:
        x = read_vectors(folder / "dense.parquet", obs.height, var.height)
    if (folder / "variants.parquet").exists():
        uns = {**uns, "variants": pl.read_parquet(folder / "variants.parquet")}
    obs_frame, var_frame = obs.to_pandas().set_index("sample_id"), var.to_pandas().set_index("id")
    return AnnData(X=x, obs=obs_frame, var=var_frame, uns=uns)


def variants(omics: AnnData) -> pl.DataFrame | None:
    """subject_id, variant, gene, consequence, where a mutation source has them."""
    found = omics.uns.get("variants")
    return found if found is None or isinstance(found, pl.DataFrame) else pl.from_pandas(found)


def entries(matrix: Any) -> pl.DataFrame:
    """row, column, value of a sparse matrix, row by row; stored zeros are values too."""
    found = sparse.csr_matrix(matrix).tocoo()
    columns = {"row": found.row.astype(np.int32), "column": found.col.astype(np.int32)}
    return pl.DataFrame({**columns, "value": found.data.astype(np.float32)}).sort("row", "column")


def frame(table: pd.DataFrame, index: str) -> pl.DataFrame:
    """A pandas frame of an AnnData, its index as the first column; categories as text, times in microseconds."""
    if index in table.columns:
        table = table.drop(columns=index)
    found = pl.from_pandas(table.reset_index(names=index))
    times = [pl.col(name).cast(pl.Datetime("us")) for name, kind in found.schema.items() if kind == pl.Datetime]
    texts = [
        pl.col(name).cast(pl.String)
        for name, kind in found.schema.items()
        if name == index or kind in (pl.Categorical, pl.Enum, pl.Null)
    ]
    return found.with_columns(*times, *texts)


def write(path: Path | IO[bytes], table: pl.DataFrame) -> None:
    """Parquet whose bytes depend on the table only; of vectors in row groups of some million numbers."""
    width = max([1, *(dtype.size for dtype in table.dtypes if isinstance(dtype, pl.Array))])
    rows = max(1, min(1 << 20, _CELLS // width))
    table.write_parquet(path, compression="zstd", compression_level=3, statistics=False, row_group_size=rows)


def read_vectors(path: Path, rows: int, width: int) -> np.ndarray:
    """(rows, width) float32 of the column `values`, a row group at a time: read at once it takes twice its memory.

    Raises: OSError, PolarsError, for a file that is broken, or is not of this shape.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
    except pa.ArrowInvalid as error:
        raise OSError(f"{path}: no Parquet file") from error
    if about.num_rows != rows:
        raise OSError(f"{path}: {about.num_rows} rows; expected {rows}")
    values, first = np.empty((rows, width), dtype=np.float32), 0
    for group in range(about.num_row_groups):
        count = about.row_group(group).num_rows
        part = pl.scan_parquet(path).select("values").slice(first, count).collect()
        values[first : first + count] = part["values"].to_numpy().reshape(count, width)
        first += count
    return values
