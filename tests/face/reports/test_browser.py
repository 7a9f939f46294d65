"""The report in real headless Chromium: opened from its file, without a network, wide, narrow, dark and printed."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Page, chromium
from pypdf import PdfReader
from run_folder import make_run

from clinome.reports.page import write_report

FIGURES = """[...document.querySelectorAll('figure svg')].filter(one => one.getBoundingClientRect().width > 0)
    .map(one => one.getAttribute('class'))"""
TABLE = "[...document.querySelectorAll('table')].find(one => one.tHead && one.tHead.textContent.includes('stability'))"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("browser") / "run", "binary")
    return write_report(run, "A study whose title is_one_very_long_name_without_any_space_in_it", run / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def page(browser: Browser, report: Path) -> Page:
    return browser.open(report)


def centre(page: Page, element: str) -> tuple[float, float]:
    x, y = page.evaluate(f"""(() => {{ const one = {element}; one.scrollIntoView({{block: 'center'}});
        const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()""")
    return x, y


def test_nothing_is_asked_for_and_nothing_goes_wrong(browser: Browser, report: Path) -> None:
    page = browser.open(report, dark=True)
    assert page.requests == [report.resolve().as_uri()] and page.errors == []
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert ground == "rgb(18, 23, 28)" and ink == "rgb(230, 234, 238)"
    wrong = browser.open(report)
    wrong.evaluate(
        "fetch('https://example.org/').catch(() => console.error('no network'))"
    )  # what is looked for can be found
    assert len(wrong.requests) == 2 and wrong.errors


def test_a_narrow_page_has_its_own_figures_and_does_not_scroll_sideways(
    browser: Browser, page: Page, report: Path
) -> None:
    narrow = browser.open(report, width=390, height=844)
    assert narrow.evaluate("document.documentElement.scrollWidth") == 390
    beyond = narrow.evaluate("""[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, svg, .skip')
        && one.getBoundingClientRect().right > 391).map(one => one.outerHTML.slice(0, 80))""")
    assert beyond == []
    assert set(narrow.evaluate(FIGURES)) == {"small"} and set(page.evaluate(FIGURES)) == {"wide"}
    type_size = """[...document.querySelectorAll('figure svg.small text')].map(one => parseFloat(getComputedStyle(one).fontSize)
        * one.ownerSVGElement.getBoundingClientRect().width / one.ownerSVGElement.viewBox.baseVal.width)"""
    assert min(narrow.evaluate(type_size)) >= 10  # pixels: type is not shrunk with the page


def test_a_table_is_searched_and_sorted(page: Page) -> None:
    shown = f"[...{TABLE}.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[1].textContent)"
    first = page.evaluate(shown)
    assert len(first) == 20
    page.click(*centre(page, f"{TABLE}.closest('.scroll').previousElementSibling.querySelector('input')"))
    page.type(first[3].split()[0])
    assert page.evaluate(shown) and all(first[3].split()[0] in one for one in page.evaluate(shown))
    page.evaluate(f"(() => {{ const one = {TABLE}.closest('.scroll').previousElementSibling.querySelector('input'); one.value = ''; "
                  "one.dispatchEvent(new Event('input')); })()")  # fmt: skip
    assert page.evaluate(shown) == first
    values = f"[...{TABLE}.tBodies[0].rows].map(row => parseFloat(row.cells[4].textContent))"
    head = f"{TABLE}.tHead.rows[0].cells[4]"
    page.click(*centre(page, f"{head}.querySelector('button')"))
    up = page.evaluate(values)
    assert page.evaluate(f"{head}.getAttribute('aria-sort')") == "ascending" and up == sorted(up) and len(set(up)) > 5
    page.press("Enter")  # the button has the focus: the keyboard does the same
    assert page.evaluate(f"{head}.getAttribute('aria-sort')") == "descending" and page.evaluate(values) == sorted(
        up, reverse=True
    )


def test_the_pointer_marks_its_row_and_the_keyboard_is_seen(page: Page) -> None:
    cell = f"{TABLE}.tBodies[0].rows[2].cells[2]"
    look = f"getComputedStyle({cell}).backgroundColor"
    before = page.evaluate(look)
    page.move(*centre(page, cell))
    assert page.evaluate(look) != before
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.press("Tab")
    seen = []
    for _ in range(60):
        seen.append(page.evaluate("[document.activeElement.tagName, document.activeElement.className, "
                                  "getComputedStyle(document.activeElement).outlineStyle]"))  # fmt: skip
        page.press("Tab")
    assert {"A", "BUTTON", "DIV"} <= {tag for tag, _, _ in seen} and all(
        line == "solid" for tag, _, line in seen if tag != "BODY"
    )


def test_the_printed_page_has_every_column(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    heads = page.evaluate("[...document.querySelectorAll('th')].map(one => one.textContent)")
    reader = PdfReader(io.BytesIO(page.pdf()))
    printed = plain("".join(one.extract_text() for one in reader.pages))
    assert len(heads) > 40 and [head for head in heads if plain(head) not in printed] == []
    page.call("Emulation.setEmulatedMedia", media="print")
    page.call(
        "Emulation.setDeviceMetricsOverride", width=673, height=950, deviceScaleFactor=1, mobile=False
    )  # A4 less its margins
    assert (
        page.evaluate(
            "[...document.querySelectorAll('th, td')].filter(one => one.getBoundingClientRect().right > 674).length"
        )
        == 0
    )


def plain(text: str) -> str:
    """Without spaces and ligatures."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def test_where_there_is_no_chromium_the_package_is_installed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, found = tmp_path / "said", tmp_path / "chromium"
    apt = f'#!/bin/sh\necho "$@" >> {said}\ncase "$*" in *install*) printf "#!/bin/sh\\n" > {found}; /bin/chmod +x {found};; esac\n'
    for name, text in (("apt-get", apt), ("sudo", '#!/bin/sh\nshift\nexec "$@"\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert chromium() == chromium() == str(found)
    assert [line.split()[0] for line in said.read_text().splitlines()] == [
        "update",
        "install",
    ] and "chromium" in said.read_text()
    found.unlink()
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    with pytest.raises(RuntimeError, match=r"CHROMIUM=/path/to/it \(no network\)"):
        chromium()
