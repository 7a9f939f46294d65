"""Encoder file: a pretrained encoder as a folder, in the format of our models: JSON and safetensors, which run nobody's code."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from ...loaders.errors import InputError
from ..base.serialization import read_state, write_state
from ..encoders.codes.pretrained import CODES, DEPTH, OBJECTIVES, WIDTH, PretrainedEncoder
from .state_part import FormatError, Part

FORMAT = 1
KIND = "clinome pretrained encoder"


def write_encoder(folder: Path, encoder: PretrainedEncoder) -> None:
    """Write it into a folder; an older one is replaced at once.

    Example:
        write_encoder(Path("general.encoder"), encoder)
    """
    kept = {one.name: getattr(encoder, one.name) for one in fields(encoder)}
    body = {**kept, "entries": list(encoder.entries), "codes": list(encoder.codes),
            "parents": [list(one) for one in encoder.parents], "weights": dict(encoder.weights)}  # fmt: skip
    write_state(folder, {"kind": KIND, "format": FORMAT, "encoder": body})


def read_encoder(folder: Path, where: str = "") -> PretrainedEncoder:
    """Read one that `write_encoder` wrote; nothing in it is believed before it is checked.

    Args: where: what named the folder, for errors.
    Raises: InputError where there is none, or it was changed, or is no encoder.
    Example:
        encoder = read_encoder(Path("general.encoder"))
    """
    fix = "clinome pretrain STUDY makes one"
    at = where or str(folder)
    if not (folder / "model.json").is_file():
        raise InputError("there is no pretrained encoder here", at, folder.name, "the folder of one", fix)
    state = read_state(folder)
    if state.get("kind") != KIND:
        raise InputError("not a pretrained encoder", at, folder.name, "a folder that clinome pretrain wrote", fix)
    if state.get("format") != FORMAT:
        raise InputError("a pretrained encoder of another version", at, state["format"], FORMAT, fix)
    try:
        return _checked(Part(state, "encoder").keys("kind", "format", "encoder")["encoder"])
    except FormatError as error:
        place = f"{at}: {error.place}"
        raise InputError("the pretrained encoder is damaged", place, error.got, error.expected, fix) from error


def _checked(part: Part) -> PretrainedEncoder:
    found = part.keys(*(one.name for one in fields(PretrainedEncoder)))
    entries = found["entries"].texts()
    found["entries"].must(entries[:2] == ["", "?"], "blank and unknown first", "others")
    codes = found["codes"].texts(len(entries), unique=False)
    parents = []
    for i, above in enumerate(found["parents"].items(len(entries))):
        parents.append(tuple(one.integer(2, max(2, len(entries) - 1)) for one in above.items()))
        above.must(i not in parents[-1], "others than itself", "itself")
    weights: dict[str, Any] = {}
    expected = _shapes(len(entries))
    for name, one in found["weights"].keys(*expected).items():
        weights[name] = one.array("f4", *expected[name])
    return PretrainedEncoder(
        found["objective"].text(OBJECTIVES), found["basis"].text(), found["patients"].integer(1, 2**62), tuple(entries),
        tuple(codes), tuple(parents), weights,
    )  # fmt: skip


def _shapes(entries: int) -> dict[str, tuple[int, ...]]:
    """Every weight and its shape: those of an encoder of this size."""
    import torch

    from ..encoders.codes.transformer import SequenceEncoder

    blank = SequenceEncoder(torch.zeros(2, 1, dtype=torch.int64), WIDTH, depth=DEPTH)
    made = PretrainedEncoder.of(blank, objective="", basis="", patients=0, entries=(), codes=(), parents=())
    return {name: (entries, WIDTH) if name == CODES else value.shape for name, value in made.weights.items()}
