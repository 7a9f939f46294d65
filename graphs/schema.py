"""Graph schema, closed, in one place: labels, relationship types, and which label a feature, a code, the end of a
link has.

Everything that puts a label or a type into Cypher takes it from here (`label`, `relationship`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

import polars as pl

VERSION = 3

ENTITIES = ("Patient", "Visit", "Sample")
FEATURES = ("Gene", "Protein", "Metabolite", "MicroRNA", "MethylationSite", "Variant")
KNOWLEDGE = ("Pathway", "Phenotype", "Drug")
CODES = ("Diagnosis", "Medication", "Procedure", "LabTest", "Code")
ACTS = ("Study", "Cohort", "Run", "Load", "Batch")
SHARED = FEATURES + KNOWLEDGE + CODES
"""Labels whose nodes several studies may bring; an ENTITIES node is one study's."""
LABELS = ENTITIES + SHARED + ACTS
EMBEDDED = ("Patient", *SHARED)
"""Labels whose nodes may have an embedding: `embedding`, a list of floats, and `embedding_of`, whose it is."""

CODE_LABEL = {
    "ICD9CM": "Diagnosis", "ICD10CM": "Diagnosis", "ICD9": "Diagnosis", "ICD10": "Diagnosis",
    "SNOMED": "Diagnosis", "MONDO": "Diagnosis", "DOID": "Diagnosis", "OMIM": "Diagnosis", "PHECODE": "Diagnosis",
    "CCS": "Diagnosis", "CCSR": "Diagnosis", "CCSPROC": "Procedure", "CCSRPROC": "Procedure",
    "ORPHA": "Diagnosis", "UMLS": "Diagnosis",
    "RXNORM": "Medication", "ATC": "Medication", "NDC": "Medication", "DRUG": "Medication",
    "RXNORMEXT": "Medication", "CVX": "Medication",
    "ICD9PROC": "Procedure", "ICD10PCS": "Procedure", "CPT": "Procedure", "HCPCS": "Procedure",
    "SNOMEDPROC": "Procedure",
    "LOINC": "LabTest", "VALUE": "LabTest",
    "HP": "Phenotype", "REACT": "Pathway", "WP": "Pathway", "PATHWAY": "Pathway",
}  # fmt: skip
"""Code prefix -> label; every other prefix becomes Code, and is counted."""

EVENT_TYPE = {
    "Diagnosis": "DIAGNOSED", "Medication": "PRESCRIBED", "Procedure": "UNDERWENT",
    "LabTest": "MEASURED", "Code": "HAD",
}  # fmt: skip

LAYER = {
    "expression": ("EXPRESSES", "Gene"), "copy_number": ("HAS_COPY_NUMBER", "Gene"),
    "methylation": ("METHYLATED_AT", "MethylationSite"), "mirna": ("HAS_ABUNDANCE", "MicroRNA"),
    "protein": ("HAS_ABUNDANCE", "Protein"), "metabolite": ("HAS_LEVEL", "Metabolite"),
    "mutation": ("MUTATED_IN", "Gene"), "response": ("RESPONDS_TO", "Drug"),
}  # fmt: skip
"""Layer kind -> relationship and its own label; a layer keyed by genes ends at Gene."""
RESPONSE = "response"
"""The kind of a layer that is an outcome: no input of any study."""

_PREFIX = {
    **CODE_LABEL,
    "NCBIGene": "Gene", "hgnc.symbol": "Gene", "ENSEMBL": "Gene", "HGNC": "Gene", "UniProtKB": "Protein",
    "mirbase": "MicroRNA", "cpg": "MethylationSite", "CHEBI": "Metabolite", "hmdb": "Metabolite",
}  # fmt: skip
_KEYED_BY_GENE = ("expression", "copy_number", "mutation")
_EVENT_TYPE = {**EVENT_TYPE, "Phenotype": "DIAGNOSED"}

RELATED = {"Protein": "OF_GENE", "MethylationSite": "NEAR"}
"""A feature that is no gene itself -> its gene."""


@dataclass(frozen=True)
class Relationship:
    """type, and the labels at which it may start and end."""

    type: str
    start: tuple[str, ...]
    end: tuple[str, ...]


