"""Study file as text: sections and their reasons -> commented TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .outcomes import Proposal
from .section import Section

_WIDE = 118
_ROOM = 116


GROUPS = {"eicu": "uniquepid"}
"""Format whose subjects are not persons -> the property that is."""
_LATER = ("# Or predict what the records say later, without a [cohort] (docs/tasks.md has more):", "# [task]", '# kind   = "binary"',
          '# target = "death_in_hospital"  # or readmission, death, long_stay, …')  # fmt: skip


def study_text(
    name: str,
    sections: Sequence[Section],
    proposals: Sequence[Proposal],
    questions: Sequence[str],
    chosen: Proposal | None,
) -> str:
    """The text of a study file.

    Args:
        sections: in their order; those that are not ready become comments.
        proposals: cohorts and tasks; `chosen` is written, the others become comments.
        questions: what could not be decided; they stand at the top, numbered.
    """
    lines = [
        "# Written by `clinome init`: read it, and correct what is not so. Every key is explained in docs/study.md."
    ]
    if questions:
        lines += ["#", "# What could not be decided, or needs your eye:"]
        for i, question in enumerate(questions, 1):
            lines += _wrapped(question, f"#  {i}. ", "#     ")
    lines += ["", f"name  = {value(name)}", f"store = {value(name + '.graph')}"]
    for section in sections:
        lines += ["", *_section(section)]
    lines += ["", *_tasks(proposals, chosen, tells_later(sections))]
    lines += [
        "",
        "[evaluate]",
        "folds = 5",
        *[
            f'group = "{GROUPS[one]}"' + " " * 12 + f"# {one}: a subject is a stay, and a person may have several"
            for one in sorted({str(s.keys.get("format")) for s in sections} & set(GROUPS))
        ],
        "",
        "[learn]",
        'learners = ["default"]          # `clinome learners STUDY` lists them',
        "trials   = 8",
    ]
    return "\n".join(lines) + "\n"


def tells_later(sections: Sequence[Section]) -> bool:
    """Whether there are records with times, so that a prediction task can say what comes later."""
    return any(s.ready and s.name.startswith("records.") and "order" not in s.keys for s in sections)


def _tasks(proposals: Sequence[Proposal], chosen: Proposal | None, records: bool) -> list[str]:
    if not proposals:
        return [
            "# No outcome was found. With one, take the # away and name its column:", "# [cohort]", '# query  = "patients_with_label"',
            '# params = {property = "?"}', "# [task]", '# kind  = "binary"', '# label = "label"', *(_LATER if records else []),
        ]  # fmt: skip
    lines = [
        "# Cohort and task: one of these; `clinome query --list` shows more cohorts."
        if len(proposals) > 1
        else "# Cohort and task"
    ]
    for one in sorted(proposals, key=lambda one: one is not chosen):
        if one is not proposals[0] or lines[-1] != lines[0]:
            lines.append("")
        if one.question:
            lines += _wrapped(f"say first: {one.question}", "# ", "#   ")
        ready = one is chosen
        title = (
            one.title if ready else f"{one.title} (to take this one, comment the other out and take the # away here)"
        )
        lines += [f"# {title}"]
        lines += _section(Section(one.cohort.name, one.cohort.keys, one.cohort.why, ready))
        lines += _section(Section(one.task.name, one.task.keys, one.task.why, ready))
    return lines


def _section(section: Section) -> list[str]:
    lines = [line for why in section.why for line in _wrapped(why, "# ", "#   ")]
    body = [f"[{section.name}]"]
    after: list[str] = []
    width = max((len(_key(key)) for key in section.keys), default=0)
    for key, held in section.keys.items():
        text = value(held)
        if isinstance(held, Mapping) and len(text) > _ROOM - width:
            after += [f"[{section.name}.{_key(key)}]", *(f"{_key(k)} = {value(v)}" for k, v in held.items())]
        elif isinstance(held, list | tuple) and len(text) > _ROOM - width:
            body += [f"{_key(key).ljust(width)} = [", *_rows(held), "]"]
        else:
            body.append(f"{_key(key).ljust(width)} = {text}")
    body += after
    return [*lines, *(body if section.ready else [f"# {line}" for line in body])]


def _rows(held: Sequence[Any]) -> list[str]:
    rows = ["   "]
    for one in held:
        text = f" {value(one)},"
        if len(rows[-1]) + len(text) > _ROOM:
            rows.append("   ")
        rows[-1] += text
    return rows


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """A comment in lines of one screen's width; nothing in it ends the comment."""
    tidy = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)
    lines = [first]
    for word in tidy.split(" "):
        if len(lines[-1]) + len(word) > _WIDE and lines[-1].strip("# "):
            lines.append(rest)
        lines[-1] += word + " "
    return [line.rstrip() for line in lines]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else value(key)


def value(held: Any) -> str:
    """A value as TOML writes it.

    Example:
        >>> value({"time": "OS (months)", "days": 180, "keep": ["a"]})
        '{time = "OS (months)", days = 180, keep = ["a"]}'
    """
    match held:
        case bool():
            return str(held).lower()
        case int() | float():
            return repr(held)
        case datetime():
            return held.isoformat()
        case Mapping():
            return "{" + ", ".join(f"{_key(str(k))} = {value(v)}" for k, v in held.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(value, held)) + "]"
    return json.dumps(str(held), ensure_ascii=False).replace("\x7f", "\\u007f")
