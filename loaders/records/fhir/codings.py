"""FHIR codings: the code systems that Clinome knows by their URL, and which coding of a concept becomes the event."""

from __future__ import annotations

import re

import polars as pl

from ...identifiers.curie import codes

_OID = "urn:oid:2.16.840.1.113883.6."
SYSTEMS = {
    "snomed.info/sct": "SNOMED", f"{_OID}96": "SNOMED",
    "loinc.org": "LOINC", f"{_OID}1": "LOINC",
    "www.nlm.nih.gov/research/umls/rxnorm": "RXNORM", f"{_OID}88": "RXNORM",
    "hl7.org/fhir/sid/icd-10-cm": "ICD10CM", f"{_OID}90": "ICD10CM",
    "terminology.hl7.org/codesystem/icd-10-cm": "ICD10CM",
    "hl7.org/fhir/sid/icd-10": "ICD10", f"{_OID}3": "ICD10",
    "fhir.de/codesystem/bfarm/icd-10-gm": "ICD10", "fhir.de/codesystem/dimdi/icd-10-gm": "ICD10",
    "hl7.org/fhir/sid/icd-9-cm": "ICD9CM", "hl7.org/fhir/sid/icd-9-cm/diagnosis": "ICD9CM", f"{_OID}103": "ICD9CM",
    "terminology.hl7.org/codesystem/icd-9cm-diagnosiscodes": "ICD9CM", "terminology.hl7.org/codesystem/icd9": "ICD9CM",
    "hl7.org/fhir/sid/icd-9-cm/procedure": "ICD9PROC", f"{_OID}104": "ICD9PROC",
    "terminology.hl7.org/codesystem/icd-9cm-procedurecodes": "ICD9PROC",
    "hl7.org/fhir/sid/icd-10-pcs": "ICD10PCS", "www.cms.gov/medicare/coding/icd10": "ICD10PCS", f"{_OID}4": "ICD10PCS",
    "www.ama-assn.org/go/cpt": "CPT", f"{_OID}12": "CPT",
    "www.cms.gov/medicare/coding/hcpcsreleasecodesets": "HCPCS", f"{_OID}285": "HCPCS", f"{_OID}14": "HCPCS",
    "bluebutton.cms.gov/resources/codesystem/hcpcs": "HCPCS", "terminology.hl7.org/codesystem/hcpcs-all-codes": "HCPCS",
    "www.whocc.no/atc": "ATC", "fhir.de/codesystem/bfarm/atc": "ATC", "fhir.de/codesystem/dimdi/atc": "ATC", f"{_OID}73": "ATC",
    "hl7.org/fhir/sid/cvx": "CVX", "urn:oid:2.16.840.1.113883.12.292": "CVX",
    "hl7.org/fhir/sid/ndc": "NDC", f"{_OID}69": "NDC",
    "purl.obolibrary.org/obo/mondo.owl": "MONDO", "purl.obolibrary.org/obo/hp.owl": "HP",
    "human-phenotype-ontology.org": "HP", "www.orpha.net": "ORPHA", "www.omim.org": "OMIM",
    "www.nlm.nih.gov/research/umls": "UMLS",
}  # fmt: skip
"""Code system, in lower case and without https:// and a last slash -> vocabulary."""

_BY_NAME = (
    (r"(?:diagnos[ei]s|dx)[-_]?icd[-_]?9(?:[-_]?cm)?", "ICD9CM"), (r"(?:diagnos[ei]s|dx)[-_]?icd[-_]?10(?:[-_]?cm)?", "ICD10CM"),
    (r"(?:procedures?|px)[-_]?icd[-_]?9(?:[-_]?cm)?", "ICD9PROC"),
    (r"(?:procedures?|px)[-_]?icd[-_]?10(?:[-_]?pcs)?", "ICD10PCS"),
    (r"medication[-_]ndc", "NDC"),
)  # fmt: skip
"""The end of a local system's name -> vocabulary, as MIMIC-IV on FHIR calls its copies (mimic-diagnosis-icd9)."""

ORDER = (
    "ICD10CM", "ICD10", "ICD9CM", "LOINC", "RXNORM", "ATC", "CPT", "HCPCS", "ICD10PCS", "ICD9PROC", "CVX", "NDC", "SNOMED",
    "MONDO", "ORPHA", "OMIM", "HP", "UMLS",
)  # fmt: skip
"""Which of a concept's codings becomes the event: the first vocabulary of these; of one vocabulary the first coding."""

