r"""Formulas within a line, as $\hat y = \sigma(x)$, in MathML as they are written.

Only what is shown exactly as TeX shows it is taken; a reader sees the LaTeX of anything else.
"""

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex import tree
from handgrad.derivation.latex.names import GREEK, MARKS
from handgrad.derivation.latex.parsing import parsed
from handgrad.derivation.latex.tokens import tokens_of
from handgrad.derivation.styles import MathML, separated

STYLE = MathML()
FUNCTIONS = {"log", "ln", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh", "det", "max", "min"}
SIGNS = {"cdot": "·", "times": "×", "odot": "⊙", "otimes": "⊗", "circ": "∘", "/": "/", "*": "∗"}
RELATIONS = {"=": "=", "<": "<", ">": ">", "<=": "≤", ">=": "≥", "!=": "≠", "in": "∈", "≈": "≈", "→": "→"}  # fmt: skip
MARKED = {"top": "⊤", "partial": "∂", "nabla": "∇", "delta": "δ", "Delta": "Δ", "*": "∗", "+": "+"}
NAMES = GREEK | {"ell": "ℓ"}
BIG = {"sum": "∑", "prod": "∏"}
FENCES = {"(": "()", "[": "[]", "\\{": "{}", "\\|": "‖‖", "langle": "⟨⟩"}
LETTERS = {
    "mathbb": dict(zip("CENPQRZ1", "ℂ𝔼ℕℙℚℝℤ𝟙", strict=True)),
    "mathcal": dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True)),
    "mathbf": {chr(ord("A") + i): chr(0x1D400 + i) for i in range(26)}
    | {chr(ord("a") + i): chr(0x1D41A + i) for i in range(26)}
    | {chr(ord("0") + i): chr(0x1D7CE + i) for i in range(10)},
}
COMMANDS = {*FUNCTIONS, *SIGNS, *MARKED, *BIG, *GREEK, *LETTERS, "frac", "sqrt", "le", "ge", "ne", "in",
            "approx", "to", "hat", "bar", "tilde", "dot", "text", "mathrm", "operatorname", "\\|", "\\{",
            "\\}", "langle", "rangle", "left", "right"}  # fmt: skip


JOINED = {"|", ";", ":"}  # the tree of p(x | y) does not say what stood there


class _UnshownError(Exception):
    """A part that is not shown as TeX shows it."""


def formula(latex):
    """A formula in MathML; "" where it is not one that is shown as it is written."""
    try:
        tokens = tokens_of(latex, 1)
        if not all(map(_is_kept, tokens)) or latex.count("(") != latex.count(")"):
            return ""
        return f"<math>{_shown(parsed(tokens))}</math>"
    except (DerivationError, _UnshownError):
        return ""


def _is_kept(token):
    """Whether the tree of a formula says that a token stood there."""
    return token.text in COMMANDS if token.kind == "command" else token.text not in JOINED


def _shown(node):
    """A part of a formula."""
    if type(node) not in SHOWN:
        raise _UnshownError
    return SHOWN[type(node)](node)


def _group(node):
    """What stands in delimiters; braces alone are not seen."""
    if node.opening == "{" and len(node.parts) == 1:
        return _shown(node.parts[0])
    if node.opening not in FENCES:
        raise _UnshownError
    return STYLE.fenced(separated(STYLE, [*map(_shown, node.parts)]), *FENCES[node.opening])


def _big(node):
    if node.name not in BIG:
        raise _UnshownError
    ends = ("" if end is None else _shown(end) for end in (node.below, node.above))
    return STYLE.row(_with_scripts(STYLE.symbol(BIG[node.name]), *ends), _shown(node.body))


def _row(node):
    return STYLE.row(*_in_a_row(node))


def _in_a_row(node):
    """Terms, factors or sides, with what stands between them."""
    match node:
        case tree.Sum(terms=terms):
            for i, (sign, term) in enumerate(terms):
                yield STYLE.symbol("−" if sign == "-" else "+") if i or sign == "-" else ""
                yield _shown(term)
        case tree.Product(factors=factors):
            for i, (sign, factor) in enumerate(factors):
                apart = bool(i) and _is_function(factors[i - 1][1], factor)
                yield STYLE.symbol(SIGNS[sign]) if sign else STYLE.space * apart
                yield _shown(factor)
        case tree.Relation(signs=signs, sides=sides):
            for sign, side in zip(("", *signs), sides, strict=True):
                yield STYLE.symbol(RELATIONS[sign]) if sign else ""
                yield _shown(side)


def _is_function(node, argument):
    """Whether a part is a function, of an argument without parentheses."""
    named = isinstance(node, tree.Symbol) and node.name in FUNCTIONS
    return named and not isinstance(argument, tree.Group)


def _symbol(node):
    """A letter with its accent or in its style, a sign, or a word upright."""
    name = MARKED.get(node.name) or NAMES.get(node.name, node.name)
    if node.name in MARKED and node.name not in {"delta", "Delta"}:
        return STYLE.symbol(name)
    if node.style in LETTERS:
        if name not in LETTERS[node.style]:
            raise _UnshownError
        name = LETTERS[node.style][name]
    if node.accent:
        return STYLE.accented(name, MARKS[node.accent])
    return STYLE.letters_of(name)


def _scripted(node):
    base = _shown(node.base)
    if node.primes and node.above is not None:
        raise _UnshownError
    below = "" if node.below is None else _shown(node.below)
    above = "" if node.above is None else _shown(node.above)
    return _with_scripts(base, below, STYLE.symbol("′" * node.primes) if node.primes else above)


def _with_scripts(base, below, above):
    if below and above:
        return f"<msubsup>{base}{STYLE.row(below)}{STYLE.row(above)}</msubsup>"
    if below:
        return STYLE.lowered(base, below)
    return STYLE.raised(base, above) if above else base


SHOWN = {
    tree.Number: lambda node: STYLE.number(node.text),
    tree.Symbol: _symbol,
    tree.Scripted: _scripted,
    tree.Group: _group,
    tree.Fraction: lambda node: STYLE.fraction(_shown(node.above), _shown(node.below)),
    tree.Root: lambda node: STYLE.root(_shown(node.body)),
    tree.Big: _big,
    tree.Sum: _row,
    tree.Product: _row,
    tree.Relation: _row,
}
