"""Mutations: who carries one of which gene: patient–gene pairs, a MAF, or a 0/1 matrix -> a sparse layer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import InputError
from ..files.ledger import Ledger, quoted
from ..files.rows import SourceRows, identified, source_rows
from ..files.text_table import Cells, has_header, read_cells, resolve
from ..identifiers.genes import with_entrez
from ..specs import Omics
from ..subjects.barcodes import known_ids, matched, taken_out
from ..subjects.id_forms import no_known_id
from ..tables import SAMPLES, Known, Loaded
from .consequences import change
from .layer import OmicsLayer, as_anndata, read_layer
from .maf import looks_like_maf, read_variants
from .profiled import CALL, not_on_panel, profiled_samples
from .structural_variants import gene_events
from .vcf import read_vcf

NO_GENE = ("Unknown", "unknown", ".", "-")


@dataclass(frozen=True)
class MutationCalls:
    """Mutations before they become a matrix.

    obs: SAMPLES, one row each: who was profiled. var: feature, symbol, gene, name, one row each.
    calls: sample_id, feature; each pair once. variants: subject_id, variant, gene, consequence, or None.
    unknown: sample_id, feature: nobody knows whether the gene is mutated.
    """

    obs: pl.DataFrame
    var: pl.DataFrame
    calls: pl.DataFrame
    variants: pl.DataFrame | None = None
    unknown: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CALL))


def read_mutations(spec: Omics, known: Known) -> Loaded:
    """Read an `[omics.NAME]` section of kind mutation.

    Returns: Loaded with omics: X (profiled samples, genes) CSR of 0 and 1, NaN where nobody called the gene. Who is not in obs was not profiled: unknown,
        not wild-type. Of a MAF `uns["variants"]` holds subject_id, variant (CURIE), gene, consequence, protein, fraction; its silent
        variants stand there and mutate no gene.
    Raises: InputError for a file that cannot be read, or holds none of the study's ids.
    """
    ledger = Ledger(spec.source)
    called = _read(spec, known, ledger)
    obs = profiled_samples(spec, called.obs, known, ledger).sort("sample_id")
    var, unsought = not_on_panel(spec, obs, called.var.sort("feature"), called.calls, known, ledger)
    from scipy import sparse

    at = pl.DataFrame({"sample_id": obs["sample_id"], "i": np.arange(obs.height)})
    of = pl.DataFrame({"feature": var["feature"], "j": np.arange(var.height)})
    unknown = pl.concat([called.unknown, unsought])
    cells = [called.calls.with_columns(x=pl.lit(1.0)), unknown.with_columns(x=pl.lit(float("nan")))]
    ends = pl.concat(cells).join(at, on="sample_id").join(of, on="feature").sort("i", "j")
    x = sparse.csr_matrix(
        (ends["x"].to_numpy().astype(np.float32), (ends["i"].to_numpy(), ends["j"].to_numpy())),
        shape=(obs.height, var.height),
    )
    omics = as_anndata(obs, var, x, spec)
    if called.variants is not None:
        omics.uns["variants"] = called.variants
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), omics=omics, counts=ledger.counts, cells=ledger.cell_tally(),
        losses=ledger.losses,
    )  # fmt: skip


def _read(spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    if spec.format == "vcf" or any(".vcf" in path.name.lower() for path in spec.path):
        return _from_vcf(spec, known, ledger)
    pairs = spec.subject is not None or spec.gene is not None
    if spec.format in ("h5ad", "h5mu") or spec.path[0].suffix.lower() in (".h5ad", ".h5mu"):
        return _from_matrix(spec, known, ledger)
    header = has_header(spec.subject, spec.gene)
    files = [
        read_cells(p, missing=spec.missing, header=header, format=spec.format, sheet=spec.sheet) for p in spec.path
    ]
    if spec.format == "sv":
        return _from_events(files, spec, known, ledger)
    if spec.format == "maf" or (not pairs and looks_like_maf(files[0].frame.columns)):
        return _from_maf(files, spec, known, ledger)
    return _from_pairs(files, spec, known, ledger) if pairs else _from_matrix(spec, known, ledger)


def _from_pairs(files: list[Cells], spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    rows = source_rows(files, ledger)
    ledger.count(rows.counts)
    if spec.subject is None or spec.gene is None:
        raise InputError("half a pair", spec.source, expected="both `subject` and `gene`", fix="name both columns")
    subject, gene = (resolve(column, rows.frame, rows.where) for column in (spec.subject, spec.gene))
    frame = pl.DataFrame({"id": rows.frame[subject], "name": rows.frame[gene]})
    found, obs, var = _owned(SourceRows(rows.where, frame, rows.numbers, rows.counts), spec, known, ledger)
    once = found.unique(list(CALL), keep="first", maintain_order=True)
    ledger.merged(found.height - once.height)
    return MutationCalls(obs, var, once.select(*CALL))


def _from_vcf(spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    parts = [read_vcf(path, known, ledger) for path in spec.path]
    obs = pl.concat([part.obs for part in parts]).unique("sample_id", keep="first", maintain_order=True)
    carried = pl.concat([part.carried for part in parts])
    not_called = pl.concat([part.not_called for part in parts])
    names = pl.concat([carried["name"], not_called["name"]]).unique(maintain_order=True)
    genes, said = known.genes.counted(names, spec.features)
    ledger.count(said)
    genes = genes.with_columns(name=names, gene=pl.coalesce("gene", "feature")).drop_nulls("feature")
    found = carried.join(genes, on="name").join(obs.select("sample_id", "subject_id"), on="sample_id")
    done = change(found["consequence"], found["name"])
    ledger.count({"variants of a class that is not known: they mutate their gene": int(done["unknown"].sum())})
    ledger.count({"silent variants: they mutate no gene": int((~done["changing"]).sum())})
    calls = found.filter(done["changing"]).select(*CALL).unique(maintain_order=True)
    unsure = not_called.join(genes, on="name").select(*CALL).unique().join(calls, on=[*CALL], how="anti")
    unsure = unsure.join(calls.select("feature").unique(), on="feature", how="semi")
    ledger.count({"pairs of a sample and a gene with a variant that nobody called there: not known": unsure.height})
    kept = ["subject_id", "variant", "consequence", "protein", "fraction"]
    variants = found.select(*kept, gene="feature").unique(
        ["subject_id", "variant", "gene"], keep="first", maintain_order=True
    )
    var = genes.select("feature", "symbol", "gene", "name").unique("feature", keep="first", maintain_order=True)
    return MutationCalls(obs, var.join(calls, on="feature", how="semi"), calls, variants, unsure)


def _from_events(files: list[Cells], spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    rows = source_rows(files, ledger)
    ledger.count(rows.counts)
    found, obs, var = _owned(gene_events(rows, ledger), spec, known, ledger)
    found = _primary(found, ledger)
    once = found.unique(list(CALL), keep="first", maintain_order=True)
    ledger.merged(found["number"].n_unique() - once["number"].n_unique())
    return MutationCalls(obs, var, once.select(*CALL))


def _from_maf(files: list[Cells], spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    rows = read_variants(source_rows(files, ledger))
    ledger.count(rows.counts)
    found, obs, var = _owned(rows, spec, known, ledger)
    found = _primary(found, ledger)
    named = found.with_columns(
        key=pl.coalesce("variant", pl.col("feature") + " " + pl.col("consequence").fill_null(""))
    )
    once = named.unique(["sample_id", "feature", "key"], keep="first", maintain_order=True)
    ledger.merged(found.height - once.height)
    ledger.count({"silent variants: they mutate no gene": int(once["silent"].sum())})
    ledger.count(
        {"variants of a promoter that drives cancers (TERT): they mutate its gene": int(once["promoter"].sum())}
    )
    strange = once.filter("unknown")
    ledger.count({"variants of a class that is not known: they mutate their gene": strange.height})
    expected = "a MAF class or a Sequence Ontology term"
    ledger.doubt(strange["number"], "consequence", quoted(strange["consequence"]), expected)
    ledger.count({"variants without a place: kept as mutations of their gene": once["variant"].null_count()})
    loud = once.filter(~pl.col("silent"))
    variants = once.drop_nulls("variant").select(
        "subject_id", "variant", "consequence", "protein", "fraction", gene="feature"
    )
    calls = loud.select(*CALL).unique(maintain_order=True)
    return MutationCalls(obs, var.join(calls, on="feature", how="semi"), calls, variants.unique(maintain_order=True))


def _from_matrix(spec: Omics, known: Known, ledger: Ledger) -> MutationCalls:
    layer = read_layer(spec, known, ledger)
    unknown = np.isnan(layer.values) | (layer.values < 0)
    above = np.isfinite(layer.values) & (layer.values > 0) & (layer.values != 1)
    ledger.count({"cells of a 0/1 matrix that are neither: taken as mutated": int(above.sum())})
    called, not_known = (_pairs(layer, mask) for mask in (~unknown & (layer.values > 0), unknown))
    return MutationCalls(layer.obs, layer.var, called, unknown=not_known)


def _pairs(layer: OmicsLayer, mask: NDArray[np.bool_]) -> pl.DataFrame:
    i, j = np.nonzero(mask)
    return pl.DataFrame({"sample_id": layer.obs["sample_id"].gather(i), "feature": layer.var["feature"].gather(j)})


def _owned(
    rows: SourceRows, spec: Omics, known: Known, ledger: Ledger
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The rows (id, name, …) that are a known subject's and name a gene; their samples; their genes.

    A sample is profiled even where its rows name no gene.
    """
    gone = taken_out(rows.frame["id"], known)
    ledger.removed(rows.numbers.filter(gone), "subject")
    rows = identified(rows.rows(~gone), "id", ledger)
    who = matched(rows.frame["id"], known)
    stranger = who["sample_id"].is_null()
    ledger.reject(
        rows.numbers.filter(stranger), "subject", rows.frame["id"].filter(stranger), "a known subject's sample",
        "add it to [patients] or [samples]",
    )  # fmt: skip
    if rows.frame.height and stranger.all():
        ids = known_ids(known) or ()
        raise no_known_id(
            rows.where, rows.frame["id"].unique(maintain_order=True), ids, "check `subject` and [patients] `id`"
        )
    ledger.count({"TCGA barcodes cut to a known id": int(who["shortened"].sum())})
    obs = who.filter(~stranger).select(*SAMPLES).unique("sample_id", keep="first", maintain_order=True)
    if "entrez" in rows.frame.columns:  # either may be blank
        rows = replace(rows, frame=rows.frame.with_columns(name=pl.coalesce("name", "entrez")))
    genes, said = known.genes.counted(rows.frame["name"].unique(maintain_order=True), spec.features)
    ledger.count(said)
    genes = genes.with_columns(name=rows.frame["name"].unique(maintain_order=True), gene=pl.coalesce("gene", "feature"))
    frame = rows.frame.with_columns(*who.select("sample_id", "subject_id", "precedence"), number=rows.numbers)
    frame = frame.join(genes, on="name", how="left", maintain_order="left", nulls_equal=True)
    if "entrez" in frame.columns:
        three = with_entrez(frame.select("feature", "symbol", "gene"), frame["entrez"], known.genes)
        frame = frame.with_columns(three)
    nameless = frame["feature"].is_null() | frame["name"].is_in(NO_GENE).fill_null(True)
    nameless = nameless & ~stranger
    ledger.reject(frame["number"].filter(nameless), "gene", frame["name"].filter(nameless), "a gene", "fill it in")
    frame = frame.filter(~(stranger | nameless))
    var = frame.select("feature", "symbol", "gene", "name").unique("feature", keep="first", maintain_order=True)
    return frame, obs, var


def _primary(frame: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Of several tumours that come to one id the rows of the first kind: a metastasis has mutations of its own."""
    later = frame["precedence"] > frame.select(pl.col("precedence").min().over("sample_id")).to_series()
    out = frame.filter(later)
    ledger.count({"variants left out: a primary tumour of the patient is there": out.height})
    ledger.reject(out["number"], "subject", "", "one tumour an id", "name samples in [samples], or drop one")
    return frame.filter(~later)
