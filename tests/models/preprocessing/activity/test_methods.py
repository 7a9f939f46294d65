"""Activity methods: as decoupler and gseapy, as a naive reference, and for any sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clinome
from clinome.errors import InputError
from clinome.models.preprocessing.activity.gene_sets import GeneSets
from clinome.models.preprocessing.activity.registry import METHODS, activity

GENES = [f"G{i:02d}" for i in range(24)]


def test_they_are_those_of_decoupler_and_gseapy_to_six_digits() -> None:
    """Golden values of decoupler 2.2.0 (ulm; waggr, fun = "wmean"; ora, n_bg = None, the two highest genes of 24) and of
    gseapy 1.3.1 (ssgsea, weight 0.25, by rank; its ES)."""
    x = pd.DataFrame(X, columns=GENES)
    members = {name: [*held] for name, held in SETS.items()}
    for method, sets, expected in (
        ("ulm", SETS, ULM), ("ulm", members, ULM_UNSIGNED), ("wmean", SETS, WMEAN), ("ora", members, ORA),
        ("ssgsea", members, SSGSEA),
    ):  # fmt: skip
        found = clinome.activity(x, sets, method, least_genes=5)
        np.testing.assert_allclose(found[[*SETS]].to_numpy(), expected, atol=1e-6, err_msg=method)


def naive(x: np.ndarray, held: dict[int, float], method: str) -> float:
    """One row, one set, by hand."""
    p, inside = len(x), sorted(held)
    weight = np.array([held.get(i, 0.0) for i in range(p)])
    if method == "ulm":
        slope = stats.linregress(weight, x)
        return float(slope.slope / slope.stderr)
    if method == "wmean":
        return float(sum(w * x[i] for i, w in held.items()) / sum(abs(w) for w in held.values()))
    if method == "ora":
        top = {*np.argsort(-x)[: max(2, int(np.ceil(0.05 * p)))]}
        a, b = len(top & {*inside}), len({*inside} - top)
        c = len(top) - a
        return float(np.log((a + 0.5) * (p - a - b - c + 0.5) / (b + 0.5) / (c + 0.5)))
    order, rank = np.argsort(-x), stats.rankdata(x)
    total, met, missed, found = sum(rank[i] ** 0.25 for i in inside), 0.0, 0.0, 0.0
    for gene in order:  # the running sum of Barbie 2009
        if gene in held:
            met += rank[gene] ** 0.25 / total
        else:
            missed += 1 / (p - len(held))
        found += met - missed
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 60), st.sampled_from([*METHODS]))
def test_each_is_what_its_formula_says(seed: int, genes: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.permuted(np.linspace(-2, 3, genes) ** 3 * np.ones((3, 1)), axis=1)
    names, sizes = [f"g{i}" for i in range(genes)], rng.integers(2, genes - 2, 4)
    held = [{int(i): float(rng.choice([-1, 1]) * rng.uniform(0.1, 2)) for i in rng.choice(genes, size, replace=False)}
            for size in sizes]  # fmt: skip
    sets = GeneSets.of({f"s{k}": {f"g{i}": w for i, w in one.items()} for k, one in enumerate(held)}, names, 2)
    expected = [[naive(row, one, method) for one in held] for row in x]
    np.testing.assert_allclose(activity(x, sets, method), expected, rtol=1e-6, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12), st.sampled_from([*METHODS]))
def test_any_matrix_and_sets_give_finite_scores(seed: int, rows: int, method: str) -> None:
    """No row, equal genes, sets of all genes, no set at all."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (rows, 6)).astype(np.float32)
    sets = {"all": {f"g{i}": 1.0 for i in range(6)}, "some": {"g0": 1.0, "g1": -2.0, "absent": 1.0}}
    for known in (GeneSets.of(sets, [f"g{i}" for i in range(6)], 2), GeneSets.of({}, ["g0"], 1)):
        found = activity(x[:, : known.weights.shape[0]], known, method)
        assert found.shape == (rows, len(known.names)) and np.isfinite(found).all()


