"""The notebooks on a real cohort: notebook.py DATA OUT [--cohort lgg] [--only biomarkers,cohort,own_gnn].

Runs each as it stands, with its one line replaced by a study of OUT (lower-grade glioma, a binary outcome;
`--cohort kirc`: survival on the published folds), and writes it with its outputs to OUT. DATA as studies.py wants it. Prints seconds, or the
first error.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import nbformat
import studies
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cohort", default="lgg")
    parser.add_argument("--only", default="cohort,biomarkers,own_gnn")
    asked = parser.parse_args()
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    text = studies.study(asked.data.resolve(), out, asked.cohort, 1)
    (out / "study.toml").write_text(text + 'learners = ["majority", "ridge_late", "chosen"]\n', encoding="utf-8")
    for name in asked.only.split(","):
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            cell.source = re.sub(
                r"small_demo\(\)(?=  #)", f"clinome.Study.read({str(out / 'study.toml')!r})", cell.source
            )
        began = time.perf_counter()
        try:
            NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(out)}}).execute()
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        except CellExecutionError as error:
            print(f"{name}: {str(error).strip().splitlines()[-1]}", flush=True)
        nbformat.write(notebook, out / f"{name}.ipynb")


if __name__ == "__main__":
    main()
