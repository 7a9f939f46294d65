"""Code set: codes that count as one thing: listed, from a value set (csv, OHDSI concept set), with what lies below them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ...loaders.files.regular_file import small_text
from ...loaders.identifiers.curie import codes as normalised
from ...loaders.identifiers.curie import meds_codes
from ..schema import CODES
from ..tables.study_tables import Tables

CODE_COLUMNS = ("code", "curie", "concept_code", "value")
VOCABULARY_COLUMNS = ("vocabulary", "vocabulary_id", "system", "code_system", "codesystem")
_LARGEST = 50_000_000


@dataclass(frozen=True)
class CodeSet:
    """Code set.

    codes: CURIEs as events have them. without: of these and, with descendants, what lies below them, nothing counts.
    descendants: codes below them count too: along IS_A, and of ICD behind the dot. maps: and what is mapped to one of all
    these (MAPS_TO). low, high: only events whose number lies in low <= number <= high.
    Example:
        >>> CodeSet.of(["icd9cm:428"]).codes
        ('ICD9CM:428',)
    """

    codes: tuple[str, ...]
    descendants: bool = False
    maps: bool = False
    low: float | None = None
    high: float | None = None
    without: tuple[str, ...] = ()
    below: frozenset[str] | None = None
    """Of `codes`, those whose descendants count; None: of all, where `descendants`."""
    below_without: frozenset[str] | None = None

    @classmethod
    def of(cls, codes: Iterable[str], **more: Any) -> CodeSet:
        """Codes as a user writes them, each with its vocabulary.

        Raises: InputError for what is no code with a vocabulary, or can be no code of it.
        """
        return cls(_with_vocabulary(pl.Series(list(codes), dtype=pl.String), "[target] codes"), **more)

    @property
    def words(self) -> str:
        """In short."""
        shown = ", ".join(self.codes[:3]) + (f" and {len(self.codes) - 3} more" if len(self.codes) > 3 else "")
        return shown + (" with all below" if self.descendants or self.below else "")

    def expand(self, tables: Tables) -> frozenset[str]:
        """The codes of the study's records that are in the set."""
        known, links = study_codes(tables), code_links(tables)
        found = self._reached(self.codes, self.below, known, links)
        return (found - self._reached(self.without, self.below_without, known, links)) & known

    def missing(self, tables: Tables) -> InputError:
        """What is said where the study has no event of the set."""
        near = get_close_matches(self.codes[0], sorted(study_codes(tables)), n=3, cutoff=0.4)
        bounds = self.low is not None or self.high is not None
        fix = "correct them" + ("" if self.descendants else "; descendants = true takes what lies below")
        what = "no event of this study has one of these codes" + (", with such a number" if bounds else "")
        return InputError(
            what, "[task] target, codes", self.words, f"for example {', '.join(near)}" if near else None, fix
        )

    def _reached(
        self, codes: Sequence[str], below: frozenset[str] | None, known: frozenset[str], links: pl.DataFrame
    ) -> frozenset[str]:
        tops = frozenset(codes if self.descendants else ()) if below is None else below
        found = frozenset(codes) | downwards(tops, known, links)
        if not self.maps:
            return found
        mapped = links.filter(pl.col("predicate") == "MAPS_TO", pl.col("object").is_in(list(found)))["subject"]
        return found | downwards(frozenset(mapped), known, links, ("IS_A", "MAPS_TO"))

    def holds(self) -> pl.Expr:
        """Whether an event's number is one that counts."""
        number = pl.col("numeric_value")
        says = [number >= self.low] if self.low is not None else []
        says += [number <= self.high] if self.high is not None else []
        return pl.all_horizontal(says).fill_null(False) if says else pl.lit(True)


def downwards(
    tops: frozenset[str], known: frozenset[str], links: pl.DataFrame, along: tuple[str, ...] = ("IS_A",)
) -> frozenset[str]:
    """These codes and everything below them: by links as far as they go, and of ICD codes behind the dot.

    Args:
        known: the study's codes. links: subject, predicate, object. along: the predicates that lead down.
    Example:
        >>> links = pl.DataFrame({"subject": ["b"], "predicate": ["IS_A"], "object": ["a"]})
        >>> sorted(downwards(frozenset({"a", "ICD9CM:428"}), frozenset({"ICD9CM:428.0"}), links))
        ['ICD9CM:428', 'ICD9CM:428.0', 'a', 'b']
    """
    children: dict[str, list[str]] = {}
    if tops:
        children = dict(links.filter(pl.col("predicate").is_in(along)).group_by("object").agg("subject").iter_rows())
        for code in known:
            if code.startswith("ICD") and "." in code:
                children.setdefault(code.split(".")[0], []).append(code)
    found, level = set(tops), list(tops)
    while level:
        fresh = {one for one in children.get(level.pop(), ()) if one not in found}
        found |= fresh
        level += fresh
    return frozenset(found)


def study_codes(tables: Tables, labels: Sequence[str] = (*CODES, "Phenotype")) -> frozenset[str]:
    """Every code that the study's records bring, of these labels."""
    records = [source for source in tables.sources() if "events.parquet" in tables.record(source)["checksums"]]
    found = (tables.nodes(source, label) for source in records for label in labels)
    return frozenset(code for table in found if table is not None for code in table["id"])


def code_links(tables: Tables) -> pl.DataFrame:
    """subject, predicate, object: what the study's knowledge says codes are kinds of (IS_A), or are mapped to (MAPS_TO)."""
    found = [table for source in tables.sources() if (table := tables.table(source, "links")) is not None]
    layout = {"subject": pl.String, "predicate": pl.String, "object": pl.String}
    wanted = [table.select(list(layout)).filter(pl.col("predicate").is_in(("IS_A", "MAPS_TO"))) for table in found]
    return pl.concat([pl.DataFrame(schema=layout), *wanted]).unique()


