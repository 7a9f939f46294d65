"""Activity of gene sets in a matrix, for exploration: nothing of a study is needed, and nothing is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Sets = Mapping[str, Iterable[str] | Mapping[str, float]]


def activity(
    matrix: pd.DataFrame, sets: Sets | str | Path, method: str = "ulm", *, least_genes: int = 5
) -> pd.DataFrame:
    """Pathway and transcription factor activity: a score of each gene set in each sample.

    Genes are taken as they are: centre and scale them before, if samples are to be compared with each other. Inside a fold
    `[omics.NAME] activity` does so on the training rows (docs/methods/activity.md).
    Args:
        matrix: samples in rows, genes in columns, called as in the sets; no missing values.
        sets: name -> genes, or name -> {gene: weight} (below 0: repressed), or a GMT file.
        method: ulm, wmean, ora or ssgsea; the last two know no weights.
        least_genes: sets of which fewer genes are columns are left out.
    Returns: samples in rows, sets in columns.
    Raises: InputError for a method that there is not, missing values, columns of one name, weights that the method would
        not see, or sets of which none has enough genes.
    Example:
        >>> import clinome, pandas as pd
        >>> genes = pd.DataFrame({"A": [1.0, 0.0], "B": [1.0, 0.0], "C": [0.0, 1.0], "D": [0.0, 2.0]}, index=["s1", "s2"])
        >>> clinome.activity(genes, {"ab": ["A", "B"]}, "wmean", least_genes=2).loc["s1", "ab"]
        np.float64(1.0)
    """
    import numpy as np
    import pandas as pd

    from clinome.loaders.specs import UNSIGNED
    from clinome.models.preprocessing.activity.gene_sets import GeneSets
    from clinome.models.preprocessing.activity.registry import activity as scores

    values = matrix.to_numpy(dtype=np.float64)
    if missing := int((~np.isfinite(values)).sum()):
        raise InputError(
            "missing values have no order", "matrix", f"{missing:,} cells", "numbers", "impute them before"
        )
    if not matrix.columns.is_unique:
        got = f"{int(matrix.columns.duplicated().sum()):,} names twice"
        raise InputError("genes of one name", "matrix", got, "each once", "take the mean of those of one name")
    weights = _weights(_read(sets) if isinstance(sets, str | Path) else sets)
    if method in UNSIGNED and any(weight < 0 for held in weights.values() for weight in held.values()):
        raise InputError("this method knows no signs, and these sets have some", "method", method, "ulm or wmean",
                         'method = "ulm"')  # fmt: skip
    known = GeneSets.of(weights, [str(name) for name in matrix.columns], least_genes)
    if not known.names:
        raise InputError("no gene set has enough of these genes", "sets", f"{len(weights):,} sets",
                         f"{least_genes} genes or more", "look at what the genes are called, or lower least_genes")  # fmt: skip
    return pd.DataFrame(scores(values, known, method), index=matrix.index, columns=pd.Index(known.names))


def _weights(sets: Sets) -> dict[str, dict[str, float]]:
    """A set without weights has 1 for each gene."""
    return {
        name: {gene: float(w) for gene, w in held.items()} if isinstance(held, Mapping) else dict.fromkeys(held, 1.0)
        for name, held in sets.items()
    }


def _read(path: str | Path) -> dict[str, list[str]]:
    """The sets of a GMT file, by their names; of several of one name the others by their ids."""
    from clinome.loaders.knowledge.gmt import GeneSet, parse

    file = Path(path)
    if not file.is_file():
        raise InputError("there is no such file of gene sets", file, expected="a GMT file", fix="look at the path")
    out: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        found = parse(line) if line.strip() else ""
        if isinstance(found, GeneSet):
            out[found.name if found.name not in out else str(found.id)] = [*found.genes]
    return out
