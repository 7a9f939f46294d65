"""Segments -> copy numbers of genes: the mean over the bases that they share, in one genome build."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics.layer import read_omics
from clinome.loaders.omics.segments import GenePositions, gene_means
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known, Loaded

GENES = "symbol\tchromosome\tstart\tend\nAAA\t1\t101\t200\nBBB\tchr1\t301\t400\nXXX\tX\t1\t100\nYYY\t5\t1\t9\n"
SEGMENTS = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\np1\t1\t1\t150\t9\t-1\np1\t1\t151\t350\t9\t1\np1\t23\t1\t100\t9\t0.5\np2\t1\t301\t400\t9\t2\n"


def load(folder: Path, segments: str = SEGMENTS, name: str = "genes_hg19.tsv", build: str = "hg19") -> Loaded:
    (folder / name).write_text(GENES)
    (folder / "x.seg").write_text(segments)
    spec = Omics(path=(folder / "x.seg",), name="cna", kind="copy_number", positions=folder / name, build=build)
    return read_omics(spec, Known(frozenset(("p1", "p2")), None, GeneTable.empty()))


def test_a_gene_has_the_mean_of_its_bases(tmp_path: Path) -> None:
    omics = load(tmp_path).omics
    assert omics is not None
    found = {(s, str(g)): float(omics[s, g].X.ravel()[0]) for s in omics.obs_names for g in omics.var_names}
    names = dict(zip(omics.var["symbol"], omics.var_names, strict=True))
    assert found["p1", names["AAA"]] == 0 and found["p1", names["BBB"]] == 1 and found["p1", names["XXX"]] == 0.5
    assert np.isnan(found["p2", names["AAA"]]) and found["p2", names["BBB"]] == 2
    assert "YYY" not in names  # no segment covers it


@pytest.mark.parametrize(("name", "build"), [("genes_hg38.tsv", "hg19"), ("genes.tsv", "hg19"), ("genes_hg19.tsv", "")])
def test_builds_that_differ_or_are_not_said_are_an_error(tmp_path: Path, name: str, build: str) -> None:
    with pytest.raises(InputError, match=r"build.*Fix"):
        load(tmp_path, name=name, build=build)


def test_odd_segments_are_counted(tmp_path: Path) -> None:
    more = "p1\t1\t140\t160\t1\t9\np1\t1\t\t5\t1\t1\np2\t1\t900\t800\t1\t1\n"
    loaded = load(tmp_path, SEGMENTS + more)
    assert loaded.counts["segments over another of the same sample, left out"] == 1
    assert loaded.counts["segments without a place or a value, left out"] == 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5), st.integers(-3, 3)), min_size=1, max_size=6),
    st.integers(1, 30),
    st.integers(0, 20),
)
def test_the_mean_is_that_of_every_base(segments: list[tuple[int, int, int]], start: int, more: int) -> None:
    place, rows = 1, []
    bases: dict[int, int] = {}
    for length, gap, value in segments:
        first, place = place + gap, place + gap + length
        rows.append(("s", "1", first, place - 1, float(value)))
        bases |= dict.fromkeys(range(first, place), value)
    frame = pl.DataFrame(rows, schema=["id", "chromosome", "start", "end", "value"], orient="row")
    genes = GenePositions(
        pl.DataFrame({"name": ["G"], "chromosome": ["1"], "start": [start], "end": [start + more]}), "GRCh37"
    )
    found = gene_means(frame, pl.Series(["s"]), genes)[0, 0]
    over = [bases[b] for b in range(start, start + more + 1) if b in bases]
    assert np.isnan(found) if not over else np.isclose(found, np.mean(over), atol=1e-5)
