"""Errors: each has a fix, one form, and a place on docs/errors.md, which says nothing that the code does not."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from clinome import errors as public
from clinome.loaders.errors import ClinomeError, EngineError, InputError, NotBuilt, UsageError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "errors.md"


@pytest.fixture(scope="module")
def listed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_errors", ROOT / "docs" / "list_errors.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["list_errors"] = made
    spec.loader.exec_module(made)
    return made


def test_every_error_of_the_code_has_a_fix_and_a_place(listed: ModuleType) -> None:
    found = list(listed.errors())
    assert len(found) > 200
    assert [f"{one.file}:{one.line} {one.what}" for one in found if not one.fix] == []


def test_a_fix_is_no_sentence_of_its_own(listed: ModuleType) -> None:
    """`Fix: do this.`: the point is added, and the first letter is small unless it is a name."""
    bad = [f"{one.file}:{one.line} {one.fix}" for one in listed.errors() if re.search(r"\w\.$", one.fix)]
    assert bad == []


def test_the_page_lists_every_error_under_its_stage(listed: ModuleType) -> None:
    page = listed.on_page_markdown(PAGE.read_text(encoding="utf-8"))
    assert "<!-- errors -->" not in page
    for one in listed.errors():
        assert f"| {listed._cell(one.what)} |" in page, one
    stages = re.findall(r"^### (.*)$", page.partition("## All of them")[2], re.MULTILINE)
    assert stages == [stage for stage in listed.STAGES if stage in stages] and len(stages) >= 8


def test_what_the_page_quotes_is_said_by_the_code(listed: ModuleType) -> None:
    said = [one.what for one in listed.errors()]
    before = PAGE.read_text(encoding="utf-8").partition("## All of them")[0].partition("## What people meet most")[2]
    quoted = [
        word for line in re.findall(r"^- (.*?):", before, re.MULTILINE) for word in re.findall(r"`([^`]+)`", line)
    ]
    assert len(quoted) > 25
    for words in quoted:
        pattern = re.escape(words).replace("200", "(200|…)")
        assert any(re.search(pattern, one) for one in said), words


def test_every_class_is_public_and_on_the_page(listed: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for kind in (InputError, EngineError, UsageError, NotBuilt):
        assert kind.__name__ in text and getattr(public, kind.__name__) is kind
        assert listed.KINDS[kind.__name__] == kind.exit_code
    below = {one.__name__ for one in ClinomeError.__subclasses__()} - {"InputError", "_Told"}
    assert below == set(), "a new kind of error: say it in docs/errors.md and KINDS"


def test_errors_of_one_text_have_the_form_too() -> None:
    assert str(EngineError("lung.graph: the store is closed.", "open it again")) == (
        "lung.graph: the store is closed. Fix: open it again."
    )
    assert EngineError("away").fix == "" and UsageError("x.", "y").fix == "y"
