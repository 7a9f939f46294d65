"""Matrices become AnnData whichever way round the file has them; what was not measured is NaN, never 0."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable, read_genes
from clinome.loaders.omics.layer import read_omics
from clinome.loaders.specs import Omics
from clinome.loaders.tables import SAMPLES, Known, Loaded

ABC = Known(frozenset("ABC"), None, GeneTable.empty())
NOBODY = Known(None, None, GeneTable.empty())
ROWS = "id,TP53,KRAS\nA,1.5,\nB,0,2\nC,NA,-3\n"
COLUMNS = "gene\tA\tB\tC\nTP53\t1.5\t0\tNA\nKRAS\t\t2\t-3\n"


def load(folder: Path, text: str, name: str = "x.csv", known: Known = ABC, **spec: object) -> Loaded:
    (folder / name).write_text(text)
    return read_omics(Omics(path=(folder / name,), name="rna", **spec), known)  # type: ignore[arg-type]


def load_file(folder: Path, name: str, subjects: str, **spec: object) -> Loaded:
    known = Known(frozenset(subjects), None, GeneTable.empty())
    return read_omics(Omics(path=(folder / name,), name="rna", **spec), known)  # type: ignore[arg-type]


def table(loaded: Loaded) -> dict[str, dict[str, float]]:
    """Sample -> name of the feature in the file -> value; what was not measured is not there."""
    assert loaded.omics is not None
    x = np.asarray(loaded.omics.X)
    names = loaded.omics.var["name"]
    return {
        sample: {name: float(v) for name, v in zip(names, x[i], strict=True) if not np.isnan(v)}
        for i, sample in enumerate(loaded.omics.obs_names)
    }


def tally(loaded: Loaded) -> tuple[int, int, int, int]:
    t = loaded.tally
    return t.read, t.written, t.merged, t.rejected


def test_both_orientations_give_the_same_matrix(tmp_path: Path) -> None:
    rows, columns = load(tmp_path, ROWS), load(tmp_path, COLUMNS, "y.tsv")
    assert table(rows) == {"A": {"TP53": 1.5}, "B": {"TP53": 0.0, "KRAS": 2.0}, "C": {"KRAS": -3.0}}
    assert table(columns) == table(rows)
    assert (tally(rows), tally(columns)) == ((3, 3, 0, 0), (2, 2, 0, 0))
    assert rows.omics is not None
    assert rows.omics.X.dtype == np.float32
    assert list(rows.omics.obs.columns) == ["subject_id", "batch", "site", "time", "known_time"]
    assert list(rows.omics.var.columns) == ["feature", "symbol", "gene", "name"]
    assert list(rows.omics.var_names) == ["hgnc.symbol:TP53", "hgnc.symbol:KRAS"]
    assert rows.omics.uns["source"] == "omics.rna"


def test_without_patients_the_first_column_holds_the_ids(tmp_path: Path) -> None:
    assert table(load(tmp_path, ROWS, known=NOBODY)) == table(load(tmp_path, ROWS))
    turned = load(tmp_path, COLUMNS, "y.tsv", known=NOBODY, orientation="samples_in_columns")
    assert table(turned) == table(load(tmp_path, ROWS))


def test_parquet_gzip_and_h5ad_give_the_same_matrix(tmp_path: Path) -> None:
    want = load(tmp_path, ROWS)
    pl.read_csv(tmp_path / "x.csv", null_values="NA").write_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    assert want.omics is not None
    plain = want.omics.copy()
    plain.var_names = list(plain.var["name"])
    plain.var, plain.obs = plain.var[[]], plain.obs[[]]
    plain.write_h5ad(tmp_path / "x.h5ad")
    for name in ("x.parquet", "x.csv.gz", "x.h5ad"):
        got = read_omics(Omics(path=(tmp_path / name,), name="rna"), ABC)
        assert table(got) == table(want)
        assert tally(got) == tally(want)


def test_the_modality_of_a_mudata_file(tmp_path: Path) -> None:
    from anndata import AnnData
    from mudata import MuData

    parts = {n: AnnData(np.full((3, 1), v, np.float32)) for n, v in (("rna", 1), ("atac", 2))}
    for part in parts.values():
        part.obs_names, part.var_names = list("ABC"), ["TP53"]
    MuData(parts).write(tmp_path / "x.h5mu")
    got = read_omics(Omics(path=(tmp_path / "x.h5mu",), name="two", layer="atac"), ABC)
    assert table(got) == {key: {"TP53": 2.0} for key in "ABC"}
    with pytest.raises(InputError, match="rna, atac"):
        read_omics(Omics(path=(tmp_path / "x.h5mu",), name="three"), ABC)


@pytest.mark.parametrize("ending", ["parquet", "h5ad", "h5mu"])
def test_binary_files_cut_short_are_input_errors(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"x.{ending}"
    for data in (b"", b"PAR1", b"\x89HDF\r\n\x1a\n" + bytes(40), b"id,TP53\nA,1\n"):
        file.write_bytes(data)
        with pytest.raises(InputError):
            read_omics(Omics(path=(file,), name="rna"), ABC)


def test_suffix_tables_give_their_layer_alone(tmp_path: Path) -> None:
    text = ",case,age,TP53_rnaseq,TP53_cnv,KRAS_rnaseq\n0,A,61,1,2,3\n1,B,62,4,5,6\n"
    loaded = load(tmp_path, text, suffix="_rnaseq")
    assert table(loaded) == {"A": {"TP53": 1.0, "KRAS": 3.0}, "B": {"TP53": 4.0, "KRAS": 6.0}}
    assert loaded.counts["columns without a name"] == 1


def test_drop_and_columns_of_text_are_no_features(tmp_path: Path) -> None:
    loaded = load(tmp_path, "id,site,age,TP53\nA,north,61,1\nB,south,62,2\n", drop=("age",))
    assert table(loaded) == {"A": {"TP53": 1.0}, "B": {"TP53": 2.0}}
    text = [loss for loss in loaded.losses if loss.kind == "columns"]
    assert [(loss.where, loss.lost, loss.of, loss.ends) for loss in text] == [("site", 1, 2, False)]


def test_cells_that_are_no_finite_number_are_missing_and_noted(tmp_path: Path) -> None:
    loaded = load(tmp_path, "id,TP53,KRAS\nA,high,1\nB,inf,1e300\nC, 2 ,3\n")
    assert table(loaded) == {"A": {"KRAS": 1.0}, "C": {"TP53": 2.0, "KRAS": 3.0}}
    assert tally(loaded) == (3, 2, 0, 1)  # nothing of B was measured
    noted = loaded.rejects.select("row", "column", "got").rows()
    assert noted[:3] == [(1, "TP53", "high"), (2, "TP53", "inf"), (2, "KRAS", "1e300")]


def test_strangers_are_left_out_and_noted(tmp_path: Path) -> None:
    rows = load(tmp_path, ROWS + "Z,1,1\n,2,2\n")
    columns = load(tmp_path, "gene\tA\tZ\nTP53\t1\t2\n", "y.tsv")
    assert tally(rows) == (5, 3, 0, 2)
    assert rows.rejects["row"].to_list() == [5, 4]
    assert list(table(columns)) == ["A"]
    assert tally(columns) == (1, 1, 0, 0)
    assert columns.rejects.select("row", "got").rows() == [(0, "Z")]
    with pytest.raises(InputError, match="none of the study's ids"):
        load(tmp_path, "id,TP53\nY,1\nZ,2\n")


def test_duplicate_samples_merge_where_equal(tmp_path: Path) -> None:
    loaded = load(tmp_path, "id,TP53\nA,1\nA,1.0\nB,2\nB,3\n")
    assert table(loaded) == {"A": {"TP53": 1.0}, "B": {"TP53": 2.0}}
    assert tally(loaded) == (4, 2, 1, 1)


def test_of_two_names_for_one_gene_the_approved_symbol_stays(tmp_path: Path) -> None:
    (tmp_path / "genes.tsv").write_text("symbol\tentrez\tprev_symbol\nSEPTIN1\t1731\tSEPT1\n")
    known = Known(frozenset("AB"), None, read_genes(tmp_path / "genes.tsv"))
    rows = load(tmp_path, "id,SEPT1,SEPTIN1\nA,1,9\nB,2,9\n", known=known)
    equal = load(tmp_path, "gene\tA\tB\nSEPT1\t1\t2\nSEPTIN1\t1\t2\n", "e.tsv", known)
    other = load(tmp_path, "gene\tA\tB\nSEPT1\t1\t2\nSEPTIN1\t9\t9\n", "o.tsv", known)
    for loaded in (rows, equal, other):
        value = {id(equal): (1.0, 2.0)}.get(id(loaded), (9.0, 9.0))
        assert table(loaded) == {"A": {"SEPTIN1": value[0]}, "B": {"SEPTIN1": value[1]}}
        assert loaded.counts["features left out: another of the layer is the same"] == 1
        assert loaded.omics is not None
        assert list(loaded.omics.var_names) == ["NCBIGene:1731"]
    assert (tally(equal), tally(other)) == ((2, 1, 1, 0), (2, 1, 0, 1))


def test_samples_know_their_subjects_batches_and_times(tmp_path: Path) -> None:
    day = datetime(2020, 1, 5)
    rows = [("s1", "A", "P1", "north", day, day), ("s2", "A", "P2", None, None, None)]
    samples = pl.DataFrame(rows, schema=SAMPLES, orient="row")  # type: ignore[arg-type]
    known = Known(frozenset("AB"), samples, GeneTable.empty())
    loaded = load(tmp_path, "sample,TP53\ns1,1\ns2,2\nB,3\ns9,4\n", known=known)
    assert loaded.omics is not None
    obs = loaded.omics.obs
    assert obs["subject_id"].to_dict() == {"s1": "A", "s2": "A", "B": "B"}
    assert obs["batch"].to_list()[:2] == ["P1", "P2"]
    assert obs["time"].isna().to_list() == [False, True, True]
    assert tally(loaded) == (4, 3, 0, 1)


def test_barcodes_of_tumours_find_their_patient(tmp_path: Path) -> None:
    known = Known(frozenset(["TCGA-05-4244"]), None, GeneTable.empty())
    text = "Hugo_Symbol\tEntrez_Gene_Id\tTCGA-05-4244-01\tTCGA-05-4244-11\nTP53\t7157\t1\t7\n"
    loaded = load(tmp_path, text, "data_mrna.txt", known)
    assert table(loaded) == {"TCGA-05-4244": {"TP53": 1.0}}
    assert loaded.counts["samples of nobody in the study"] == 1  # normal tissue


def test_files_of_one_form_are_one_layer(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("id,TP53,KRAS\nA,1,2\n")
    (tmp_path / "two.csv").write_text("id,KRAS,MYC\nB,3,4\nA,1,2\n")
    paths = (tmp_path / "one.csv", tmp_path / "two.csv")
    loaded = read_omics(Omics(path=paths, name="rna"), ABC)
    assert table(loaded) == {"A": {"TP53": 1.0, "KRAS": 2.0}, "B": {"KRAS": 3.0, "MYC": 4.0}}
    assert loaded.rejects.select("file", "row").rows() == [("two.csv", 2)]


def test_a_gene_of_its_own_only_for_kinds_of_genes(tmp_path: Path) -> None:
    def genes(kind: str, features: str) -> list[object]:
        loaded = load(tmp_path, "id,x\nA,1\nB,2\n", kind=kind, features=features)
        assert loaded.omics is not None
        return list(loaded.omics.var["gene"])

    assert genes("expression", "opaque") == ["opaque:x"]
    assert genes("methylation", "opaque") == [None]
    assert genes("methylation", "symbol") == ["hgnc.symbol:x"]
    assert genes("methylation", "cpg") == [None]


VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=4))
def test_every_value_comes_back(tmp_path: Path, rows: list[tuple[float | None, ...]]) -> None:
    rows = [*rows, (1.0, 2.0, 3.0)]  # something is measured
    names = [f"P{i}" for i in range(len(rows))]
    text = "id,a,b,c\n" + "\n".join(
        ",".join([name, *("" if v is None else repr(v) for v in row)]) for name, row in zip(names, rows, strict=True)
    )
    loaded = load(tmp_path, text, known=Known(frozenset(names), None, GeneTable.empty()))
    want = {
        name: {f: v for f, v in zip("abc", row, strict=True) if v is not None}
        for name, row in zip(names, rows, strict=True)
    }
    assert table(loaded) == {name: row for name, row in want.items() if row}


def test_what_an_h5ad_file_lacks_is_named(tmp_path: Path) -> None:
    import anndata
    import h5py  # type: ignore[import-untyped]

    obs, var = pd.DataFrame({"donor": list("AABB")}, index=list("1234")), pd.DataFrame(index=["TP53"])
    x = np.arange(4, dtype=np.float32)[:, None]
    anndata.AnnData(obs=obs, var=var, layers={"counts": x}).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputError, match=r"has no X; got 'layers: counts'"):
        load_file(tmp_path, "x.h5ad", "1234")
    anndata.AnnData(x, obs, var).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match=r"single cells; got '4 rows of 2 ids'"):
        load_file(tmp_path, "cells.h5ad", "AB", id="donor")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        del file["X"]
        chain = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        chain.set_chunk((4, 1))
        chain.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))  # zstd, which this machine need not have
        space = h5py.h5s.create_simple((4, 1))
        h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, space, chain)
        file["X"].id.write_direct_chunk((0, 0), bytes(16))
        file["X"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    if not h5py.h5z.filter_avail(32015):
        with pytest.raises(InputError, match=r"compressed by a filter that is not here; got '.*\(32015\)'"):
            load_file(tmp_path, "cells.h5ad", "AB", id="donor")


def test_counters_summaries_and_second_headers_are_no_features(tmp_path: Path) -> None:
    rows = ["gene_id\tcount\tcount\tcount", "N_unmapped\t9\t9\t9", "__no_feature\t8\t8\t8", "Mean\t1\t1\t1", "StdDev\t1\t1\t1",
            "TP53\t1\t2\tNA", "MAX\t3\t4\t5", "KRAS\tNA\tNA\tNA"]  # fmt: skip
    loaded = load(tmp_path, "\n".join(["sample\tA\tB\tC", *rows]) + "\n", "x.tsv")
    assert loaded.omics is not None
    assert set(loaded.omics.var["name"]) == {"TP53", "MAX", "KRAS"}
    assert loaded.counts["rows of counters and summaries: no features"] == 4
    assert loaded.tally.rejected == 5
    turned = load(tmp_path, "id,TP53,Mean,N_unmapped\nA,1,2,3\nB,1,2,3\n")
    assert turned.omics is not None
    assert set(turned.omics.var["name"]) == {"TP53"}


def test_the_plain_id_stays_before_the_copy_on_y(tmp_path: Path) -> None:
    text = "gene\tA\tB\nENSG00000182162.11_PAR_Y\t0\t0\nENSG00000182162.11\t5\t6\n"
    loaded = load(tmp_path, text, "x.tsv", features="ensembl")
    assert loaded.omics is not None
    assert np.asarray(loaded.omics.X)[:, 0].tolist() == [5.0, 6.0]


@pytest.mark.parametrize("symbol", ["", " "])
def test_a_blank_symbol_has_the_entrez_id_beside_it(symbol: str, tmp_path: Path) -> None:
    (tmp_path / "genes.tsv").write_text("symbol\tentrez\nKRAS\t3845\n")
    known = Known(frozenset("AB"), None, read_genes(tmp_path / "genes.tsv"))
    text = f"Hugo_Symbol\tEntrez_Gene_Id\tA\tB\n{symbol}\t3845\t1\t2\n{symbol}\t\t3\t4\n"
    loaded = load(tmp_path, text, "data_mrna.txt", known)
    assert loaded.omics is not None
    assert list(loaded.omics.var_names) == ["NCBIGene:3845"]
    assert list(loaded.omics.var["symbol"]) == ["KRAS"]
    assert loaded.tally.rejected == 1


@pytest.mark.parametrize("name", ["x.csv", "y.tsv"])
def test_what_lies_below_a_written_limit_is_low_and_not_missing(tmp_path: Path, name: str) -> None:
    text = "id,TP53,KRAS\nA,< 0.02,1\nB,0.5,<=1e-1\nC,,3\n"
    if name == "y.tsv":
        text = "gene\tA\tB\tC\nTP53\t< 0.02\t0.5\t\nKRAS\t1\t<=1e-1\t3\n"
    loaded = load(tmp_path, text, name, below=0.5)
    found = table(loaded)
    assert (
        found["A"]["TP53"] == pytest.approx(0.01)
        and found["B"]["KRAS"] == pytest.approx(0.05)
        and "TP53" not in found["C"]
    )
    assert loaded.counts["cells below a written limit: 0.5 of it"] == 2
    assert "TP53" not in table(load(tmp_path, text, name)).get("A", {})  # without `below` they are refused
