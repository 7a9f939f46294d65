"""The graph's closed schema, as data, in one place: labels, relationship types, which code becomes which label.

Everything that puts a label or a type into Cypher takes it from here (`label`, `relationship`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

VERSION = 2

ENTITIES = ("Patient", "Visit", "Sample")
FEATURES = ("Gene", "Protein", "Metabolite", "MicroRNA", "MethylationSite", "Variant")
KNOWLEDGE = ("Pathway", "Phenotype", "Drug")
CODES = ("Diagnosis", "Medication", "Procedure", "LabTest", "Code")
ACTS = ("Study", "Cohort", "Run", "Load", "Batch")
SHARED = FEATURES + KNOWLEDGE + CODES
"""Labels whose nodes several studies may bring; an ENTITIES node is one study's."""
LABELS = ENTITIES + SHARED + ACTS

CODE_LABEL = {
    "ICD9CM": "Diagnosis", "ICD10CM": "Diagnosis", "ICD9": "Diagnosis", "ICD10": "Diagnosis",
    "SNOMED": "Diagnosis", "MONDO": "Diagnosis", "DOID": "Diagnosis", "OMIM": "Diagnosis", "PHECODE": "Diagnosis",
    "RXNORM": "Medication", "ATC": "Medication", "NDC": "Medication", "DRUG": "Medication",
    "ICD9PROC": "Procedure", "ICD10PCS": "Procedure", "CPT": "Procedure", "HCPCS": "Procedure",
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
    "mutation": ("MUTATED_IN", "Gene"),
}  # fmt: skip
"""Layer kind -> relationship and its own label; a layer keyed by genes ends at Gene."""


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
        Relationship("PROFILED", ("Patient",), ("Load",)),
        Relationship("HAS_VARIANT", ("Patient",), ("Variant",)),
        Relationship("IN_GENE", ("Variant",), ("Gene",)),
        Relationship("MUTATED_IN", ("Patient",), ("Gene",)),
        Relationship("OF_GENE", ("Protein",), ("Gene",)),
        Relationship("TARGETS", ("MicroRNA", "Drug"), ("Gene",)),
        Relationship("NEAR", ("MethylationSite",), ("Gene",)),
        Relationship("IN_PATHWAY", ("Gene",), ("Pathway",)),
        Relationship("PART_OF", ("Pathway",), ("Pathway",)),
        Relationship("INTERACTS_WITH", ("Gene",), ("Gene",)),
        Relationship("ASSOCIATED_WITH", ("Gene",), ("Diagnosis", "Phenotype")),
        Relationship("IS_A", (*CODES, "Phenotype"), (*CODES, "Phenotype")),
        Relationship("MAPS_TO", ("Diagnosis",), ("Diagnosis", "Phenotype")),
        Relationship("LOADED", ("Study",), ("Load",)),
        Relationship("INCLUDES", ("Cohort",), ("Patient",)),
        Relationship("RANKS", ("Run",), (*FEATURES, *CODES, "Pathway")),
        Relationship("PREDICTS", ("Run",), ("Patient",)),
    )
}


def code_label(curie: str) -> str:
    """The label of a code, by its prefix; Code for a prefix that the table does not hold."""
    return CODE_LABEL.get(curie.split(":", 1)[0], "Code")


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
