"""Widget of a network in a notebook, on anywidget: the very script of the exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinome.explore.page import css, javascript, payload
from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    from clinome.graphs.entities.subgraph import Subgraph


def widget(found: Subgraph) -> Any:
    """An anywidget that shows a network.

    Raises: InputError where anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        fix = "pip install 'clinome[viz]', or write a page: .save('network.html')"
        raise InputError("the extra for notebooks is not installed", "show", fix=fix) from error

    class NetworkWidget(anywidget.AnyWidget):
        _esm = javascript()
        _css = css()
        network = traitlets.Dict().tag(sync=True)

    return NetworkWidget(network=payload(found))
