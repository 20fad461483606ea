r"""Parsing: the tokens of one equation become its tree, by recursive descent.

A term is a run of factors, with or without signs between them. Which of them multiply, which are
applied, and what a script means is not decided here.
"""

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.phrases import phrase
from handgrad.derivation.latex.reader import Reader
from handgrad.derivation.latex.tokens import Token

RELATIONS = {"=": "=", ":=": "=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "ne": "!=", "in": "in",
             "approx": "≈", "simeq": "≈", "sim": "≈", "propto": "∝", "to": "→", "rightarrow": "→",
             "gets": "→", "leftarrow": "→", "mapsto": "→"}  # fmt: skip
OPERATORS = {"cdot", "times", "odot", "circ", "otimes", "*", "/", "div", "bullet", "bmod"}
BIG = {"sum", "prod", "max", "min"}
STYLES = {"mathbf", "boldsymbol", "bm", "bf", "mathcal", "mathbb", "mathit", "mathsf", "mathscr",
          "mathfrak", "vec", "pmb", "mathds", "bold", "underline"}  # fmt: skip
WORDS = {"text", "mathrm", "operatorname", "textrm", "rm", "textbf", "textit", "texttt", "mathtt",
         "mbox", "textsf"}  # fmt: skip
ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde",
           "widetilde": "tilde", "dot": "dot", "check": "check", "ddot": "ddot"}  # fmt: skip
