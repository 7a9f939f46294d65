"""Small demo: the synthetic cohort with three learners, run whole in a minute; what notebooks begin with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from clinome.study import Study

FOLDER = "clinome-small-demo"
PATIENTS = 300
_LEARN = """
[learn]
learners = ["majority", "ridge_late", "chosen"]
trials   = 1
"""


def small_demo(folder: str | Path | None = None) -> Study:
    """Small demo: a study of 300 invented patients with a planted truth, as a study of your own would be read.

    Args:
        folder: where it lies (default: a folder of the system's temporary ones, which later calls find again).
    Returns: the study; nothing is loaded yet.
    Example:
        study = small_demo()
        run = clinome.run(study)
    """
    from clinome.demo.synthetic_cohort import write_cohort

    place = Path(folder) if folder is not None else Path(tempfile.gettempdir()) / FOLDER
    file = place / "study.toml"
    if not file.is_file():
        place.mkdir(parents=True, exist_ok=True)
        write_cohort(place, seed=1, patients=PATIENTS)
        text = file.read_text(encoding="utf-8").partition("[learn]")[0]
        file.write_text(text.replace("folds = 5", "folds = 3") + _LEARN.lstrip(), encoding="utf-8")
    return Study.read(file)