_MEASURED = FEATURES[:5]
RELATIONSHIPS = {
    r.type: r
    for r in (
        Relationship("ATTENDED", ("Patient",), ("Visit",)),
        Relationship("GAVE", ("Patient",), ("Sample",)),
        Relationship("DIAGNOSED", ("Patient",), ("Diagnosis", "Phenotype")),
        Relationship("PRESCRIBED", ("Patient",), ("Medication",)),
        Relationship("UNDERWENT", ("Patient",), ("Procedure",)),
        Relationship("MEASURED", ("Patient",), ("LabTest",)),
        Relationship("HAD", ("Patient",), ("Code",)),
        Relationship("EXPRESSES", ("Patient",), _MEASURED),
        Relationship("HAS_COPY_NUMBER", ("Patient",), _MEASURED),
        Relationship("METHYLATED_AT", ("Patient",), _MEASURED),
        Relationship("HAS_ABUNDANCE", ("Patient",), _MEASURED),
        Relationship("HAS_LEVEL", ("Patient",), _MEASURED),
        Relationship("RESPONDS_TO", ("Patient",), ("Drug",)),
        Relationship("PROFILED", ("Patient",), ("Load",)),
        Relationship("HAS_VARIANT", ("Patient",), ("Variant",)),
        Relationship("IN_GENE", ("Variant",), ("Gene",)),
        Relationship("MUTATED_IN", ("Patient",), ("Gene",)),
        Relationship("NOT_CALLED_IN", ("Patient",), ("Gene",)),
        Relationship("OF_GENE", ("Protein",), ("Gene",)),
        Relationship("TARGETS", ("MicroRNA", "Drug"), ("Gene",)),
        Relationship("NEAR", ("MethylationSite",), ("Gene",)),
        Relationship("IN_PATHWAY", ("Gene",), ("Pathway",)),
        Relationship("PART_OF", ("Pathway",), ("Pathway",)),
        Relationship("INTERACTS_WITH", ("Gene",), ("Gene",)),
        Relationship("ASSOCIATED_WITH", ("Gene",), ("Diagnosis", "Phenotype")),
        Relationship("HAS_PHENOTYPE", ("Diagnosis",), ("Phenotype",)),
        Relationship("TREATS", ("Drug",), ("Diagnosis",)),
        Relationship("IS_A", (*CODES, "Phenotype"), (*CODES, "Phenotype")),
        Relationship("MAPS_TO", (*CODES, "Phenotype"), (*CODES, "Phenotype")),
        Relationship("LOADED", ("Study",), ("Load",)),
        Relationship("INCLUDES", ("Cohort",), ("Patient",)),
        Relationship("DRAWN_FROM", ("Cohort",), ("Load",)),
        Relationship("USED", ("Run",), ("Cohort",)),
        Relationship("RANKS", ("Run",), (*FEATURES, *CODES, "Pathway")),
        Relationship("PREDICTS", ("Run",), ("Patient",)),
        Relationship("SIMILAR_TO", ("Patient",), ("Patient",)),
    )
}

_TIMES = {"time": "LOCAL DATETIME", "known_time": "LOCAL DATETIME"}
_EVENT = {**_TIMES, "visit": "STRING", "value": "FLOAT", "text": "STRING", "unit": "STRING"}
_VALUE = {"value": "FLOAT", "z": "FLOAT", "layer": "STRING", "sample": "STRING"}
_LINK = {"score": "FLOAT", "year": "INTEGER", "release": "STRING", "licence": "STRING"}
_EMBEDDING = {"embedding": "LIST<FLOAT>", "embedding_of": "STRING"}
NODE_PROPERTIES = {
    "Patient": {
        **_EMBEDDING,
        "clock": "STRING",
        "observed_from": "LOCAL DATETIME",
        "observed_until": "LOCAL DATETIME",
    },
    "Visit": {"start_time": "LOCAL DATETIME", "end_time": "LOCAL DATETIME", "kind": "STRING"},
    "Sample": {**_TIMES, "batch": "STRING", "site": "STRING"},
    **{label: {**_EMBEDDING, "symbol": "STRING", "release": "STRING", "licence": "STRING"} for label in SHARED},
    "Study": {"tables": "STRING", "place": "STRING"},
    "Cohort": {
        **dict.fromkeys(("study", "query", "params", "content"), "STRING"),
        "rows": "INTEGER",
        "of_runs": "BOOLEAN",
    },
    "Run": {
        **dict.fromkeys(("study", "content", "learner", "metric", "versions", "study_sha256"), "STRING"),
        **dict.fromkeys(("value", "low", "high"), "FLOAT"),
        "seed": "INTEGER",
        **dict.fromkeys(("inputs", "loads", "files", "sha256"), "LIST<STRING>"),
    },
    "Load": {
        **dict.fromkeys(("files", "sha256"), "LIST<STRING>"),
        **dict.fromkeys(("section", "layer", "kind", "clock", "source", "state", "checksum"), "STRING"),
        **dict.fromkeys(("schema_version", "rows_read", "rows_written", "rows_merged", "rows_rejected"), "INTEGER"),
    },
    "Batch": {"load": "STRING"},
}
"""Label -> properties that its nodes may have, beside `id`, `name`, `sources`, `told` and the study's own; valueType()."""
RELATIONSHIP_PROPERTIES: dict[str, dict[str, str]] = {
    **dict.fromkeys(EVENT_TYPE.values(), _EVENT),
    **dict.fromkeys((type for type, _ in LAYER.values()), _VALUE),
    "PROFILED": {**_TIMES, "layer": "STRING", "sample": "STRING"},
    "HAS_VARIANT": {"allele_fraction": "FLOAT"},
    "IN_GENE": {"consequence": "STRING", "protein": "STRING", **_LINK},
    "NOT_CALLED_IN": {"layer": "STRING"},
    **dict.fromkeys(
        (
            "OF_GENE", "TARGETS", "NEAR", "IN_PATHWAY", "PART_OF", "INTERACTS_WITH", "ASSOCIATED_WITH", "HAS_PHENOTYPE",
            "TREATS", "IS_A",
        ), _LINK
    ),
    "MAPS_TO": {"predicate": "STRING", **_LINK},
    "LOADED": {"name": "STRING"},
    "INCLUDES": {
        "prediction_time": "LOCAL DATETIME", "duration_days": "FLOAT", "visit_id": "STRING", "event": "INTEGER", "label": "ANY",
    },
    "RANKS": {"score": "FLOAT", "rank": "INTEGER", "stability": "FLOAT", "q": "FLOAT", "layer": "STRING"},
    "PREDICTS": {"risk": "FLOAT"},
    "USED": {"content": "STRING"},
    "SIMILAR_TO": {"similarity": "FLOAT", "rank": "INTEGER"},
}  # fmt: skip
"""Relationship type -> properties that it may have beside `source`, by Cypher's valueType()."""


