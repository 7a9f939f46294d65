"""Pipeline, the main job on one screen: files -> graph -> cohort -> snapshot -> learners -> biomarkers -> report.

Each is a file of its own in verbs/; `run` is all of them in order.
"""

from clinome.verbs.biomarkers import biomarkers
from clinome.verbs.cohort import cohort
from clinome.verbs.loading.load import load
from clinome.verbs.publication.report import report
from clinome.verbs.run import run
from clinome.verbs.train import train

__all__ = ["biomarkers", "cohort", "load", "report", "run", "train"]