def read_code_set(path: Path, descendants: bool = False, **more: Any) -> CodeSet:
    """A value set: csv or tsv with a column of codes, or an OHDSI concept set (JSON).

    csv: `code` (with its vocabulary, or beside a column `vocabulary`). JSON: what ATLAS exports; each item says whether its
    descendants count, and whether it is taken out.
    Raises: InputError for a file that is not there, is none of these, or holds no code.
    """
    text = small_text(path, "file of codes", _LARGEST)
    if path.suffix.lower() == ".json":
        return _ohdsi(text, path, **more)
    return _table(text, path, descendants, **more)


def _table(text: str, path: Path, descendants: bool, **more: Any) -> CodeSet:
    head = text.split("\n", 1)[0]
    separator = "\t" if "\t" in head else ";" if ";" in head and "," not in head else ","
    try:
        table = pl.read_csv(text.encode(), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError:
        raise InputError(
            "a file of codes that cannot be read", path, expected="a csv with a column code", fix="mend it"
        ) from None
    names = {name.strip().lower(): name for name in table.columns}
    code = next((names[one] for one in CODE_COLUMNS if one in names), None)
    if code is None:
        raise InputError(
            "a file of codes without a column of codes", path, ", ".join(table.columns[:5]), "code", "name it code"
        )
    kind = next((names[one] for one in VOCABULARY_COLUMNS if one in names), None)
    table = table.filter(table[code].str.strip_chars().str.len_chars() > 0)
    given = _codes(table[code], None if kind is None else table[kind], path)
    return CodeSet(given, descendants, **more)


def _codes(codes: pl.Series, vocabularies: pl.Series | None, path: Path) -> tuple[str, ...]:
    """Normalised CURIEs of codes whose vocabulary stands beside or before them."""
    if not len(codes):
        raise InputError("a file of codes without a code", path, expected="at least one", fix="fill it")
    codes = codes.str.strip_chars()
    if vocabularies is None:
        return _with_vocabulary(codes, path)
    pairs = pl.DataFrame({"code": codes, "vocabulary": vocabularies.fill_null("")})
    found: list[str] = []
    for (name,), part in pairs.partition_by("vocabulary", as_dict=True, maintain_order=True).items():
        if not str(name).strip():
            found += _with_vocabulary(part["code"], path)
            continue
        made, _ = normalised(part["code"], str(name))
        if made.null_count():
            raise InputError(
                "no code of its vocabulary", path, part["code"].filter(made.is_null())[0], str(name), "correct it"
            )
        found += made.to_list()
    return tuple(dict.fromkeys(found))


def _with_vocabulary(codes: pl.Series, where: str | Path) -> tuple[str, ...]:
    """Normalised CURIEs, each once, of codes with their vocabulary before them."""
    bare = codes.filter(codes.str.ends_with(":") | ~codes.str.contains("[:/]"))
    if len(bare):
        raise InputError("a code without its vocabulary", where, bare[0], "for example ICD9CM:428", "write its prefix")
    found, _ = meds_codes(codes, recorded=False)
    if found.null_count():
        got = codes.filter(found.is_null())[0]
        raise InputError("no code of its vocabulary", where, got, "a code", "correct it")
    return tuple(dict.fromkeys(found.to_list()))


def _ohdsi(text: str, path: Path, **more: Any) -> CodeSet:
    wrong = InputError(
        "no OHDSI concept set", path, None, '{"items": [{"concept": {…}, …}]}', "export it from ATLAS as JSON"
    )
    try:
        read = json.loads(text)
        held = read.get("expression", read)
        items = held["items"]
        rows = [
            (
                str(one["concept"]["CONCEPT_CODE"]), _vocabulary(one["concept"]),
                bool(one.get("isExcluded", False)), bool(one.get("includeDescendants", False)), bool(one.get("includeMapped", False)),
            )
            for one in items
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise wrong from None
    if not rows:
        raise InputError("a file of codes without a code", path, expected="at least one", fix="fill it")
    found = [_codes(pl.Series([code]), pl.Series([name]), path)[0] for code, name, *_ in rows]
    flags = [(out, down, mapped) for _, _, out, down, mapped in rows]
    kept = tuple(dict.fromkeys(code for code, (out, _, _) in zip(found, flags, strict=True) if not out))
    left = tuple(dict.fromkeys(code for code, (out, _, _) in zip(found, flags, strict=True) if out))
    if not kept:
        fix = "correct it"
        raise InputError("a concept set that takes everything out", path, len(left), "at least one that stays", fix)
    below = [(code, out) for code, (out, down, _) in zip(found, flags, strict=True) if down]
    more["maps"] = more.get("maps", False) or any(mapped for out, _, mapped in flags if not out)
    return CodeSet(
        kept, without=left, below=frozenset(code for code, out in below if not out),
        below_without=frozenset(code for code, out in below if out), **more,
    )  # fmt: skip


def _vocabulary(concept: dict[str, Any]) -> str:
    """As the OMOP reader calls it: SNOMED's codes are diagnoses only among conditions."""
    name, domain = str(concept["VOCABULARY_ID"]), str(concept.get("DOMAIN_ID") or "Condition")
    if name.upper() != "SNOMED" or domain == "Condition":
        return name
    return "SNOMEDPROC" if domain == "Procedure" else "SNOMEDOBS"