def code_label(curie: str) -> str:
    """The label of a code, by its prefix; Code for a prefix that the table does not hold."""
    return CODE_LABEL.get(curie.split(":", 1)[0], "Code")


def feature_labels(var: pl.DataFrame, kind: str) -> pl.Series:
    """The label of each feature of a layer: Gene where the layer is keyed by genes, else what its kind says.

    A name that no table knows (`opaque:…`) has the label of the kind, even where it stands for its own gene.
    """
    own = LAYER[kind][1]
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
    label = code_label(code)
    return label if label in _EVENT_TYPE else "Code"


def concept_labels(concepts: pl.DataFrame) -> pl.DataFrame:
    """The same concepts; a label that their source could not say comes from the prefix, as for the ends of links."""
    by_prefix = pl.col("id").str.split(":").list.first().replace_strict(_PREFIX, default="Code")
    return concepts.with_columns(label=pl.coalesce("label", by_prefix))


def unlabelled(codes: pl.Series) -> dict[str, int]:
    """How many codes of each prefix became Code because the schema does not name it."""
    codes = codes.unique()
    prefix = codes.str.split(":").list.first()
    unknown = prefix.filter(~prefix.is_in(list(CODE_LABEL)))
    return {
        f"codes with the prefix {name}: Code in the graph, not Diagnosis, Medication, Procedure or LabTest": n
        for name, n in sorted(unknown.value_counts().iter_rows())
    }


def link_ends(links: pl.DataFrame, concepts: pl.DataFrame | None) -> tuple[pl.DataFrame, dict[str, int]]:
    """links with start_label and end_label; links whose ends their predicate does not join are left out, and counted.

    A label comes from the source's own concepts, else from the prefix; a name without a vocabulary gets the first
    label that the predicate takes.
    """
    names = {} if concepts is None else dict(concepts.select("id", "label").iter_rows())
    parts, left_out = [links.head(0).with_columns(start_label=pl.lit(""), end_label=pl.lit(""))], {}
    for (predicate,), part in links.partition_by("predicate", as_dict=True, maintain_order=True).items():
        rule = RELATIONSHIPS.get(str(predicate))
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


def label(name: str) -> str:
    """The label itself, if the schema holds it; the only way a label gets into Cypher."""
    if name not in LABELS:
        raise ValueError(f"no label {name!r} in the schema: {', '.join(LABELS)}")
    return name


def relationship(name: str) -> Relationship:
    """The relationship of this type; the only way a type gets into Cypher."""
    if name not in RELATIONSHIPS:
        raise ValueError(f"no relationship {name!r} in the schema: {', '.join(RELATIONSHIPS)}")
    return RELATIONSHIPS[name]


def cypher(text: LiteralString, **places: str) -> LiteralString:
    """Query text with labels and types of the schema in place of its capital words: the one way they get there.

    Args:
        text: a literal of ours; every word of capitals that is to be replaced stands for itself nowhere else in it.
        places: TYPE is a relationship, every other word a label.
    Raises: ValueError for a name that the schema does not hold.
    Example:
        >>> cypher("MATCH (n:LABEL) RETURN count(n) AS n", LABEL="Gene")
        'MATCH (n:Gene) RETURN count(n) AS n'
    """
    for word, name in places.items():
        text = trusted(text.replace(word, relationship(name).type if word == "TYPE" else label(name)))
    return text


def trusted(text: str) -> LiteralString:
    """Text for a driver that takes literals only: made of literals and names of the schema, or let through by the guard."""
    return text
