"""Profiled: who was looked at for mutations at all, and for which genes: lists, case lists, gene panels."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..bundles.meta_file import listed, read_meta
from ..errors import InputError
from ..files.ledger import Ledger
from ..files.text_table import read_cells, resolve
from ..specs import Omics
from ..subjects.barcodes import matched, taken_out
from ..tables import SAMPLES, Known
from .maf import sequenced_samples

CALL = {"sample_id": pl.String, "feature": pl.String}
MOST = 5_000_000
"""So many pairs of a sample and a gene that its panel lacks are kept as not known; beyond it genes go that most panels lack."""


def profiled_samples(spec: Omics, obs: pl.DataFrame, known: Known, ledger: Ledger) -> pl.DataFrame:
    """The samples of the file, and those who were profiled without a mutation. Returns: SAMPLES, one row each."""
    if spec.profiled == "patients":
        if known.subjects is None:
            raise InputError(
                "nobody is known", spec.source, 'profiled = "patients"', "[patients]", 'use "file" or a list'
            )
        return _with(obs, pl.Series(sorted(known.subjects), dtype=pl.String), known)
    panels = _by_panel(spec, known)
    named = pl.Series(_listed(spec, ledger), dtype=pl.String)
    if panels is not None:
        off = panels.filter(pl.col("panel").is_null())["id"]
        named = pl.concat([named.filter(~named.is_in(off.implode())), panels.drop_nulls("panel")["id"]]).unique(
            maintain_order=True
        )
    if not named.len():
        return obs
    ids = named.filter(~taken_out(named, known))
    lost = matched(ids, known)["sample_id"].null_count()
    if spec.profiled == "file" and panels is None:
        ledger.count({"samples named as sequenced in the file's first lines": ids.len() - lost})
        ledger.count({"of them samples of nobody in the study": lost})
    else:
        if lost == ids.len():
            where = Path(spec.profiled).name if panels is None else str(spec.panels)
            raise InputError("none of the study's ids is in the list", where, fix="check `profiled`")
        ledger.count({"profiled ids that are nobody's in the study (a header counts as one)": lost})
    return _with(obs, ids, known)


def not_on_panel(
    spec: Omics, obs: pl.DataFrame, var: pl.DataFrame, calls: pl.DataFrame, known: Known, ledger: Ledger
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Genes that the panel of a sample lacks: nobody knows whether they are mutated there.

    Returns: var, without the genes that most samples were not looked at for where there are too many pairs; and
        sample_id, feature of the pairs. A panel of which no file tells the genes is taken as all genes.
    """
    who = _panel_of(spec, obs, known)
    if who is None:
        return var, pl.DataFrame(schema=CALL)
    genes = _panel_genes(spec, known)
    told = who.filter(pl.col("panel").is_in([*genes]))
    ledger.count({"samples of a panel whose genes no file tells: taken as all genes": who.height - told.height})
    per_panel = told.group_by("panel", maintain_order=True).len()
    lacking = {name: var.filter(~pl.col("feature").is_in(genes[name]))["feature"] for name in per_panel["panel"]}
    pairs = sum(lacking[name].len() * n for name, n in per_panel.iter_rows())
    if pairs > MOST and obs.height:
        lost = pl.concat(
            [pl.DataFrame({"feature": lacking[name]}).with_columns(n=pl.lit(n)) for name, n in per_panel.iter_rows()]
        )
        rare = lost.group_by("feature").agg(pl.col("n").sum()).filter(pl.col("n") > obs.height / 2)["feature"]
        ledger.count({"genes left out: most samples were sequenced by panels without them": rare.len()})
        var = var.filter(~pl.col("feature").is_in(rare.implode()))
        lacking = {name: those.filter(~those.is_in(rare.implode())) for name, those in lacking.items()}
    table = pl.concat(
        [pl.DataFrame(schema={"panel": pl.String, "feature": pl.String}),
         *(pl.DataFrame({"feature": those}).select(pl.lit(name).alias("panel"), "feature") for name, those in lacking.items())]
    )  # fmt: skip
    unknown = told.join(table, on="panel").select(*CALL).join(calls.select(*CALL), on=[*CALL], how="anti")
    ledger.count({"pairs of a sample and a gene that its panel lacks: not known": unknown.height})
    return var, unknown


def _with(obs: pl.DataFrame, ids: pl.Series, known: Known) -> pl.DataFrame:
    """obs, and of the others those of whom nothing is there yet: a patient has no sample there, a sample is not there."""
    others = matched(ids, known).drop_nulls("sample_id").select(*SAMPLES)
    others = others.unique("sample_id", keep="first", maintain_order=True)
    own = others["sample_id"] == others["subject_id"]
    patients = others.filter(own).join(obs, on="subject_id", how="anti")
    samples = others.filter(~own).join(obs, on="sample_id", how="anti")
    return pl.concat([obs, samples, patients.join(samples, on="subject_id", how="anti")])


def _listed(spec: Omics, ledger: Ledger) -> list[str]:
    if spec.profiled == "file":
        return [one for path in spec.path for one in sequenced_samples(path)]
    path = Path(spec.profiled)
    if ids := listed(read_meta(path), "case_list_ids") if path.suffix == ".txt" else []:
        return ids
    return read_cells(path, header=False).frame.to_series(0).drop_nulls().str.strip_chars().to_list()


def _by_panel(spec: Omics, known: Known) -> pl.DataFrame | None:
    """id, panel of every sample of the gene panel matrix; the panel is null where the sample was not looked at."""
    if spec.panels is None:
        return None
    frame = read_cells(spec.panels, format="cbioportal").frame
    column = resolve(spec.panel or spec.layer or spec.name, frame, spec.panels)
    id = resolve("SAMPLE_ID", frame, spec.panels)
    return (
        frame.select(id=pl.col(id).str.strip_chars(), panel=pl.col(column).str.strip_chars())
        .drop_nulls("id")
        .unique("id", keep="first", maintain_order=True)
    )


def _panel_of(spec: Omics, obs: pl.DataFrame, known: Known) -> pl.DataFrame | None:
    """sample_id, panel of the samples that were sequenced by a panel."""
    if spec.panels is None:
        return obs.select("sample_id", panel=pl.lit(spec.panel)) if spec.panel else None
    table = _by_panel(spec, known)
    if table is None:
        return None
    found = table.with_columns(matched(table["id"], known)["sample_id"]).drop_nulls()
    return (
        found.unique("sample_id", keep="first", maintain_order=True)
        .join(obs, on="sample_id", how="semi")
        .select("sample_id", "panel")
    )


def _panel_genes(spec: Omics, known: Known) -> dict[str, list[str]]:
    """Panel -> the CURIEs of its genes."""
    found = {}
    for path in spec.panel_genes:
        meta = read_meta(path)
        names = pl.Series(listed(meta, "gene_list"), dtype=pl.String)
        entrez = bool(names.len()) and bool(names.str.contains(r"^\d+$").all())
        if name := meta.get("stable_id", ""):
            found[name] = known.genes.curies(names, "entrez" if entrez else "symbol")["feature"].drop_nulls().to_list()
    return found
