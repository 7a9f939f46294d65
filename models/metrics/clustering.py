"""Clustering: normalised mutual information."""

from __future__ import annotations

import numpy as np

from .metric import Metric, Scored


class NormalisedMutualInformation(Metric):
    """Normalised mutual information of the groups found and the true ones."""

    key, label, chance = "nmi", "NMI", 0.0

    def value(self, part: Scored) -> float | None:
        from sklearn.metrics import normalized_mutual_info_score

        return float(normalized_mutual_info_score(part.y, part.score)) if len(np.unique(part.y)) > 1 else None
