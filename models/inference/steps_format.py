"""Steps format: the batch correction and imputation inside a saved model: every name, shape, type and range of them."""

from __future__ import annotations

from ..preprocessing.steps.imputation.knn import NEIGHBOURS
from ..preprocessing.steps.layer_steps import CORRECTIONS, IMPUTATIONS
from .state_part import Part


def layer_steps(part: Part, features: int) -> None:
    """What `models.preprocessing.steps.layer_steps.LayerSteps.state` made of a layer of so many features."""
    found = part.named()
    part.must(
        bool(found) and set(found) <= {"correction", "imputation"}, "a correction, an imputation or both", "others"
    )
    if "correction" in found:
        _correction(found["correction"], features)
    if "imputation" in found:
        _imputation(found["imputation"], features)


def _correction(part: Part, features: int) -> None:
    method = _method(part, tuple(CORRECTIONS))
    found = part.keys("method", "names", "mean", "shift", *(("sd", "spread") if method == "combat" else ()))
    batches = len(found["names"].texts())
    found["mean"].array("f8", features)
    found["shift"].array("f8", batches, features)
    if method == "combat":
        sd = found["sd"].array("f8", features, within="inf")
        found["sd"].must(bool((sd > 0).all()), "more than 0", "less")
        spread = found["spread"].array("f8", batches, features)
        found["spread"].must(bool((spread > 0).all()), "more than 0", "less")


def _imputation(part: Part, features: int) -> None:
    if _method(part, tuple(IMPUTATIONS)) != "knn":
        part.keys("method", "value")["value"].array("f4", features, within="nan")
        return
    found = part.keys("method", "mean", "sd", "near", "weight")
    found["mean"].array("f4", features)
    found["sd"].array("f4", features, least=0)
    k = found["near"].array("i8", features, None, least=0, most=features - 1).shape[1]
    found["near"].must(k <= NEIGHBOURS, f"at most {NEIGHBOURS} neighbours", "more")
    found["weight"].array("f4", features, k, least=0)


def _method(part: Part, known: tuple[str, ...]) -> str:
    method = part.named().get("method")
    if method is None:
        raise part.wrong(f"a method of {', '.join(known)}", "none")
    return method.text(known)
