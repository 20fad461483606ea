"""The derivations whose graphs are drawn in the tests, and what a picture of one holds."""

from xml.parsers import expat

from handgrad.derivation.lines import Line
from handgrad.derivation.reading import read
from handgrad.drawing.graph import NodeKind, walk

APPLE = """
apple : () = 100
n : () = 2
tax : () = 1.1
total = apple * n
price = total * tax
"""
ORANGES = """
apple : () = 100
n_apple : () = 2
orange : () = 150
n_orange : () = 3
tax : () = 1.1
total = apple * n_apple + orange * n_orange
price = total * tax
"""
SQUARE = """
x : () = 3
y : () = 4
z = (x + y)**2
"""
SIGMOID = """
x : () = 0.5
y = 1 / (1 + exp(-x))
"""
SEVERAL_WAYS = """
x : () = 3
y : () = -2
z = x * x * y + x / (1 + exp(-x * y))
"""
SOFTMAX = """
x : (N, C)
t : (N, C) probability
e = exp(x)
S = sum(e, axis=1, keepdims=True)
y = e / S
L = -sum(t * log(y)) / N
"""
BATCH_NORM = """
x : (N, D)
γ : (D)
β : (D)
μ = mean(x, axis=0)
c = x - μ
v = mean(c**2, axis=0)
x̂ = c / sqrt(v + 1e-5)
y = γ * x̂ + β
"""
NET = """
x : (N, D)
W1 : (D, H)
b1 : (H)
W2 : (H, C)
b2 : (C)
t : (N, C) probability
h = x @ W1 + b1
z = where(h > 0, h, 0)
a = z @ W2 + b2
L = -sum(t * log_softmax(a, axis=-1)) / N
"""
SAMPLES = {
    "apple": APPLE,
    "oranges": ORANGES,
    "square": SQUARE,
    "sigmoid": SIGMOID,
    "several ways": SEVERAL_WAYS,
    "softmax": SOFTMAX,
    "batch norm": BATCH_NORM,
    "net": NET,
}
_WALKS = {}


def derivation_of(text, title="a title"):
    """The derivation in a text."""
    return read([Line(line, i) for i, line in enumerate(text.splitlines(), 1)], title=title)


def walk_of(text):
    """The walk of a derivation, made once for all tests."""
    if text not in _WALKS:
        _WALKS[text] = walk(derivation_of(text))
    return _WALKS[text]


def operations_of(graph):
    """The labels of a graph's operations."""
    return sorted(node.label for node in graph.nodes if node.kind is NodeKind.OPERATION)


def elements_of(svg):
    """(tag, attributes, text) of every element of a well-formed file, in the order of their ends."""
    open_elements, closed = [], []
    parser = expat.ParserCreate()

    def write(text):
        for element in open_elements:
            element[2] += text

    parser.StartElementHandler = lambda tag, given: open_elements.append([tag, given, ""])
    parser.EndElementHandler = lambda _: closed.append(tuple(open_elements.pop()))
    parser.CharacterDataHandler = write
    parser.Parse(svg, True)
    return closed
