"""Mean differences over cohorts: over_cohorts.py TABLE reads results/networks.txt (`chosen.py --learners`), a line a learner.

Of every learner: how far it is on the mean over cohorts from ridge_late, cox_pca, and from each of its twins (shuffled
edges, none), with Student's 95 % interval over cohorts, each counting once.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

LINE = re.compile(r"^(\w+)\s+(\w+)\s+(\d\.\d{4})(.*)$")
AGAINST = re.compile(r"- (\w+) ([+-]\d\.\d{4}) \(")
TWIN = re.compile(r"(shuffled_graph|no_edges) (\d\.\d{4})")


def main(table: Path) -> None:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in table.read_text(encoding="utf-8").splitlines():
        if not (parts := LINE.match(line)):
            continue
        _, learner, mean, rest = parts.groups()
        for other, difference in AGAINST.findall(rest):
            found[learner][other].append(float(difference))
        for twin, its in TWIN.findall(rest):
            found[learner][twin].append(float(mean) - float(its))
    for learner, others in found.items():
        print(f"{learner:13s}" + "".join(f"   - {other} {told(values)}" for other, values in others.items()))


def told(values: list[float]) -> str:
    half = (
        stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
        if len(values) > 1
        else np.nan
    )
    mean = np.mean(values)
    return f"{mean:+.4f} ({mean - half:+.3f} to {mean + half:+.3f}, {len(values)} cohorts)"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
