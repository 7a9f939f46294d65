"""Reader registry: which reader makes tables of which source. A new format is a file, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from importlib import import_module

from .bundles.cbioportal import Sections
from .errors import InputError
from .specs import AnySource, Bundle, Images, Knowledge, Notes, Omics, Patients, Records, Samples
from .tables import Known, Loaded

RECORDS = {
    "meds": ".records.meds.reader:read_meds",
    "omop": ".records.omop.reader:read_omop",
    "fhir": ".records.fhir.reader:read_fhir",
    "mimic3": ".records.mimic.reader:read_mimic3",
    "mimic4": ".records.mimic.reader:read_mimic4",
    "synthea": ".records.synthea:read_synthea",
    "eicu": ".records.eicu.reader:read_eicu",
    "hourly": ".records.hourly.reader:read_hourly",
    "timeline": ".records.timeline:read_timeline",
    "csv": ".records.csv_tables:read_encounters",
}
"""`[records.NAME] format` -> the module and function that read it."""
RELATIVE = ("eicu", "hourly", "timeline")
"""Those of them that count time since something of the patient's own, whatever the study says."""
NOTES = {
    **dict.fromkeys(("table", "csv", "tsv", "txt", "parquet", "xlsx"), ".views.note_table:read_notes"),
    **dict.fromkeys(("omop", "mimic3", "mimic4"), ".views.note_table:read_notes"),
    "fhir": ".views.fhir_notes:read_fhir_notes",
}
"""`[notes.NAME] format` -> the same."""
KNOWLEDGE = {
    "gmt": ".knowledge.gmt:read_gmt",
    "obo": ".knowledge.obo:read_obo",
    "sssom": ".knowledge.sssom:read_sssom",
    "hpoa": ".knowledge.hpoa:read_hpoa",
    "hierarchy": ".knowledge.hierarchy:read_hierarchy",
    "ccs": ".knowledge.ccs:read_ccs",
    "gem": ".knowledge.gem:read_gem",
    **dict.fromkeys(("edges", "csv", "tsv", "txt", "parquet"), ".knowledge.edge_list:read_edges"),
}
"""`[knowledge.NAME] format`, or what the first file's name ends on -> the same."""
BUNDLES = {"cbioportal": ".bundles.cbioportal:read_cbioportal"}
"""`[bundle.NAME] format` -> what makes sections of a study folder."""


def read_bundle(spec: Bundle) -> Sections:
    """The sections that a study folder stands for. Raises: InputError where it is none."""
    module, _, name = BUNDLES[spec.format].partition(":")
    found: Sections = getattr(import_module(module, __package__), name)(spec)
    return found


def read_source(spec: AnySource, known: Known) -> Loaded:
    """Read one source. Its measurements come in one unit a code, its codes with what their structure says lies above them.

    Raises: InputError where its files are wrong, or their format is none.
    """
    match spec:
        case Patients():
            return _read(".subjects.patients:read_patients")(spec, known)
        case Samples():
            return _read(".subjects.samples:read_samples")(spec, known)
        case Omics(kind="mutation"):
            return _read(".omics.mutations:read_mutations")(spec, known)
        case Omics():
            return _read(".omics.layer:read_omics")(spec, known)
        case Records():
            measured = _read(".measurements.one_unit:in_one_unit")(_records(spec)(spec, known))
            return _read(".knowledge.structure:with_structure")(measured, spec)
        case Notes():
            return _named(NOTES, spec.format or "table", spec, ", ".join(NOTES))(spec, known)
        case Images():
            return _read(".views.vectors:read_vectors")(spec, known)
        case Knowledge():
            return _read(".knowledge.structure:with_structure")(_knowledge(spec)(spec, known), spec)


def _read(where: str) -> Callable[..., Loaded]:
    """The function that reads, imported when it is asked for."""
    module, _, name = where.partition(":")
    found: Callable[..., Loaded] = getattr(import_module(module, __package__), name)
    return found


def _records(spec: Records) -> Callable[..., Loaded]:
    if spec.labels and spec.format != "hourly":
        fix = "leave it out; what is no input is not named in `values`"
        raise InputError("a key of format hourly", f"[{spec.source}]", "labels", fix=fix)
    formats = ", ".join(RECORDS)
    if spec.format is None:
        raise InputError("records without a format", spec.source, expected=f"one of {formats}", fix="set `format`")
    return _named(RECORDS, spec.format, spec, formats)


def _knowledge(spec: Knowledge) -> Callable[..., Loaded]:
    _check_keys(spec)
    formats = "gmt, obo, sssom, hpoa, hierarchy, ccs, gem or edges (csv, tsv)"
    return _named(KNOWLEDGE, spec.format or _ending(spec), spec, formats)


def _named(
    table: Mapping[str, str], format: str, spec: Records | Notes | Knowledge, formats: str
) -> Callable[..., Loaded]:
    if format not in table:
        raise InputError("unknown format", spec.source, spec.format or spec.path[0].name, formats, "set `format`")
    return _read(table[format])


_KEYS = {"codes": ("hierarchy",), "matches": ("sssom",), "xref": ("obo",), "prefixes": ("obo", "sssom")}
"""Keys of knowledge that only some formats have."""


def _check_keys(spec: Knowledge) -> None:
    """Refuse a key that the format would not look at."""
    format = spec.format or _ending(spec)
    for field in fields(spec):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name in _KEYS and format not in _KEYS[field.name] and getattr(spec, field.name) != default:
            expected = " or ".join(_KEYS[field.name])
            raise InputError("no key of this format", f"[{spec.source}] {field.name}", format, expected, "leave it out")


def _ending(spec: Knowledge) -> str:
    """What the first file's name ends on, its compression apart; SSSOM's tables say so before it (`a.sssom.tsv`)."""
    name = spec.path[0].name.lower()
    for packed in (".gz", ".zip"):
        name = name.removesuffix(packed)
    return "sssom" if name.endswith((".sssom.tsv", ".sssom.csv")) else name.rpartition(".")[2]
