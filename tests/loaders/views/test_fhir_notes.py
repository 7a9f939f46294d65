"""Notes in FHIR: texts within the resource, whose they are by whichever reference, and what is counted instead of read."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path

import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Notes
from clinome.loaders.tables import NEVER, Known

KNOWN = Known(None, None, GeneTable.empty())


def _attached(text: str, kind: str = "text/plain; charset=utf-8") -> dict[str, object]:
    return {"attachment": {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}}


def _note(subject: str, *content: dict[str, object], **more: object) -> dict[str, object]:
    return {"resourceType": "DocumentReference", "subject": {"reference": subject}, "date": "2020-01-05T10:00:00Z",
            "type": {"coding": [{"display": "Progress note"}]}, "content": list(content), **more}  # fmt: skip


def test_texts_within_resources_are_notes(tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:mrn", "value": "77"}]}
    report = {"resourceType": "DiagnosticReport", "subject": {"reference": "Patient/p1"}, "code": {"text": "CT chest"},
              "effectiveDateTime": "2020-01-03", "issued": "2020-01-04T08:00:00Z", "conclusion": "No embolism."}  # fmt: skip
    resources = [
        {"fullUrl": "urn:uuid:a", "resource": patient},
        {"resource": _note("urn:uuid:a", _attached("<p>Fever &amp; cough</p>", "text/html"))},
        {"resource": _note("Patient?identifier=urn:mrn|77", _attached("well"))},
        {"resource": _note("Patient/p1", {"attachment": {"url": "Binary/1"}})},
        {"resource": _note("Patient/p1", _attached("%PDF", "application/pdf"))},
        {"resource": _note("Patient/p1", _attached("never"), status="entered-in-error")},
        {"resource": report},
        {"resource": {**report, "issued": None, "conclusion": "Nobody says when."}},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": resources}
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    loaded = read_source(Notes((tmp_path / "b.json",), name="n", format="fhir"), KNOWN)
    assert loaded.notes is not None and loaded.notes["subject_id"].unique().to_list() == ["p1"]
    found = {text: (kind, known) for text, kind, known in loaded.notes.select("text", "kind", "known_time").iter_rows()}
    assert found == {
        "Fever & cough": ("NOTE:progress note", datetime(2020, 1, 5, 10)),
        "well": ("NOTE:progress note", datetime(2020, 1, 5, 10)),
        "No embolism.": ("NOTE:ct chest", datetime(2020, 1, 4, 8)),
        "Nobody says when.": ("NOTE:ct chest", NEVER),
    }
    assert loaded.tally.read == 4
    assert {said.partition(":")[0]: n for said, n in loaded.counts.items()} == {
        "notes whose text lies elsewhere (url)": 1, "attachments that are no text": 1,
        "rows of which nobody says when they were known": 1,
    }  # fmt: skip
    by_mrn = read_source(Notes((tmp_path / "b.json",), name="n", format="fhir", subject="urn:mrn"), KNOWN).notes
    assert by_mrn is not None and by_mrn["subject_id"].unique().to_list() == ["77"]


def test_an_export_without_a_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "d.ndjson").write_text(json.dumps(_note("Patient/1", {"attachment": {"url": "Binary/1"}})) + "\n")
    with pytest.raises(InputError, match="holds no text of a note"):
        read_source(Notes((tmp_path / "d.ndjson",), name="n", format="fhir"), KNOWN)
