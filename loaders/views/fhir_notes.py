"""FHIR notes: the texts of DocumentReference and DiagnosticReport, plain or HTML, that lie in the resource itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger
from ..records.fhir.files import Entry, Fault, entries, fhir_files
from ..records.fhir.references import canonical, local_id, reference_text, resolved
from ..records.fhir.resources import NOTHING, tables
from ..records.fhir.times import moments
from ..specs import Notes
from ..tables import NEVER, Known, Loaded
from .dated_rows import refuse_undated
from .note_table import as_notes

KINDS = ("DocumentReference", "DiagnosticReport")
_CELLS = {
    ROW: pl.Int64, "subject": pl.String, "visit": pl.String, "time": pl.String, "known": pl.String, "kind": pl.String,
    "of": pl.String, "text": pl.String,
}  # fmt: skip
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_PLAIN, _HTML = ("text/plain", "text/markdown", ""), ("text/html", "application/xhtml+xml")


def read_fhir_notes(spec: Notes, known: Known) -> Loaded:
    """Read `[notes.NAME]` of format fhir: bundles, bulk-export ndjson, or a folder of them.

    A row is a DocumentReference or DiagnosticReport with a text: its attachments in base64 (plain text or HTML), and a
    report's conclusion. One whose text lies elsewhere (`url`), or is a PDF, is counted. It is known at its `date`, a report
    when it was `issued`; a report without that is no input.

    Args: spec.subject: the system of the patients' identifier, as in `[records.NAME]`; default: the resource's id.
    Returns: Loaded with notes, or vectors where the section names a model.
    Raises: InputError for a path without a FHIR file, or without a text in it.
    """
    ledger = Ledger(spec.source)
    aliases: dict[str, str] = {}
    names: list[tuple[str, str, str, str]] = []
    cells: list[tuple[Any, ...]] = []
    total = 0
    for file in (one for path in spec.path for one in fhir_files(path)):
        ledger.begin(file.name)
        for entry in entries(file):
            if isinstance(entry, Fault):
                total += 1
                ledger.read(1)
                ledger.reject([total], entry.where, "", entry.expected, "export it again")
            elif entry.resource["resourceType"] in ("Patient", "Encounter"):
                _remember(entry, aliases, names)
            elif entry.resource["resourceType"] in KINDS and _stands(entry.resource):
                text, beside = _text(entry.resource)
                ledger.count(beside)
                if text:
                    total += 1
                    ledger.read(1)
                    cells.append((total, *_said(entry.resource), text))
    if not cells:
        fix = "notes often lie in another export (DocumentReference), or behind a `url`"
        raise InputError("holds no text of a note", spec.path[0], "; ".join(ledger.counts) or None, "notes", fix)
    rows = pl.DataFrame(cells, schema=_CELLS, orient="row")
    identifiers = pl.DataFrame(names, schema=["kind", "id", "system", "value"], orient="row") if names else _NOBODY
    rows = _whose(rows, aliases, identifiers, spec)
    rows = refuse_undated(_timed(rows), known, ledger)
    return as_notes(rows, spec, ledger, clock="dated")


_NOBODY = pl.DataFrame(schema=dict.fromkeys(("kind", "id", "system", "value"), pl.String))


def _remember(entry: Entry, aliases: dict[str, str], names: list[tuple[str, str, str, str]]) -> None:
    """What a patient or an encounter is called elsewhere."""
    resource = entry.resource
    kind = resource["resourceType"]
    id = str(resource.get("id") or (local_id(entry.full_url) if entry.full_url else ""))
    if id and entry.full_url:
        aliases[entry.full_url] = f"{kind}/{id}"
    for one in tables(resource.get("identifier")) if id else ():
        if isinstance(one.get("value"), str):
            names.append((kind, id, str(one.get("system") or ""), one["value"]))


def _stands(resource: dict[str, Any]) -> bool:
    return resource.get("status") not in NOTHING and resource.get("docStatus") not in NOTHING


def _said(resource: dict[str, Any]) -> tuple[str | None, ...]:
    """subject, visit, time, known, kind and type of resource, as they stand."""
    report = resource["resourceType"] == "DiagnosticReport"
    context = resource.get("context")
    inside = context.get("encounter") if isinstance(context, dict) else context
    visit = reference_text(next(iter(tables(resource.get("encounter") or inside)), None), "Encounter")
    effective = resource.get("effectiveDateTime")
    if effective is None and isinstance(period := resource.get("effectivePeriod"), dict):
        effective = period.get("end") or period.get("start")
    written = resource.get("date") or resource.get("created") or resource.get("indexed")
    time, known = (effective or resource.get("issued"), resource.get("issued")) if report else (written, written)
    kind = next((said for one in tables(resource.get("code" if report else "type")) if (said := _words(one))), None)
    subject = reference_text(resource.get("subject"), "Patient")
    return (
        subject,
        visit,
        *(one if isinstance(one, str) else None for one in (time, known, kind)),
        resource["resourceType"],
    )


def _words(concept: dict[str, Any]) -> str | None:
    coded = (one.get("display") for one in tables(concept.get("coding")))
    said = (concept.get("text"), *coded)
    return next((one for one in said if isinstance(one, str) and one.strip()), None)


def _text(resource: dict[str, Any]) -> tuple[str, dict[str, int]]:
    """All texts of a resource, and what of it is no text that is read, in words for the ledger."""
    parts = [resource["conclusion"]] if isinstance(resource.get("conclusion"), str) else []
    elsewhere = other = 0
    for attachment in _attachments(resource):
        data, kind = attachment.get("data"), str(attachment.get("contentType") or "").partition(";")[0].strip().lower()
        if not isinstance(data, str):
            elsewhere += isinstance(attachment.get("url"), str)
        elif kind not in (*_PLAIN, *_HTML) or (text := _decoded(data)) is None:
            other += 1
        else:
            parts.append(unescape(_TAG.sub(" ", text)) if kind in _HTML else text)
    counts = {
        "notes whose text lies elsewhere (url): not read": elsewhere,
        "attachments that are no text: not read": other,
    }
    return "\n".join(one.strip() for one in parts if one.strip()), counts


def _attachments(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from tables(resource.get("presentedForm"))
    for content in tables(resource.get("content")):
        yield from tables(content.get("attachment"))


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _whose(rows: pl.DataFrame, aliases: dict[str, str], identifiers: pl.DataFrame, spec: Notes) -> pl.DataFrame:
    """subject_id and visit_id in place of references."""
    made = {}
    for column, kind, name in (("subject", "Patient", "subject_id"), ("visit", "Encounter", "visit_id")):
        known = {one: canonical(one, aliases) for one in rows[column].drop_nulls().unique()}
        found = resolved(rows[column].replace(known), kind, identifiers)["id"]
        made[name] = found
    if isinstance(spec.subject, str):
        mine = identifiers.filter((pl.col("kind") == "Patient") & (pl.col("system") == spec.subject))
        called = dict(mine.unique("id", keep="first", maintain_order=True).select("id", "value").iter_rows())
        made["subject_id"] = made["subject_id"].replace_strict(called, default=None, return_dtype=pl.String)
    return rows.with_columns(one.alias(name) for name, one in made.items())


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """first, last moment of the note, and the last one at which it can have become known."""
    time, known = moments(rows["time"], rows["of"]), moments(rows["known"], rows["of"])
    last = pl.Series("known_time", known["last"]).fill_null(NEVER)
    made = rows.drop("time", "known").with_columns(
        time["first"].alias("time"), last, bad=time["bad"].fill_null(False) | known["bad"].fill_null(False)
    )
    early = pl.col("known_time") < pl.col("time")
    return made.with_columns(
        known_time=pl.when(early & (pl.col("known_time").dt.date() == pl.col("time").dt.date()))
        .then("time")
        .otherwise("known_time")
    )
