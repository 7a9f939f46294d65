"""Parts: layers of several files become one where they are of one form and of different patients; else one is asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from .layers import Matrix
from .section import Section

_HALF = 0.5


def merged(sections: Sequence[Section], matrices: Mapping[str, Matrix]) -> list[Section]:
    """The sections, those of one form as one with a list of files: MAFs, pairs, and matrices of different patients.

    matrices: of sections that are one, by name.
    """
    made: list[Section] = []
    for section in sections:
        at = next((i for i, one in enumerate(made) if _one_form(one, section, matrices)), None)
        if at is None:
            made.append(section)
            continue
        before = made[at].keys["path"]
        paths = [*(before if isinstance(before, list) else [before]), section.keys["path"]]
        made[at] = Section(made[at].name, {**made[at].keys, "path": paths}, made[at].why)
    return made


def _one_form(one: Section, other: Section, matrices: Mapping[str, Matrix]) -> bool:
    if not (one.ready and other.ready and other.name.startswith("omics.")) or _rest(one) != _rest(other):
        return False
    a, b = matrices.get(one.name), matrices.get(other.name)
    if a is None or b is None:
        return (
            a is None
            and b is None
            and one.keys.get("kind") == "mutation"
            and not str(one.keys["path"]).endswith((".h5ad", ".h5mu"))
        )
    shared = len(set(a.features) & set(b.features))
    return not set(a.ids) & set(b.ids) and shared >= _HALF * min(len(set(a.features)), len(set(b.features)))


def _rest(section: Section) -> dict[str, object]:
    return {key: held for key, held in section.keys.items() if key != "path"}


def twice(sections: Sequence[Section]) -> list[str]:
    """What is asked where several layers measure the same."""
    kinds = Counter(s.keys["kind"] for s in sections if s.ready and s.name.startswith("omics."))
    asked = []
    for kind, n in kinds.items():
        if n > 1:
            paths = [shown(s) for s in sections if s.ready and s.keys.get("kind") == kind]
            asked.append(
                f"{n} layers are {str(kind).replace('_', ' ')} ({', '.join(dict.fromkeys(paths))}): leave out what is the same measured again"
            )
    return asked


def is_calls(section: Section) -> bool:
    """Whether it lists mutations, so that who has none has no row: a MAF or pairs, no matrix."""
    return (
        section.ready and section.keys.get("kind") == "mutation" and not {"suffix", "orientation"} & set(section.keys)
    )


def shown(section: Section) -> str:
    """The files of a section."""
    held = section.keys.get("path", section.keys.get("genes", ""))
    return ", ".join(map(str, held)) if isinstance(held, list) else str(held)
