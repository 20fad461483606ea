"""Pictures of the computational graph: one module for each format, found by a file's suffix."""

from handgrad.drawing.formats import dot, mermaid, raster, svg, terminal
from handgrad.drawing.formulas import (
    forward_graph,
    gradient_formulas,
    simplified_graph,
    symbolic_graph,
)
from handgrad.drawing.graph import draw_graph

GRAPHS = {
    "numbers": draw_graph,
    "forward": forward_graph,
    "symbolic": symbolic_graph,
    "simplified": simplified_graph,
}
OF_GRAPHS = {".svg": svg, ".dot": dot, ".mmd": mermaid}
TEXTS = (*OF_GRAPHS, ".txt")
SUFFIXES = (*TEXTS, *raster.SUFFIXES)


def picture(walk, suffix, *, norm=False, form="numbers"):
    """The text of a picture file with this suffix: of a form, with numbers or formulas."""
    graph = GRAPHS[form](walk)
    if suffix in OF_GRAPHS:
        return OF_GRAPHS[suffix].render(graph, norm=norm)
    formulas = gradient_formulas(walk) if form in {"symbolic", "simplified"} else None
    return terminal.render(walk, graph, norm=norm, back=form != "forward", formulas=formulas)
