"""AnnData and MuData files of a folder -> `[omics.NAME]`; only the names are read, not the values."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ..layers import NamesTaken, Whose, share_known
from ..names import SHORT, Space, layer_kind, namespace
from ..section import Answer, Section

_BROKEN = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, NotImplementedError)
_KINDS = {"cpg": "methylation", "mirbase": "mirna", "uniprot": "protein", "chebi": "metabolite", "hmdb": "metabolite"}


def anndata_section(
    path: Path, shown: str, whose: Whose | None, taken: NamesTaken, space_of: Space = namespace
) -> Answer:
    """The sections of an .h5ad file, or of each modality of an .h5mu file.

    Raises: InputError where the file cannot be read.
    """
    try:
        parts = _parts(path)
    except _BROKEN as error:
        raise InputError(
            "cannot be read as AnnData", path, type(error).__name__, "a whole file", "write it again"
        ) from None
    made = [_one(path, shown, name, obs, columns, var, whose, taken, space_of) for name, obs, columns, var in parts]
    return Answer(tuple(s for one in made for s in one.sections), tuple(q for one in made for q in one.questions))


Part = tuple[str, list[str], dict[str, list[str]], list[str]]


def _parts(path: Path) -> list[Part]:
    """name of the modality ("" of an h5ad file), obs names, text columns of obs, var names."""
    if path.name.lower().endswith(".h5mu"):
        import mudata

        data = mudata.read_h5mu(path, backed="r").mod
    else:
        import anndata

        data = {"": anndata.read_h5ad(path, backed="r")}
    made = []
    for name, part in data.items():
        columns = {
            str(c): [str(v) for v in part.obs[c]]
            for c in part.obs.columns
            if part.obs[c].dtype.kind in "OSU" or str(part.obs[c].dtype) in ("category", "string")
        }
        made.append((name, [str(i) for i in part.obs_names], columns, [str(v) for v in part.var_names]))
    return made


def _one(
    path: Path,
    shown: str,
    modality: str,
    obs: list[str],
    columns: dict[str, list[str]],
    var: list[str],
    whose: Whose | None,
    taken: NamesTaken,
    space_of: Space,
) -> Answer:
    space = space_of(var)
    kind = layer_kind(modality) or layer_kind(path.name) or _KINDS.get(space or "") or "expression"
    name = taken.take(SHORT.get(kind, kind))
    keys: dict[str, object] = {"path": shown, "kind": kind}
    questions = []
    if modality:
        keys["layer"] = modality
    id = (
        None
        if share_known(obs, whose) > 0.5
        else next((c for c, ids in columns.items() if share_known(ids, whose) > 0.5), None)
    )
    if id is not None:
        keys["id"] = id
        if len(set(columns[id])) * 2 <= len(obs):
            questions.append(
                f"{shown}: several rows a patient, as of single cells: sum or average them first (pseudobulk)"
            )
    if space not in (None, "symbol"):
        keys["features"] = space
    ready = not questions and (id is not None or share_known(obs, whose) > 0)
    if not ready and not questions:
        questions.append(
            f"{shown}: neither its obs names nor a column of obs are the study's ids: name the column as `id`"
        )
    if not layer_kind(modality) and not layer_kind(path.name) and space not in _KINDS:
        questions.append(f"[omics.{name}] kind: taken for {kind}; correct it if it is another")
    why = (f"AnnData{' ' + modality if modality else ''}: {len(obs):,} rows, {len(var):,} features",)
    return Answer((Section(f"omics.{name}", keys, why, ready),), tuple(questions))
