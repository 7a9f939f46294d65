"""Which label a feature, a code, or the end of a link has: the one place that turns identifiers into labels."""

from __future__ import annotations

import polars as pl

from . import schema

_PREFIX = {
    **schema.CODE_LABEL,
    "NCBIGene": "Gene", "hgnc.symbol": "Gene", "ENSEMBL": "Gene", "HGNC": "Gene", "UniProtKB": "Protein",
    "mirbase": "MicroRNA", "cpg": "MethylationSite", "CHEBI": "Metabolite", "hmdb": "Metabolite",
}  # fmt: skip
_KEYED_BY_GENE = ("expression", "copy_number", "mutation")
_EVENT_TYPE = {**schema.EVENT_TYPE, "Phenotype": "DIAGNOSED"}

RELATED = {"Protein": "OF_GENE", "MethylationSite": "NEAR"}
"""A feature that is no gene itself -> its gene."""


def feature_labels(var: pl.DataFrame, kind: str) -> pl.Series:
    """The label of each feature of a layer: Gene where the layer is keyed by genes, else what its kind says.

    A name that no table knows (`opaque:…`) has the label of the kind, even where it stands for its own gene.
    """
    own = schema.LAYER[kind][1]
    if kind in _KEYED_BY_GENE or "gene" not in var.columns:
        return pl.Series("label", [own] * var.height, dtype=pl.String)
    is_gene = (var["id"] == var["gene"]).fill_null(False) & ~var["id"].str.starts_with("opaque:")
    return var.select(label=pl.when(is_gene).then(pl.lit("Gene")).otherwise(pl.lit(own)))["label"]


def code_labels(codes: pl.Series) -> pl.DataFrame:
    """code, label, type: what each code of the events is, and by which relationship a patient has it."""
    found = pl.DataFrame({"code": codes.unique().sort()})
    label = pl.col("code").map_elements(_code_label, return_dtype=pl.String)
    return found.with_columns(label=label).with_columns(type=pl.col("label").replace_strict(_EVENT_TYPE))


def _code_label(code: str) -> str:
    label = schema.code_label(code)
    return label if label in _EVENT_TYPE else "Code"


def concept_labels(concepts: pl.DataFrame) -> pl.DataFrame:
    """The same concepts; a label that their source could not say comes from the prefix, as for the ends of links."""
    by_prefix = pl.col("id").str.split(":").list.first().replace_strict(_PREFIX, default="Code")
    return concepts.with_columns(label=pl.coalesce("label", by_prefix))


def unlabelled(codes: pl.Series) -> dict[str, int]:
    """How many codes of each prefix became Code because the schema does not name it."""
    codes = codes.unique()
    prefix = codes.str.split(":").list.first()
    unknown = prefix.filter(~prefix.is_in(list(schema.CODE_LABEL)))
    return {f"codes of {name}, labelled Code": n for name, n in sorted(unknown.value_counts().iter_rows())}


def link_ends(links: pl.DataFrame, concepts: pl.DataFrame | None) -> tuple[pl.DataFrame, dict[str, int]]:
    """links with start_label and end_label; links whose ends their predicate does not join are left out, and counted.

    A label comes from the source's own concepts, else from the prefix; a name without a vocabulary gets the first
    label that the predicate takes.
    """
    names = {} if concepts is None else dict(concepts.select("id", "label").iter_rows())
    parts, left_out = [links.head(0).with_columns(start_label=pl.lit(""), end_label=pl.lit(""))], {}
    for (predicate,), part in links.partition_by("predicate", as_dict=True, maintain_order=True).items():
        rule = schema.RELATIONSHIPS.get(str(predicate))
        if rule is None:
            left_out[f"links left out: no relationship {predicate} in the schema"] = part.height
            continue
        labelled = part.with_columns(
            start_label=_end_labels(part["subject"], names, rule.start),
            end_label=_end_labels(part["object"], names, rule.end),
        )
        fitting = labelled.drop_nulls(["start_label", "end_label"])
        if fitting.height < part.height:
            left_out[f"links left out: {predicate} does not join their ends"] = part.height - fitting.height
        parts.append(fitting)
    return pl.concat(parts), left_out


def _end_labels(ids: pl.Series, names: dict[str, str], allowed: tuple[str, ...]) -> pl.Series:
    def label(one: str) -> str | None:
        known = names.get(one) or _PREFIX.get(one.split(":", 1)[0])
        return known if known in allowed else None if known else "Code" if "Code" in allowed else allowed[0]

    found = {one: label(one) for one in ids.unique().to_list()}
    return pl.Series([found[one] for one in ids.to_list()], dtype=pl.String)