CLOSING = {
    "(": ")",
    "[": "]",
    "\\{": "\\}",
    "|": "|",
    "\\|": "\\|",
    "langle": "rangle",
    "lfloor": "rfloor",
    "lceil": "rceil",
}
CLOSERS = {*CLOSING.values(), "}", "&", "\\\\"}
TABLES = {"cases", "matrix", "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "smallmatrix"}
UNDER = {"underbrace", "overbrace", "underset", "overset", "stackrel"}


def parsed(tokens, words=frozenset()):
    """The tree of an equation. `words` are the names of several letters that are known."""
    parser = Parser(tokens, words)
    node = parser.relation()
    if parser.token is not None:
        raise parser.unread(f"{parser.token} is out of place")
    return node


class Parser(Reader):
    """Reads one kind of phrase in each method."""

    def relation(self):
        """Sides with relations between them; one side alone is itself."""
        at, signs, sides = self.at, [], [self.sum()]
        while sign := self._relation_sign():
            signs.append(sign)
            sides.append(self.sum())
        return tree.Relation(at, tuple(signs), tuple(sides)) if signs else sides[0]

    def _relation_sign(self):
        """The relation that follows, taken; "" if there is none."""
        text = self.text
        if text == ":" and self.i + 1 < len(self.tokens) and self.tokens[self.i + 1].text == "=":
            self.i += 1
            text = "="
        if text not in RELATIONS:
            return ""
        self.i += 1
        return RELATIONS[text]

    def sum(self):
        """Terms with + and − between them."""
        with self.deeper():
            return self._terms()

    def _terms(self):
        at, terms = self.at, []
        sign = self._signs() or "+"
        terms.append((sign, self.product()))
        while sign := self._signs():
            terms.append((sign, self.product()))
        found = terms[0][1] if terms == [("+", terms[0][1])] else tree.Sum(at, tuple(terms))
        if self.text != "over":  # {a \over b}
            return found
        self.i += 1
        return tree.Fraction(at, found, self.sum())

    def _signs(self):
        """+ or −, several of them joined; "" if there is none."""
        found = ""
        while self.text in {"+", "-", "−"}:
            sign = "+" if self.text == "+" else "-"
            found = sign if not found else "+" if found == sign else "-"
            self.i += 1
        return found

    def product(self):
        """Factors, with or without an operator between them."""
        at, factors, op = self.at, [], ""
        while True:
            if factors and self.text in OPERATORS:
                op = self.take().text
                sign = self._signs()
                factor = _signed(sign, self.scripted())
            elif not factors or self._begins_factor():
                op, factor = "", self.scripted()
            else:
                break
            factors.append((op, factor))
        return factors[0][1] if len(factors) == 1 else tree.Product(at, tuple(factors))

    def _begins_factor(self):
        token = self.token
        if token is None or token.kind == "end" or self.text in CLOSERS - {"|", "\\|"}:
            return False
        if self.text in {"|", "\\|"} and self.text in self.closers:
            return False
        if self.text == "|" and [t.text for t in self.tokens[self.i + 1 : self.i + 2]] == ["_"]:
            raise self.unread("an evaluation at a point is not read")
        return self.text not in RELATIONS and self.text not in {
            "+",
            "-",
            "−",
            ",",
            ";",
            ":",
            "over",
        }

    def scripted(self):
        """A factor with its scripts."""
        base, below, above, primes = self.atom(), None, None, 0
        while self.text in {"_", "^", "'", "prime"}:
            mark = self.take().text
            if mark in {"'", "prime"}:
                primes += 1
            elif mark == "_":
                self.subscripts += 1
                below = self._once(below, "subscripts")
                self.subscripts -= 1
            elif self.text == "prime":
                primes += self.i < len(self.tokens)
                self.i += 1
            else:
                above, more = tree.without_prime(self._once(above, "superscripts"))
                primes += more
        below, above = tree.unless_empty(below), tree.unless_empty(above)
        if below is None and above is None and not primes:
            return base
        if below is above is None and self.subscripts and isinstance(base, tree.Symbol):
            return tree.Symbol(base.at, base.name + "'" * primes, base.accent, base.style)
        return tree.Scripted(base.at, base, below, above, primes)

    def _once(self, before, what):
        if before is not None:
            raise self.unread(f"two {what} in a row")
        return self.argument(script=True)

    def argument(self, *, script=False):
        """What stands in braces, or the next piece alone."""
        if self.text == "{":
            return self._braced()
        at, token = self.at, self.token
        if script and self.text in {"*", "+", "-", "top", "circ", "odot"}:
            return tree.Symbol(at, self.take().text)
        if token and token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            first = Token("number", token.text[0], token.line, token.column)  # x^12 is x^1 2 in TeX
            rest = Token("number", token.text[1:], token.line, token.column + 1, glued=True)
            self.tokens[self.i : self.i + 1] = [first, rest]
        if token is not None and token.kind == "letter":
            self.i += 1
            return tree.Symbol(at, token.text)
        return self.atom()

    def _braced(self):
        at = self.at
        self.take("{")
        if self.text == "}":
            self.i += 1
            return tree.Words(at, "")
        inside, closers, self.closers = self._list("}"), self.closers, []
        self.closers = closers
        return inside[0] if len(inside) == 1 else tree.Group(at, "{", inside)

    def _list(self, closing):
        """What stands up to a delimiter, at its commas."""
        parts = []
        self.closers.append(closing)
        while True:
            parts.append(self._loose())
            if self.text not in {",", ";", "|"} or self.text == closing:
                break
            self.i += 1
            if self.text == ")" == closing:  # (x,)
                parts.append(tree.Words(self.at, ""))
                break
        self.closers.pop()
        if self.text != closing and not (closing == ")" and self.text == "]"):
            raise self.unread(f"{closing.strip()} is missing")
        self.i += 1
        return tuple(parts)

    def _loose(self):
        """An expression or a relation, or a lone sign such as the dot of W_{i·}."""
        if self.text in {"top", "*", "+", "-", "cdot", ":", "prime", "circ", "odot"}:
            after = self.tokens[self.i + 1] if self.i + 1 < len(self.tokens) else None
            if after is not None and after.text in {"}", ","}:
                at = self.at
                return tree.Symbol(at, self.take().text)
        if self.text in {"circ", "odot", "<"}:  # A^{\circ 2}, h^{<t>}
            at, sign = self.at, self.take().text
            inside = self.sum()
            if sign == "<":
                self.take(">")
            return tree.Group(at, sign, (inside,))
        return self._slice() if self.subscripts else self.relation()

    def _slice(self):
        """An index, or a : b, whose ends may be missing, or a : b : step."""
        at, ends = self.at, []
        while len(ends) < 3:
            is_end = self.text in {":", "}", ","}
            ends.append(tree.Words(self.at, "") if is_end else self.relation())
            if self.text != ":":
                break
            self.i += 1
        return tree.Group(at, ":", tuple(ends)) if len(ends) > 1 else ends[0]

    def atom(self):
        """A factor without its scripts."""
        token, at = self.token, self.at
        if token is None:
            raise self.unread("something is missing at the end")
        if token.kind == "letter":
            return self._word(token)
        if token.kind == "number":
            self.i += 1
            return tree.Number(at, token.text)
        if token.kind == "begin":
            return self._table()
        if token.kind == "end":
            raise self.unread(f"\\end{{{token.text}}} is out of place")
        if self.text == "{":
            return self._braced()
        if self.text in CLOSING:
            self.i += 1
            return tree.Group(at, token.text, self._list(CLOSING[token.text]))
        if token.kind == "command":
            self.i += 1
            with self.deeper():
                return self._command(token.text, at)
        raise self.unread(f"{token.text} is out of place")

    def _word(self, token):
        """A letter, or the longest known word that begins here."""
        end = self.i + 1
        while end < len(self.tokens) and self.tokens[end].kind in {"letter", "number"}:
            if not self.tokens[end].glued:
                break
            end += 1
        for stop in range(end, self.i + 1, -1):
            word = "".join(t.text for t in self.tokens[self.i : stop])
            if word in self.words:
                self.i = stop
                return tree.Symbol((token.line, token.column), word)
        self.i += 1
        return tree.Symbol((token.line, token.column), token.text)

    def _command(self, name, at):
        """What a command says."""
        if name == "frac":
            above = self.argument()
            return tree.Fraction(at, above, self.argument())
        if name == "sqrt":
            if self.text == "[":
                raise self.unread("only square roots are read")
            return tree.Root(at, self.argument())
        if name in BIG:
            return self._big(name, at)
        if name in ACCENTS:
            return self._accented(self.argument(), ACCENTS[name], at)
        if name in STYLES:
            return self._styled(self.argument(), name)
        if name in WORDS:
            return self._text(at)
        if name in UNDER | {"boxed", "textcolor", "mathop", "mathbin", "cancel", "fbox", "smash"}:
            return self._wrapped(name)
        return tree.Symbol(at, name)

    def _wrapped(self, name):
        """What stands in a box, in a colour, or under a brace, whose words are left out."""
        if name in {"textcolor", "underset", "overset", "stackrel"}:
            self.argument()
        inside = self.argument()
        if name in {"underbrace", "overbrace"} and self.text in {"_", "^"}:
            self.i += 1
            self.argument()
        return inside

    def _big(self, name, at):
        """A sum, product, maximum or minimum, with the factors that follow it."""
        below = above = None
        while self.text in {"_", "^"}:
            if self.take().text == "_":
                self.subscripts += 1
                below = self.argument(script=True)
                self.subscripts -= 1
            else:
                above = self.argument(script=True)
        if name in {"max", "min"} and below is None:
            return tree.Symbol(at, name)
        with self.deeper():
            sign = self._signs()
            body = _signed(sign, self.product())
        return tree.Big(at, name, below, above, body)

    def _accented(self, node, accent, at):
        if isinstance(node, tree.Symbol):
            return tree.Symbol(at, node.name, accent, node.style)
        if isinstance(node, tree.Scripted) and isinstance(node.base, tree.Symbol):
            base = self._accented(node.base, accent, at)
            return tree.Scripted(at, base, node.below, node.above, node.primes)
        raise UnreadError(f"a {accent} stands over several letters", *at)

    def _styled(self, node, style):
        if isinstance(node, tree.Symbol):
            return tree.Symbol(node.at, node.name, node.accent, style)
        if isinstance(node, tree.Number):
            return tree.Symbol(node.at, node.text, "", style)
        return node

    def _text(self, at):
        r"""The words of \text{…} or \operatorname{…}: one name, or words."""
        self.take("{")
        found, depth = [], 0
        while self.text != "}" or depth:
            depth += (self.text == "{") - (self.text == "}")
            found.append(self.take())
        self.i += 1
        return phrase(found, self.words, at)

    def _table(self):
        """The rows of cases or of a matrix."""
        at, name = self.at, self.tokens[self.i].text
        if name not in TABLES and name != "array":
            raise self.unread(f"\\begin{{{name}}} is not read here")
        self.i += 1
        if name == "array" and self.text == "{":
            self.argument()
        rows, row = [], []
        closers, self.closers = self.closers, []
        while self.token is not None and self.token.kind != "end":
            row.append(self._cell())
            if self.text == "&":
                self.i += 1
            elif self.text == "\\\\":
                self.i += 1
                rows.append(tuple(row))
                row = []
        self.closers = closers
        if self.token is None:
            raise self.unread(f"\\end{{{name}}} is missing")
        self.i += 1
        return tree.Table(at, name, tuple([*rows, tuple(row)] if row else rows))

    def _cell(self):
        r"""One cell: relations with words and commas between them, such as `x, \text{if } x > 0`."""
        parts = []
        while (
            self.token is not None and self.token.kind != "end" and self.text not in {"&", "\\\\"}
        ):
            if self.text in {",", ";", "."}:
                self.i += 1
            else:
                before = self.i
                parts.append(self.relation())
                if self.i == before:
                    raise self.unread(f"{self.token} is out of place")
        return tuple(parts)


def _signed(sign, node):
    return tree.Sum(node.at, (("-", node),)) if sign == "-" else node
