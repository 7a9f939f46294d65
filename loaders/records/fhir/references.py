"""FHIR references: `Patient/1`, `urn:uuid:…`, absolute URLs and identifiers -> one spelling, `Type/id`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

_TYPED = re.compile(r"(?:^|/)([A-Z][A-Za-z]{2,40})/([^/?#|\s]+)(?:/_history/[^/?#]*)?/?(?:\|[^|]*)?$")
_CONDITIONAL = re.compile(r"^([A-Z][A-Za-z]{2,40})\?(?:.*&)?identifier=([^&]*)")


def reference_text(reference: Any, expected: str = "") -> str | None:
    """What a Reference points at, as text; one that has only an identifier as `Type?system|value`.

    Example:
        >>> reference_text({"identifier": {"system": "urn:mrn", "value": "7"}}, "Patient")
        'Patient?urn:mrn|7'
    """
    if isinstance(reference, str):
        return reference or None
    if not isinstance(reference, dict):
        return None
    text, identifier = reference.get("reference"), reference.get("identifier")
    if isinstance(text, str) and text.strip():
        return text.strip()
    if isinstance(identifier, dict) and identifier.get("value") is not None:
        kind = reference.get("type") if isinstance(reference.get("type"), str) else expected
        return f"{kind}?{identifier.get('system') or ''}|{identifier['value']}"
    return None


def canonical(reference: str, aliases: Mapping[str, str]) -> str:
    """`Type/id` of what a reference names; `Type?system|value` where it is an identifier, `/id` without a type.

    Args: aliases: full URL -> Type/id, of the resources of the same bundle.
    Example:
        >>> [canonical(r, {"urn:uuid:a": "Patient/1"}) for r in ("urn:uuid:a", "https://h/fhir/Patient/2/_history/3", "urn:uuid:b")]
        ['Patient/1', 'Patient/2', '/b']
    """
    if reference in aliases:
        return aliases[reference]
    if reference.startswith("#"):
        return f"contained/{reference[1:]}"  # it lies within, and has no identity outside
    if (found := _CONDITIONAL.match(reference)) is not None:
        return f"{found[1]}?{found[2]}"
    if (found := _TYPED.search(reference)) is not None:
        return f"{found[1]}/{found[2]}"
    if "?" in reference:
        return reference
    return "/" + local_id(reference)


def local_id(url: str) -> str:
    """The last part of a URL or URN: what a resource without an `id` is called.

    Example:
        >>> [local_id("urn:uuid:7"), local_id("https://h/fhir/Patient/8")]
        ['7', '8']
    """
    return re.split(r"[/:]", url.rstrip("/"))[-1]


def resolved(references: pl.Series, kind: str, identifiers: pl.DataFrame) -> pl.DataFrame:
    """The ids that references name, where they name something of this kind.

    Args:
        references: (n,) as `canonical` gives them.
        identifiers: kind, id, system, value of the resources that were read.
    Returns: (n,) id, null where there is none; strange: whether it names something of another kind.
    """
    distinct = references.drop_nulls().unique().cast(pl.String)
    parts = distinct.str.extract_groups(
        r"^([A-Za-z]*)(?:/(?P<id>.+)|\?(?P<system>[^|]*)\|?(?P<value>.*))$"
    ).struct.unnest()
    table = parts.rename({parts.columns[0]: "of"}).with_columns(distinct.alias("reference"))
    other = ~pl.col("of").is_in(["", kind]).fill_null(True)
    mine = identifiers.filter(pl.col("kind") == kind)
    both = mine.with_columns(system=pl.lit(""))  # `Patient?identifier=7`
    known = pl.concat([mine, both]).select("system", "value", found="id").unique()
    once = known.unique(["system", "value"], keep="none")  # an identifier of two is nobody's
    alone = table.with_columns(
        value=pl.when(pl.col("value") == "").then("system").otherwise("value"),
        system=pl.when(pl.col("value") == "").then(pl.lit("")).otherwise("system"),
    )
    table = alone.join(once, on=["system", "value"], how="left", maintain_order="left")
    table = table.select("reference", id=pl.when(~other).then(pl.coalesce("id", "found")), strange=other)
    rows = (
        references.cast(pl.String)
        .alias("reference")
        .to_frame()
        .join(table, on="reference", how="left", maintain_order="left")
    )
    return rows.select("id", pl.col("strange").fill_null(False))
