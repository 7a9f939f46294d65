"""Reader registry: which reader makes tables of which source."""

from __future__ import annotations

from dataclasses import MISSING, fields

from .errors import InputError, NotBuilt
from .specs import AnySource, Knowledge, Omics, Patients, Records, Samples
from .tables import Known, Loaded

RECORDS_LATER = ("omop", "fhir", "mimic3", "mimic4", "eicu")


def read_source(spec: AnySource, known: Known) -> Loaded:
    """Read one source.

    Raises: InputError where its files are wrong; NotBuilt for a format that this version does not read yet.
    """
    match spec:
        case Patients():
            from .subjects.patients import read_patients

            return read_patients(spec, known)
        case Samples():
            from .subjects.samples import read_samples

            return read_samples(spec, known)
        case Omics(kind="mutation"):
            from .omics.mutations import read_mutations

            return read_mutations(spec, known)
        case Omics():
            from .omics.layer import read_omics

            return read_omics(spec, known)
        case Records():
            return _read_records(spec, known)
        case Knowledge():
            return _read_knowledge(spec, known)


def _read_records(spec: Records, known: Known) -> Loaded:
    if spec.labels and spec.format != "hourly":
        fix = "leave it out; what is no input is not named in `values`"
        raise InputError("a key of format hourly", f"[{spec.source}]", "labels", fix=fix)
    match spec.format:
        case "meds":
            from .records.meds import read_meds

            return read_meds(spec, known)
        case "timeline":
            from .records.timeline import read_timeline

            return read_timeline(spec, known)
        case "hourly":
            from .records.hourly import read_hourly

            return read_hourly(spec, known)
        case "csv":
            from .records.csv_tables import read_encounters

            return read_encounters(spec, known)
        case None:
            raise InputError(
                "records without a format", spec.source, expected="meds, csv, hourly or timeline", fix="set `format`"
            )
        case later if later in RECORDS_LATER:
            raise NotBuilt(f"{spec.source}: format {later} is not read yet.", "bring it as meds, csv or timeline")
    raise InputError("unknown format", spec.source, spec.format, "meds, csv, hourly or timeline", "set `format`")


def _read_knowledge(spec: Knowledge, known: Known) -> Loaded:
    _check_keys(spec)
    match spec.format or _ending(spec):
        case "gmt":
            from .knowledge.gmt import read_gmt

            return read_gmt(spec, known)
        case "edges" | "csv" | "tsv" | "txt" | "parquet":
            from .knowledge.edge_list import read_edges

            return read_edges(spec, known)
        case "obo":
            from .knowledge.obo import read_obo

            return read_obo(spec, known)
        case "sssom":
            from .knowledge.sssom import read_sssom

            return read_sssom(spec, known)
        case "hpoa":
            from .knowledge.hpoa import read_hpoa

            return read_hpoa(spec, known)
        case "hierarchy":
            from .knowledge.hierarchy import read_hierarchy

            return read_hierarchy(spec, known)
    formats = "gmt, obo, sssom, hpoa, hierarchy or edges (csv, tsv)"
    raise InputError("unknown format", spec.source, spec.format or spec.path[0].name, formats, "set `format`")


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
