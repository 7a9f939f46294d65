"""MCP server of one study, over standard input and output: `clinome mcp STUDY`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import ClinomeError, UsageError
from clinome.verbs.exploration.agents.tools import StudyTools

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

_TOOLS = (
    "about", "schema", "query", "queries", "library_query", "count_patients", "cohort", "run_results", "biomarkers",
)  # fmt: skip
_MECHANICS = """A study of Clinome: omics and health records on one graph, asked in read-only Cypher.
- Ids are CURIEs: NCBIGene:7157 (its symbol is a property), ICD10CM:C34.1, LOINC:2160-0. IS_A goes from child to parent, so
  anything below a code is -[:IS_A*0..8]->.
- `time` is when something happened, `known_time` when it was known: only what was known before the prediction is an input.
- A score or risk is held out: higher is more of the outcome, or sooner. RANKS.score is the effect of one standard deviation
  on that scale; of several classes it is an importance, without a sign. rank 1 is first.
- `z` is over everybody and serves questions only.
- No PROFILED relationship of a layer is unknown; PROFILED without an edge is a negative.
- A label, type or property that the graph does not have is an error with the nearest name, never an empty answer.
- Counts of patients: <10, or to the nearest 5. Nothing here writes; the verbs that do are commands of the user's."""


def make_server(tools: StudyTools) -> MCPServer:
    """An MCP server whose tools read one study.

    Raises: UsageError where the SDK is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError:
        raise UsageError("clinome mcp needs the MCP SDK.", "pip install 'clinome[mcp]'") from None
    from mcp.server.mcpserver.exceptions import ToolError

    class StudyServer(MCPServer):
        """The SDK drops arguments that a tool does not have: a count would then be of everybody."""

        async def call_tool(self, name: str, arguments: dict[str, Any], *rest: Any, **more: Any) -> Any:
            takes = list(inspect.signature(getattr(tools, name)).parameters) if name in _TOOLS else None
            unknown = sorted(set(arguments) - set(takes)) if takes is not None else []
            if unknown:
                told = (
                    f"{name}: no such argument; got {', '.join(unknown)}; expected {', '.join(takes or []) or 'none'}."
                )
                near = get_close_matches(unknown[0], takes or [], n=1, cutoff=0.3)
                raise ToolError(told + (f" Fix: did you mean {near[0]}?" if near else " Fix: leave it out."))
            return await super().call_tool(name, arguments, *rest, **more)

    server = StudyServer("clinome", instructions=_MECHANICS, log_level="ERROR")
    for name in _TOOLS:
        tool = getattr(tools, name)
        hints = ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        )
        server.tool(name, description=" ".join((tool.__doc__ or "").split()), annotations=hints)(_guarded(tool))
    return server


def serve(tools: StudyTools) -> None:
    """Answer on standard input and output until the client leaves."""
    make_server(tools).run("stdio")


def _guarded(tool: Callable[..., Any]) -> Callable[..., Any]:
    """A tool whose failures are our own messages; a library's may quote a value of a patient."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    def call(*given: Any, **named: Any) -> Any:
        try:
            return tool(*given, **named)
        except ClinomeError as error:
            raise ToolError(str(error)) from None
        except Exception as error:  # noqa: BLE001 (only its type leaves)
            raise ToolError(f"an engine failed ({type(error).__name__})") from None

    return call
