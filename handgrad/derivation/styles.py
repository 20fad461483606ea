"""Styles: the pieces of a formula as LaTeX or as MathML.

Both have the same methods, each of which takes pieces and gives a piece. A symbol is a character,
such as ⊙: a style knows how to write it.
"""

import html
import re
import unicodedata

LETTERS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
    "ell": "ℓ",
    "infty": "∞",
    "partial": "∂",
    "mathcal{L}": "ℒ",
    "mathbb{R}": "ℝ",
    "mathbf{0}": "𝟎",
    "mathbf{1}": "𝟏",
}
SYMBOLS = {
    r"\cdot": "·",
    r"\odot": "⊙",
    r"\otimes": "⊗",
    r"\times": "×",
    r"\le": "≤",
    r"\ge": "≥",
    r"\ne": "≠",
    r"\in": "∈",
    r"\sum": "∑",
    r"\prod": "∏",
    r"\top": "⊤",
    r"\langle": "⟨",
    r"\rangle": "⟩",
    r"\|": "‖",
    r"\lfloor": "⌊",
    r"\rfloor": "⌋",
    r"\bmod": "%",
    r"\dots": "…",
    r"\{": "{",
    r"\}": "}",
}
COMMANDS = {letter: f"\\{name}" for name, letter in LETTERS.items()}
COMMANDS |= {character: name for name, character in SYMBOLS.items()} | {"−": "-"}
KNOWN = {
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "log",
    "max",
    "min",
    "det",
}  # LaTeX's own
ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec"}
COMMAND = re.compile(r"\\[A-Za-z]+$")
OVER = {"\u0302": "^", "\u0304": "¯", "\u0303": "~", "\u0307": "˙", "\u20d7": "→"}


class Latex:
    """Formulas for TeX, with amsmath."""

    space = r"\, "
    gap = r" \quad "

    def letters_of(self, word):
        """A name: one letter is italic, a word upright."""
        if len(word) == 1:
            return COMMANDS.get(word, word)
        return rf"\mathrm{{{self._escaped(word)}}}"

    def accented(self, letter, accent):
        return rf"\{ACCENTS[accent]}{{{self.letters_of(letter)}}}"

    def number(self, text):
        return text

    def symbol(self, character):
        return f" {COMMANDS.get(character, character)} "

    def operator(self, name):
        return rf"\{name}" if name in KNOWN else rf"\operatorname{{{self._escaped(name)}}}"

    def upright(self, letter):
        return rf"\mathrm{{{letter}}}"

    def words(self, text):
        return rf"\text{{{self._escaped(text)}}}"

    def row(self, *pieces):
        """The pieces side by side; a command ends at a space where a letter follows."""
        row = ""
        for piece in pieces:
            row += " " * bool(COMMAND.search(row) and piece[:1].isalpha()) + piece
        return row

    def lowered(self, base, index):
        return f"{base}_{{{index}}}"

    def raised(self, base, power):
        return f"{base}^{{{power}}}"

    def below(self, operator, index):
        return f"{operator.strip()}_{{{index}}} "

    def fraction(self, above, under):
        return rf"\frac{{{above}}}{{{under}}}"

    def root(self, piece):
        return rf"\sqrt{{{piece}}}"

    def fenced(self, piece, left="(", right=")"):
        left, right = (COMMANDS.get(mark, mark) for mark in (left, right))
        return rf"\left{left} {piece} \right{right}"

    def cases(self, rows):
        lines = r" \\ ".join(rf"{value} & {condition}" for value, condition in rows)
        return rf"\begin{{cases}} {lines} \end{{cases}}"

    def aligned(self, rows):
        """A column of equations: each row what stands before the = and after it."""
        lines = " \\\\\n".join(
            f"{left} &{COMMANDS.get(sign, sign)} {right}" for left, sign, right in rows
        )
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    def displayed(self, piece):
        return f"$$\n{piece}\n$$"

    def _escaped(self, text):
        return "".join(rf"\{c}" if c in "_%&#$" else c for c in text)


class MathML:
    """Formulas for browsers, which show them without help."""

    space = '<mspace width="0.17em"/>'
    gap = '<mspace width="1em"/>'

    def letters_of(self, word):
        return f"<mi>{html.escape(word)}</mi>"

    def accented(self, letter, accent):
        over = f'<mo stretchy="false">{OVER[accent]}</mo>'
        return f'<mover accent="true">{self.letters_of(letter)}{over}</mover>'

    def number(self, text):
        return f"<mn>{text}</mn>"

    def symbol(self, character):
        return f"<mo>{html.escape(character)}</mo>"

    def operator(self, name):
        return f"<mi>{html.escape(name)}</mi>"

    def upright(self, letter):
        return f'<mi mathvariant="normal">{letter}</mi>'

    def words(self, text):
        spaced = html.escape(text).replace(" ", "\N{NO-BREAK SPACE}")
        return f"<mtext>{spaced}</mtext>"

    def row(self, *pieces):
        return pieces[0] if len(pieces) == 1 else f"<mrow>{''.join(pieces)}</mrow>"

    def lowered(self, base, index):
        return f"<msub>{base}{self.row(index)}</msub>"

    def raised(self, base, power):
        return f"<msup>{base}{self.row(power)}</msup>"

    def below(self, operator, index):
        return f"<munder>{operator}{self.row(index)}</munder>"

    def fraction(self, above, under):
        return f"<mfrac>{self.row(above)}{self.row(under)}</mfrac>"

    def root(self, piece):
        return f"<msqrt>{piece}</msqrt>"

    def fenced(self, piece, left="(", right=")"):
        return self.row(self._fence(left), piece, self._fence(right))

    def cases(self, rows):
        lines = "".join(f"<mtr>{''.join(map(self._cell, row))}</mtr>" for row in rows)
        return self.row(self._fence("{"), f"<mtable>{lines}</mtable>")

    def aligned(self, rows):
        lines = "".join(
            f"<mtr>{self._cell(left, 'right')}{self._cell(self.symbol(sign))}{self._cell(right)}</mtr>"
            for left, sign, right in rows
        )
        return f'<mtable displaystyle="true" rowspacing="0.6em">{lines}</mtable>'

    def displayed(self, piece):
        space = 'xmlns="http://www.w3.org/1998/Math/MathML"'
        return f'<math {space} display="block">{piece}</math>'

    def _cell(self, piece, side="left"):
        return f'<mtd style="text-align: {side}; text-align: -webkit-{side}">{piece}</mtd>'

    def _fence(self, mark):
        return f'<mo fence="true" stretchy="true">{html.escape(mark)}</mo>'


def separated(style, pieces, separator=","):
    """Pieces of a style with a separator between them."""
    found = []
    for piece in pieces:
        found += [style.symbol(separator), piece] if found and separator else [piece]
    return style.row(*found)


def letter_and_accent(text):
    """A letter with its accent, x̂, or None for what is not one."""
    parts = unicodedata.normalize("NFD", text)
    if len(parts) == 2 and parts[1] in ACCENTS:
        return parts[0], parts[1]
    return None
