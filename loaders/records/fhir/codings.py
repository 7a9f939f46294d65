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
    "ICD10CM", "ICD10", "ICD9CM", "LOINC", "RXNORM", "ATC", "CPT", "HCPCS", "ICD10PCS", "ICD9PROC", "CVX", "NDC", "SNOMED", "SNOMEDPROC", "SNOMEDOBS",
    "MONDO", "ORPHA", "OMIM", "HP", "UMLS",
)  # fmt: skip
"""Which of a concept's codings becomes the event: the first vocabulary of these; of one vocabulary the first coding."""

ABOUT = {
    ("ICD9CM", "procedure"): "ICD9PROC", ("SNOMED", "procedure"): "SNOMEDPROC",
    **{("SNOMED", about): "SNOMEDOBS" for about in ("drug", "result", "report")},
}  # fmt: skip
"""A vocabulary of diseases, procedures and findings, and what the resource is about -> the prefix that says which it is."""

LOCAL = {"drug": "DRUG", "result": "VALUE"}
"""What the codes of an unknown system are, by what the resource is about; all others are LOCAL."""

CODINGS = {"statement": pl.Int64, "place": pl.Int64, "coding": pl.Int64}
"""A row a coding: of which statement, its place there, and which of DISTINCT it is."""
DISTINCT = {"about": pl.String, "system": pl.String, "code": pl.String, "display": pl.String}
"""A row a coding that is unlike all others. about: as `resources.Form` says it."""


def vocabulary_of(system: str | None, about: str = "") -> str | None:
    """The vocabulary of a code system; None for one that is not known. Versions behind the URL do not matter.

    Example:
        >>> [vocabulary_of("http://snomed.info/sct|2020", "condition"), vocabulary_of("https://h/CodeSystem/mimic-diagnosis-icd9"), vocabulary_of("http://h/labs")]
        ['SNOMED', 'ICD9CM', None]
    """
    if system is None:
        return None
    url = re.sub(r"^https?://", "", system.strip().lower().partition("|")[0]).rstrip("/")
    url = "snomed.info/sct" if url.startswith("snomed.info/sct/") else url
    found = SYSTEMS.get(url)
    if found is None:
        found = next((name for ending, name in _BY_NAME if re.search(rf"(?:^|[-_/]){ending}$", url)), None)
    return ABOUT.get((found or "", about), found)


def local_name(system: str | None, code: str) -> str:
    """A code of an unknown system: the last part of the system's URL before it.

    Example:
        >>> local_name("http://h/CodeSystem/d-labitems", "50912")
        'd-labitems/50912'
    """
    name = re.split(r"[/:#]", (system or "").partition("|")[0].rstrip("/"))[-1]
    return f"{name}/{code}" if name else code


def chosen(codings: pl.DataFrame, distinct: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Of every concept the coding that becomes its event, as a CURIE, and how many were set beside it.

    Args:
        codings, distinct: as CODINGS and DISTINCT say; a coding is the number of its row in `distinct`. A statement of
            none of whose codings a code can be made is left out.
    Returns: statement, code, name (the coding's display); counts.
    """
    possible = _with_curies(distinct).with_row_index("coding").cast({"coding": pl.Int64}).drop_nulls("curie")
    each = codings.join(possible.select("coding", "rank", "known"), on="coding", how="inner", maintain_order="left")
    known = each.filter("known")
    beside = known.height - known["statement"].n_unique()
    first = each.sort("statement", "rank", "place").unique("statement", keep="first", maintain_order=True)
    allergy = pl.lit("ALLERGY:") + pl.col("curie").str.replace(":", "/", literal=True)
    code = pl.when(pl.col("about") == "allergy").then(allergy).otherwise("curie")
    named = possible.select("coding", code=code, name="display")
    counts = {
        "codings of known vocabularies beside the one that became the event": beside,
        "concepts without a coding of a known vocabulary, kept under their own system's name": int(
            (~first["known"]).sum()
        ),
    }
    return first.join(named, on="coding", how="left", maintain_order="left").select("statement", "code", "name"), counts


def _with_curies(distinct: pl.DataFrame) -> pl.DataFrame:
    """The codings with curie (null: it can be no code), known (of a vocabulary with a name), rank."""
    found = [vocabulary_of(system, about) for about, system in distinct.select("about", "system").iter_rows()]
    spelt = [
        code if name else local_name(system, code)
        for name, system, code in zip(found, distinct["system"], distinct["code"], strict=True)
    ]
    rows = distinct.with_columns(
        vocabulary=pl.Series(
            [n or LOCAL.get(a, "LOCAL") for n, a in zip(found, distinct["about"], strict=True)], dtype=pl.String
        ),
        known=pl.Series([name is not None for name in found], dtype=pl.Boolean),
        rank=pl.Series([ORDER.index(n) if n in ORDER else len(ORDER) + (n is None) for n in found], dtype=pl.Int64),
        spelt=pl.Series(spelt, dtype=pl.String),
    ).with_row_index("at")
    curies = [pl.DataFrame(schema={"at": pl.UInt32, "curie": pl.String})]
    for (name,), part in rows.partition_by("vocabulary", as_dict=True, maintain_order=True).items():
        curies.append(part.select("at", curie=codes(part["spelt"], str(name))[0]))
    return rows.join(pl.concat(curies), on="at", how="left", maintain_order="left").drop("at", "spelt", "vocabulary")
