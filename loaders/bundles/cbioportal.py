"""cBioPortal study folder -> `[patients]`, `[samples]`, `[omics.*]` and `[records.timeline]` of a study file.

The meta files say what each data file is. Nothing is read here but them and the beginnings of the data: whatever is
behind the sections is as if a user had written them, and a section of the same name in the study file adds to one of
these, key by key.
Source: https://docs.cbioportal.org/file-formats/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..errors import ClinomeError, InputError
from ..files.text_table import read_cells
from ..specs import MISSING, Bundle
from .meta_file import read_meta, why_absent
from .profiles import LOGGED_BELOW, Profile, layer_keys, said_twice

MISSING_WORDS = (*MISSING, "[Not Available]", "[Not Applicable]", "[Unknown]", "[Not Evaluated]", "[Discrepancy]")
"""What cBioPortal's clinical tables write where nothing is known."""
CLINICAL = ("PATIENT_ATTRIBUTES", "SAMPLE_ATTRIBUTES", "MIXED_ATTRIBUTES", "TIMELINE")
USUAL = ("data_clinical_patient.txt", "data_clinical_sample.txt")
"""What the two tables are called where no meta file finds them."""
_HEAD = 2 << 20


@dataclass(frozen=True)
class Sections:
    """What a bundle stands for.

    tables: sections as TOML would read them, paths absolute: {"patients": {…}, "omics": {"mutations": {…}}}.
    left_out: file -> why it is not read.
    """

    tables: dict[str, Any]
    left_out: dict[str, str]


@dataclass
class _Study:
    """A study folder: what its meta files say."""

    folder: Path
    spec: Bundle
    id: str = ""
    clinical: dict[str, list[Path]] = field(default_factory=dict)
    profiles: list[Profile] = field(default_factory=list)
    panels: Path | None = None
    left_out: dict[str, str] = field(default_factory=dict)


def read_cbioportal(spec: Bundle) -> Sections:
    """The sections of a `[bundle.NAME]` of format cbioportal.

    Raises: InputError where there is no such folder, no meta file in it, or nobody's ids.
    Example: read_cbioportal(Bundle(path=Path("luad_tcga"), name="study")).tables["samples"]
    """
    folder = spec.path
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, fix="name the folder of a cBioPortal study")
    metas = sorted(path for path in folder.glob("meta*.txt") if path.is_file())
    if not metas:
        fix = "name the folder that holds meta_study.txt; without meta files `clinome init FOLDER` looks at the tables themselves"
        raise InputError(
            "no study folder of cBioPortal", folder, expected="meta_study.txt and other meta files", fix=fix
        )
    study = _Study(folder, spec)
    for meta in metas:
        _take(study, meta)
    tables = _people(study)
    layers = _layers(study)
    records = _records(study)
    named = {path.name for paths in study.clinical.values() for path in paths} | {p.path.name for p in study.profiles}
    named |= {study.panels.name} if study.panels else set()
    for path in sorted(folder.glob("data*")):
        if path.name not in named | set(study.left_out) and not path.name.startswith("data_gene_panel_"):
            study.left_out[path.name] = "no meta file names it"
    return Sections({**tables, "omics": layers, "records": records}, study.left_out)


def _take(study: _Study, path: Path) -> None:
    """One meta file: what it says goes to its place, or why it is not read."""
    try:
        meta = read_meta(path)
    except InputError as error:
        study.left_out[path.name] = error.what
        return
    study.id = study.id or meta.get("cancer_study_identifier", "")
    file = meta.get("data_filename", "")
    if not file:
        if "type_of_cancer" not in meta and "genetic_alteration_type" in meta:
            study.left_out[path.name] = "names no data file (data_filename)"
        return
    data = study.folder / Path(file).name
    if (why := why_absent(data)) is not None:
        study.left_out[data.name] = f"{why} ({path.name} names it)"
        return
    type, datatype = meta.get("genetic_alteration_type", "").upper(), meta.get("datatype", "").upper()
    if "resource_type" in meta:
        study.left_out[data.name] = "links to web pages"
    elif type == "CLINICAL" and datatype not in CLINICAL:
        study.left_out[data.name] = (
            f"a clinical table of a datatype that is not known here ({datatype or 'none is given'})"
        )
    elif type == "CLINICAL":
        study.clinical.setdefault(datatype, []).append(data)
    elif type == "GENE_PANEL_MATRIX":
        study.panels = data
    else:
        study.profiles.append(Profile(_stable(meta, path), meta, data))


def _stable(meta: Mapping[str, str], path: Path) -> str:
    """The profile's name: its stable id without the study's, else what its file is called."""
    name = meta.get("stable_id", "") or re.sub(r"^meta_|\.txt$", "", path.name)
    name = name.removeprefix(meta.get("cancer_study_identifier", "\0") + "_")
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "layer"


