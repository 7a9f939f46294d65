"""Do planted factors come back through missing layers? factors.py [--seeds 5].

300 patients, three factors behind layers of 60, 120 and 30 columns whose noise has standard deviations 1, 3 and 0.5; a share
of the layers is gone at random, of no patient all. The lowest correlation over the true factors with what is linear in those
found: by the factor model on 200 patients, for the 100 others, and by principal components of layers filled with means.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.decomposition import PCA

from clinome.models.encoders.latent.factor_model import FactorModel

SIZES, NOISE = (60, 120, 30), (1.0, 3.0, 0.5)


def planted(seed: int, gone: float) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Layers, who has each, and the factors."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((300, 3))
    layers = [
        z @ rng.standard_normal((3, p)) + s * rng.standard_normal((300, p)) for p, s in zip(SIZES, NOISE, strict=True)
    ]
    there = rng.random((300, 3)) >= gone
    there[~there.any(axis=1), 1] = True
    return layers, [there[:, m] for m in range(3)], z


def lowest(told: np.ndarray, z: np.ndarray) -> float:
    """Correlation, of the factor that comes back worst: read out on the first 200, judged on the rest."""
    design = np.column_stack([told, np.ones(len(told))])
    fitted = design[200:] @ np.linalg.lstsq(design[:200], z[:200], rcond=None)[0]
    return min(float(np.corrcoef(a, b)[0, 1]) for a, b in zip(fitted.T, z[200:].T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    for gone in (0.0, 0.3, 0.6):
        found = []
        for seed in range(seeds):
            layers, present, z = planted(seed, gone)
            model = FactorModel.fit([x[:200] for x in layers], [here[:200] for here in present], 3)
            filled = [
                np.where(h[:, None], x - x[:200][h[:200]].mean(axis=0), 0) for x, h in zip(layers, present, strict=True)
            ]
            whole = np.hstack(filled)
            components = PCA(3).fit(whole[:200]).transform(whole)
            found.append((lowest(model.factors(layers, present), z), lowest(components, z)))
        (one, other), sd = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        print(
            f"{gone:.0%} gone: factor model {one:.3f} (sd {sd[0]:.3f}), components of filled layers {other:.3f} ({sd[1]:.3f})"
        )


if __name__ == "__main__":
    main()