LOCAL = {"drug": "DRUG", "result": "VALUE"}
"""What the codes of an unknown system are, by what the resource is about; all others are LOCAL."""

CODINGS = {
    "statement": pl.Int64, "place": pl.Int64, "about": pl.String, "system": pl.String, "code": pl.String,
    "display": pl.String,
}  # fmt: skip
"""A row a coding: of which statement, its place there, what that is about (drug, result, procedure, allergy, "")."""


def vocabulary_of(system: str | None, about: str = "") -> str | None:
    """The vocabulary of a code system; None for one that is not known. Versions behind the URL do not matter.

    Example:
        >>> [vocabulary_of("http://snomed.info/sct|2020"), vocabulary_of("https://h/CodeSystem/mimic-diagnosis-icd9"), vocabulary_of("http://h/labs")]
        ['SNOMED', 'ICD9CM', None]
    """
    if system is None:
        return None
    url = re.sub(r"^https?://", "", system.strip().lower().partition("|")[0]).rstrip("/")
    url = "snomed.info/sct" if url.startswith("snomed.info/sct/") else url
    found = SYSTEMS.get(url)
    if found is None:
        found = next((name for ending, name in _BY_NAME if re.search(rf"(?:^|[-_/]){ending}$", url)), None)
    return "ICD9PROC" if found == "ICD9CM" and about == "procedure" else found


def local_name(system: str | None, code: str) -> str:
    """A code of an unknown system: the last part of the system's URL before it.

    Example:
        >>> local_name("http://h/CodeSystem/d-labitems", "50912")
        'd-labitems/50912'
    """
    name = re.split(r"[/:#]", (system or "").partition("|")[0].rstrip("/"))[-1]
    return f"{name}/{code}" if name else code


def chosen(codings: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Of every concept the coding that becomes its event, as a CURIE, and how many were set beside it.

    Args: codings: as CODINGS says. A statement of none of whose codings a code can be made is left out.
    Returns: statement, code, name (the coding's display); counts.
    """
    each = codings.drop_nulls("code").filter(pl.col("code").str.strip_chars() != "")
    each = _with_curies(each).drop_nulls("curie")
    known = each.filter("known")
    beside = known.height - known["statement"].n_unique()
    first = each.sort("statement", "rank", "place").unique("statement", keep="first", maintain_order=True)
    allergy = pl.lit("ALLERGY:") + pl.col("curie").str.replace(":", "/", literal=True)
    code = pl.when(pl.col("about") == "allergy").then(allergy).otherwise("curie")
    found = first.select("statement", code=code, name="display", known="known")
    counts = {
        "codings of known vocabularies beside the one that became the event": beside,
        "concepts without a coding of a known vocabulary, kept under their own system's name": int((~found["known"]).sum()),
    }
    return found.drop("known"), counts


def _with_curies(codings: pl.DataFrame) -> pl.DataFrame:
    """The rows with curie (null: it can be no code), known (of a vocabulary with a name), rank."""
    named = codings.select("system", "about").unique()
    vocabulary = [vocabulary_of(system, about) for system, about in named.iter_rows()]
    own = [name or LOCAL.get(about, "LOCAL") for name, about in zip(vocabulary, named["about"], strict=True)]
    named = named.with_columns(
        pl.Series("vocabulary", own, pl.String),
        pl.Series("known", [name is not None for name in vocabulary], pl.Boolean),
        pl.Series("rank", [ORDER.index(name) if name in ORDER else len(ORDER) + (name is None) for name in vocabulary], pl.Int64),
    )  # fmt: skip
    rows = codings.join(named, on=["system", "about"], how="left", nulls_equal=True, maintain_order="left")
    distinct = rows.select("vocabulary", "known", "system", "code").unique(maintain_order=True)
    spelt = [
        code if known else local_name(system, code.strip())
        for known, system, code in distinct.select("known", "system", "code").iter_rows()
    ]
    distinct = distinct.with_columns(pl.Series("spelt", spelt, pl.String))
    parts = [
        part.with_columns(curie=codes(part["spelt"], str(name))[0])
        for (name,), part in distinct.partition_by("vocabulary", as_dict=True, maintain_order=True).items()
    ]
    if not parts:
        return rows.with_columns(curie=pl.lit(None, pl.String))
    keys = ["vocabulary", "known", "system", "code"]
    curies = pl.concat(parts).select(*keys, "curie")
    return rows.join(curies, on=keys, how="left", nulls_equal=True, maintain_order="left")
