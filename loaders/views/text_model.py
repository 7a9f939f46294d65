"""Text model: vectors of notes by a local sentence-transformers model; nothing is downloaded."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..specs import Notes


def vectors_of(texts: pl.Series, spec: Notes) -> pl.DataFrame:
    """(n, dim) Float32, one row a text, by the model in the folder that `[notes.NAME] model` names.

    A model that was trained on somebody else's texts fits nothing here: its vectors are the same in every fold.
    Raises: InputError without the extra, or where the folder holds no model.
    Example: vectors_of(pl.Series(["no fever"]), Notes((Path("n.csv"),), model=Path("models/clinical")))
    """
    assert spec.model is not None
    where = f"[{spec.source}] model"
    if not spec.model.is_dir():
        fix = "save a sentence-transformers model into a folder, and name it"
        raise InputError("no folder of a model", where, spec.model.name, "a folder", fix)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        fix = "pip install 'clinome[text]'; or give vectors that you made elsewhere as [images.NAME]"
        raise InputError("sentence-transformers is not installed", where, fix=fix) from None
    try:
        model = SentenceTransformer(str(spec.model), local_files_only=True, trust_remote_code=False)
        made = model.encode(texts.to_list(), show_progress_bar=False, convert_to_numpy=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        fix = "save the model with SentenceTransformer.save"
        raise InputError("this model cannot be read", where, type(error).__name__, "a whole model", fix) from None
    return pl.DataFrame({f"dim{i}": made[:, i].astype("float32") for i in range(made.shape[1])})