def _people(study: _Study) -> dict[str, Any]:
    """`[patients]` with what the samples' table says of them, and `[samples]`."""
    clinical = study.clinical
    patients = clinical.get("PATIENT_ATTRIBUTES", [])
    samples = [*clinical.get("SAMPLE_ATTRIBUTES", []), *clinical.get("MIXED_ATTRIBUTES", [])]
    patients, samples = (
        found or [path for path in (study.folder / name,) if why_absent(path) is None]
        for found, name in ((patients, USUAL[0]), (samples, USUAL[1]))
    )
    clinical |= {"PATIENT_ATTRIBUTES": patients, "SAMPLE_ATTRIBUTES": samples}
    if not samples:
        raise InputError(
            "no table of samples", study.folder, "no meta file of type CLINICAL and datatype SAMPLE_ATTRIBUTES names one",
            "a table of PATIENT_ID and SAMPLE_ID", "add its meta file, or the table that it names",
        )  # fmt: skip
    common = {"missing": list(MISSING_WORDS)}
    return {
        "patients": {"path": _paths([*patients, *samples]), "format": "cbioportal", "id": "PATIENT_ID", **common},
        "samples": {"path": _paths(samples), "format": "cbioportal", "id": "SAMPLE_ID", "subject": "PATIENT_ID", **common},
    }  # fmt: skip


def _records(study: _Study) -> dict[str, Any]:
    timelines = study.clinical.get("TIMELINE", [])
    return {"timeline": {"format": "timeline", "path": _paths(timelines)}} if timelines else {}


def _paths(paths: Iterable[Path]) -> list[str]:
    return [str(path.resolve()) for path in paths]


def _layers(study: _Study) -> dict[str, Any]:
    """`[omics.*]`: every profile that is read; those that are not are told."""
    asked, names = study.spec.layers, [profile.name for profile in study.profiles]
    for name in asked or ():
        if name not in names:
            fix = f"write some of {', '.join(names) or 'none'}, or leave `layers` out"
            raise InputError("no such profile in the study", f"[bundle.{study.spec.name}] layers", name, fix=fix)
    twice = said_twice(study.profiles) if asked is None else {}
    made: dict[str, Any] = {}
    for profile in study.profiles:
        keys = layer_keys(profile)
        if asked is not None and profile.name not in asked:
            keys = "not among the bundle's `layers`"
        if not isinstance(keys, str) and keys.get("format") == "seg":
            keys = _segments(study, profile, keys)
        if profile.name in twice:
            keys = f"{twice[profile.name]}; name {profile.name} in the bundle's `layers` to have it"
        if profile.name in made:
            keys = "another file of the same stable id is read"
        if isinstance(keys, str):
            study.left_out[profile.path.name] = keys
            continue
        more = _profiled(study, profile) if keys["kind"] == "mutation" else {}
        scale = {"scale": "log1p"} if keys["kind"] == "expression" and _no_logarithm(profile) else {}
        made[profile.name] = {"path": str(profile.path.resolve()), **keys, **scale, **more}
    return made


def _profiled(study: _Study, profile: Profile) -> dict[str, object]:
    """Who was looked at for mutations or structural variants: by the panels, and the case list of those sequenced."""
    found: dict[str, object] = {}
    events = profile.type in ("STRUCTURAL_VARIANT", "FUSION")
    case_list = _case_list(study, ("sv", "fusion") if events else ("sequenced",))
    if case_list is not None:
        found["profiled"] = str(case_list.resolve())
    panel = profile.meta.get("gene_panel", "")
    if panel:
        found["panel"] = panel
    elif study.panels is not None and profile.name in _columns(study.panels):
        found |= {"panels": str(study.panels.resolve()), "panel": profile.name}
    if len(found) > (case_list is not None):
        found["panel_genes"] = _paths(_panel_files(study))
    return {key: value for key, value in found.items() if value}


def _segments(study: _Study, profile: Profile, keys: dict[str, object]) -> dict[str, object] | str:
    """Segments become copy numbers of genes where the bundle says where genes lie."""
    build = profile.meta.get("reference_genome_id", "")
    if study.spec.positions is None:
        return f"segments of copy number: `positions` in the bundle, a table of genes in {build or 'their build'}, makes them a layer"
    return {**keys, "positions": str(study.spec.positions.resolve()), "build": build}


def _case_list(study: _Study, suffixes: Sequence[str]) -> Path | None:
    """The case list whose stable id ends so."""
    for path in sorted((study.folder / "case_lists").glob("*.txt")):
        try:
            stable = read_meta(path).get("stable_id", "").lower()
        except InputError as error:
            study.left_out[f"case_lists/{path.name}"] = error.what
            continue
        if any(stable == f"{study.id.lower()}_{suffix}" for suffix in suffixes):
            return path
    return None


def _columns(panels: Path) -> list[str]:
    try:
        return read_cells(panels, format="cbioportal", most=_HEAD).frame.columns
    except ClinomeError:
        return []


def _panel_files(study: _Study) -> list[Path]:
    """Files that say which genes a panel has: the study's own, and those of the folder that the bundle names."""
    folders = [study.folder, study.folder / "gene_panels"]
    folders += [study.spec.panels] if study.spec.panels is not None else []
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("data_gene_panel_*.txt"))]
    return [path for path in found if path != study.panels]


def _no_logarithm(profile: Profile) -> bool:
    """Whether values of expression are as they were counted: large, and never negative."""
    if profile.datatype != "CONTINUOUS":
        return False
    try:
        frame = read_cells(profile.path, format="cbioportal", most=_HEAD).frame
    except ClinomeError:  # told when the layer is read
        return False
    columns = [name for name in frame.columns if name not in ("Hugo_Symbol", "Entrez_Gene_Id")][:50]
    values = frame.select(columns).cast(pl.Float64, strict=False).to_numpy() if columns else np.zeros((0, 0))
    seen = values[np.isfinite(values)]
    return bool(seen.size) and float(seen.min()) >= 0 and float(seen.max()) > LOGGED_BELOW
