"""cBioPortal's molecular profiles: alteration type, datatype and assay -> the keys of an `[omics.NAME]` section.

Source: https://docs.cbioportal.org/file-formats/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOGGED_BELOW = 50.0
"""Expression that reaches higher and is never negative is no logarithm: log1p before anything else."""
NOT_READ = {
    "GISTIC_GENES_AMP": "regions of the whole cohort, no values of patients",
    "GISTIC_GENES_DEL": "regions of the whole cohort, no values of patients",
    "MUTSIG": "significance over the whole cohort, no values of patients",
    "GENESET_SCORE": "scores of gene sets, computed over the whole cohort, held-out patients with the others",
    "CANCER_TYPE": "a name and a colour for the portal",
    "MUTATION_UNCALLED": "variants that nobody called",
    "RESOURCE_DEFINITION": "links to web pages",
}
"""Alteration types that bring no measurements of patients, and why."""
LOCUS = ("Cytoband", "Locus ID", "Locus_ID")
"""Columns of copy number that say where a gene lies: `1p` is no number of a sample."""
ASSAYS = (
    (r"methyl", "methylation", "cpg"),
    (r"metabol|lipid", "metabolite", "opaque"),
    (r"phos|acetyl|ubiquit|glyco|protein|proteom", "protein", "opaque"),
)
"""Generic assays by what their type is called: kind, and what features are called."""


@dataclass(frozen=True)
class Profile:
    """One data file of a study: what its meta file says of it.

    name: its stable id without the study's. meta: all its keys. path: the data file.
    """

    name: str
    meta: Mapping[str, str]
    path: Path

    @property
    def type(self) -> str:
        return self.meta.get("genetic_alteration_type", "").upper()

    @property
    def datatype(self) -> str:
        return self.meta.get("datatype", "").upper()


def layer_keys(profile: Profile) -> dict[str, object] | str:
    """The keys of its section, path apart; or why it is not read."""
    type, datatype = profile.type, profile.datatype
    if type in NOT_READ:
        return NOT_READ[type]
    if type in ("MUTATION_EXTENDED", "MUTATION"):
        return {"kind": "mutation", "format": "maf"}
    if type in ("STRUCTURAL_VARIANT", "FUSION"):
        return {"kind": "mutation", "format": "sv"}
    if type == "COPY_NUMBER_ALTERATION":
        return _copy_number(datatype)
    if type == "GENERIC_ASSAY":
        return _assay(profile)
    if type == "MRNA_EXPRESSION" and datatype == "DISCRETE":
        return "expression as words or classes"
    kind = {"MRNA_EXPRESSION": "expression", "PROTEIN_LEVEL": "protein", "METHYLATION": "methylation"}.get(type)
    if kind is None:
        return f"an alteration type that is not known here ({type or 'none is given'})"
    mirna = kind == "expression" and re.search(r"mirna", profile.name, re.IGNORECASE)
    keys: dict[str, object] = {"kind": "mirna", "features": "symbol"} if mirna else {"kind": kind}
    return keys


def _copy_number(datatype: str) -> dict[str, object] | str:
    if datatype == "SEG":
        return {"kind": "copy_number", "format": "seg"}
    long = {"format": "long", "subject": "Sample_Id", "gene": "Hugo_Symbol", "value": "Value"}
    return {"kind": "copy_number", **(long if datatype == "DISCRETE_LONG" else {"drop": [*LOCUS]})}


def _assay(profile: Profile) -> dict[str, object] | str:
    called = profile.meta.get("generic_assay_type", "").lower()
    if profile.datatype != "LIMIT-VALUE":
        return f"a generic assay of {profile.datatype.lower() or 'no'} values"
    if profile.meta.get("patient_level", "").lower() == "true":
        return "a generic assay of patients, not of samples"
    for pattern, kind, features in ASSAYS:
        if re.search(pattern, called):
            said = profile.meta.get("generic_entity_meta_properties", "").split(",")
            properties = [name.strip() for name in said if name.strip()]
            return {"kind": kind, "features": features, **({"drop": properties} if properties else {})}
    return f"a generic assay of no kind of layer ({called or 'no type'}); name it in an [omics.NAME] of your own to have it"


def said_twice(profiles: Sequence[Profile]) -> dict[str, str]:
    """Profiles that say again, in other numbers, what another one says: name -> why it is left out.

    Z-scores are made over all patients of the study, held-out ones too: the values are taken where they are there. Of
    several z-scores of one measurement those over all samples are taken, of copy numbers the logarithm.
    """
    out: dict[str, str] = {}
    scores = [one for one in profiles if one.datatype == "Z-SCORE"]
    for score in scores:
        values = [
            p for p in profiles if p.type == score.type and p.datatype != "Z-SCORE" and _about(p) == _about(score)
        ]
        source = score.meta.get("source_stable_id", "").lower()
        values += [p for p in profiles if p is not score and source and source == p.meta.get("stable_id", "").lower()]
        same = [p for p in scores if p.type == score.type and _about(p) == _about(score)]
        best = min(same, key=lambda p: ("all_sample" not in p.path.name.lower() + p.name.lower(), p.name))
        if values:
            out[score.name] = f"z-scores over the whole cohort of what {values[0].path.name} holds"
        elif best is not score:
            out[score.name] = f"other z-scores of the same as {best.path.name}"
    logs = [p for p in profiles if p.type == "COPY_NUMBER_ALTERATION" and p.datatype == "LOG2-VALUE"]
    for linear in [p for p in profiles if p.type == "COPY_NUMBER_ALTERATION" and p.datatype == "CONTINUOUS"]:
        if logs:
            out[linear.name] = f"the copy number of which {logs[0].path.name} holds the logarithm"
    return out


def _about(profile: Profile) -> str:
    """What a profile measures: its name without what tells the kind of z-score."""
    name = re.sub(r"_?(median|all_samples?|diploid_samples?|merged)?_?z_?-?scores?.*$", "", profile.name.lower())
    return re.sub(r"_?(median|all_samples?|ref_.*)$", "", name)