def test_sets_of_a_file_and_those_too_small(tmp_path: Path) -> None:
    rows = [["Cycle", "R-HSA-1", *GENES[:6]], ["Cycle", "R-HSA-2", *GENES[3:9]], ["Small", "R-HSA-3", "G00", "TTN"]]
    (tmp_path / "sets.gmt").write_text("\n".join("\t".join(row) for row in rows), encoding="utf-8")
    x = pd.DataFrame(X, columns=GENES, index=["a", "b", "c"])
    found = clinome.activity(x, tmp_path / "sets.gmt", "wmean")
    assert [*found.columns] == ["Cycle", "REACT:R-HSA-2"] and [*found.index] == ["a", "b", "c"]
    np.testing.assert_allclose(found["Cycle"], x[GENES[:6]].mean(axis=1))


def test_what_cannot_be_scored_is_said(tmp_path: Path) -> None:
    x = pd.DataFrame(X, columns=GENES)
    signed, plain = {"a": dict.fromkeys(GENES[:5], -1.0)}, {"a": GENES[:5]}
    for matrix, sets, method, said in (
        (x, plain, "gsva", "unknown method"), (x, signed, "ora", "no signs"), (x, signed, "ssgsea", "no signs"),
        (x.where(x > 0), plain, "ulm", "missing values"), (x, {"a": GENES[:4]}, "ulm", "no gene set has enough"),
        (x.rename(columns={"G01": "G00"}), plain, "ulm", "one name"), (x, tmp_path / "no.gmt", "ulm", "no such file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said) as found:
            clinome.activity(matrix, sets, method)
        assert found.value.fix


# fmt: off
X = [[-0.4, -0.43, -1.27, 1.52, -1.68, -0.76, 1.17, -2.23, -0.53, 1.14, -1.56, -1.6, 0.48, -1.29, 1.69, -0.08, 0.22, -0.41, 0.88, 2.11, -1.06, -2.07, -1.1, -1.57],
    [-1.63, -2.2, 1.3, 1.83, 0.3, 1.59, -1.44, 1.12, -2.28, 0.5, 1.77, -0.72, 2.37, -1.95, -0.58, -1.78, 2.18, -0.54, -0.35, -0.55, 0.02, -0.83, -1.77, -1.08],
    [-0.82, -0.39, -0.71, -1.35, -0.28, 1.26, 1.72, 0.55, 0.46, 2.24, 1.87, -0.67, -1.72, 0.27, -2.04, 1.24, 1.67, -1.36, -0.59, 1.71, -0.65, -2.33, -2.27, -1.94]]
SETS = {"T0": {"G11": 0.3, "G14": -0.6, "G21": 0.8, "G13": 0.4, "G05": 0.8},
    "T1": {"G17": 0.9, "G05": -0.4, "G20": -0.7, "G13": -1.0, "G14": 0.6, "G04": 0.7},
    "T2": {"G17": -0.6, "G05": 1.0, "G08": 0.7, "G19": -0.6, "G03": -0.5, "G06": 0.9, "G02": -0.8},}
ULM = [[-2.384937, 0.795935, -0.316365], [0.146788, 0.253936, -0.881508], [0.289533, -1.128072, 1.5038]]
ULM_UNSIGNED = [[-0.867839, -0.478385, 1.622654], [-0.505054, 0.006252, 0.384438], [-0.919212, -0.5685, 0.909286]]
WMEAN = [[-1.473793, 0.419767, -0.165098], [-0.013793, 0.157209, -0.510392], [0.094828, -0.68907, 0.816275]]
ORA = [[1.413693, 1.157453, 0.931558], [-0.451985, -0.67788, -0.883501], [-0.451985, -0.67788, -0.883501]]
SSGSEA = [[-2.416432, -0.644876, 5.48619], [-1.627757, 1.380424, 2.701337], [-1.984946, -0.764419, 3.300232]]
