"""Reading: the lines of a derivation become its statements."""

import ast
import keyword
import unicodedata
from dataclasses import replace

from handgrad.derivation import habits
from handgrad.derivation import lines as text
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import (
    elements,
    is_derivative,
    is_reduction,
    names_in,
    near,
    nodes_of,
    parse,
)
from handgrad.derivation.indices import bound_in, letters_in, shift_of
from handgrad.derivation.notation import CONSTANTS, Chain, Derivation, Given, Kind, Link
from handgrad.derivation.recurrences import Blocks
from handgrad.derivation.seconds import without_marks

MAX_LINES = 2000


def read(lines, fields=None, title="", *, all_stated=False):
    """The derivation in some lines. Raises DerivationError with the place of what is wrong.

    With `all_stated`, the gradient of every node may be used whether a line states it or not.
    """
    lines = list(lines)
    if len(lines) > MAX_LINES:
        raise DerivationError(f"a derivation has at most {MAX_LINES} lines", lines[0].number)
    derivation = Derivation(title, dict(fields or {}))
    reader = _Reader(derivation, all_stated=all_stated)
    statements = list(text.statements(lines))
    reader.claimed = text.claimed_in(statements)
    for statement in statements:
        reader.read(statement)
    reader.close()
    return derivation


class _Reader:
    """Reads statement after statement, and knows which names there are."""

    def __init__(self, derivation, *, all_stated):
        self.derivation, self.all_stated = derivation, all_stated
        self.spellings = {}
        self.sizes = set()
        self.nodes = set()
        self.auxiliary = set()
        self.stated = set()
        self.moves = set()
        self.backward = self.paired = False
        self.claimed = set()
        self.blocks = {Kind.DEFINITION: Blocks(), Kind.AUXILIARY: Blocks()}

    def read(self, lines):
        first = lines[0]
        for line in lines:
            if said := habits.of_letters(without_marks(line.text), self.spellings):
                raise DerivationError(said, line.number)
        match = text.GIVEN.fullmatch(first.text)
        if match and len(lines) == 1:
            self._given(match, first)
        elif (match := text.IMPLICIT.fullmatch(first.text)) and len(lines) == 1:
            self._implicit(match, first)
        else:
            self._chain([part for line in lines for part in text.parts(line)], first)

    def close(self):
        """Say what is still missing at the end."""
        for blocks in self.blocks.values():
            blocks.require_steps()

    def _given(self, match, line):
        name = unicodedata.normalize("NFKC", match["name"])  # as Python reads its names
        self._require_free(name, line.number, match.start("name") + 1)
        shape, domain, start = text.split(match["rest"], line)
        column = match.start("rest")
        axes = _axes(shape, line.number, column)
        argument, value = (
            parse(domain[part], line.number, column + start + domain.start(part))
            if domain[part]
            else None
            for part in ("argument", "value")
        )
        known = self.sizes | self.nodes | self.derivation.fields.keys()
        classes = [argument] if domain["domain"] == "label" and argument else []
        for axis in (*axes, *classes):
            self.sizes |= {size for size in names_in(axis) if size not in known}
        if name in self.sizes:
            raise DerivationError(f"{name} is a size of its own axes", line.number)
        kind, const = domain["domain"] or "real", bool(domain["const"] or domain["still"])
        given = Given(name, tuple(axes), kind, argument, value, line.number, const)
        self.nodes.add(name)
        self.moves |= set() if const else {f"δ{name}"}
        self.derivation.add(given)

    def _implicit(self, match, line):
        """z : fixed_point(f(z)), a definition in which z stands on both sides."""
        name = unicodedata.normalize("NFKC", match["name"])
        link = Link(
            parse(match["body"], line.number, match.start("body") + 1), match["body"], line.number
        )
        head = parse(match["name"], line.number, match.start("name") + 1)
        self._require_known([link], (name,), (), block=1)
        made = Chain(Kind.DEFINITION, (name,), (link,), line.number, (head,))
        self._keep(replace(made, implicit=match["kind"], front=match["name"]))

    def _chain(self, parts, line):
        if len(parts) < 2:
            said = f"{line.text.strip()!r} is neither a given, `x : (N, D)`, nor a chain, `y = x`"
            raise DerivationError(f"{said}{habits.of_line(line.text)}", line.number, 1)
        head, *links = [Link(parse(*part), " ".join(part[0].split()), part[1]) for part in parts]
        heads = _heads(head.node)
        targets = tuple(map(_name, heads))
        if len(set(targets)) < len(targets):
            raise DerivationError("a name appears twice in front of the `=`", line.number, 1)
        if (word := _word(links)) is not None and len(targets) == 1:
            self._require_free(targets[0], line.number, 1)
            self.derivation.fields[targets[0]] = word
            return
        kind = self._kind(targets, heads, links)
        if targets == ("δ",) and isinstance(head.node, ast.Name):
            message = "δ is the sign of a move, and of δ[i, j], and not a name: write delta"
            raise DerivationError(message, line.number, 1)
        if kind is Kind.IDENTITY:
            if said := habits.of_quotient(head.node, self.nodes):
                raise DerivationError(said, line.number, 1)
            targets, heads, links = (), (), [head, *links]
        letters = self._letters(heads or [head.node], links)
        block = 0
        if kind in {Kind.DEFINITION, Kind.AUXILIARY} and len(heads) == 1:
            block = self._block(kind, heads, targets, links, line)
        self._require_known(links, targets, letters, block)
        made = Chain(
            kind, targets, tuple(links), line.number, heads, letters, _limits(heads), block
        )
        made = replace(made, times=frozenset(self.derivation.times), domain=self._domain(made))
        front = head.text if heads else ""
        self._keep(replace(made, made_of=self._made_of(targets), front=front))

    def _domain(self, chain):
        """The domain of the input whose gradient, or by which a derivative, is stated."""
        if chain.kind not in {Kind.GRADIENT, Kind.LOCAL} or len(chain.targets) > 1:
            return ""
        name = chain.targets[0]
        moved = nodes_of(name)[-1] if chain.kind is Kind.LOCAL else name[1:]
        return next((g.domain for g in self.derivation.givens if g.name == moved), "")

    def _made_of(self, targets):
        """What the nodes of some differentials are defined by."""
        nodes = {name[1:] for name in targets}
        links = [c.links[0] for c in self.derivation.definitions if nodes & set(c.targets)]
        return tuple(dict.fromkeys(name for link in links for name in names_in(link.node)))

    def _keep(self, chain):
        """Remember what a chain says, and put it to the others."""
        kind, targets = chain.kind, set(chain.targets)
        if kind is Kind.DEFINITION:
            for name in targets - (self.derivation.times if chain.block else set()):
                self._require_free(name, chain.line, 1)
            self.nodes |= targets
            self.moves |= {f"δ{name}" for name in targets}
        elif kind is Kind.AUXILIARY:
            for name in targets:
                self._require_no_gradient(name, chain.line)
            self.auxiliary |= targets
        elif kind is not Kind.IDENTITY:
            self.stated |= targets
        self.backward |= kind is not Kind.DEFINITION
        used = {name for link in chain.links for name in names_in(link.node)}
        self.paired |= kind is Kind.GRADIENT or bool(used & self._upstream())
        if chain.block or self._takes_steps(chain):
            self.derivation.times |= {f"{d}{name}" for name in targets for d in ("", "d", "δ")}
        self.derivation.add(chain)

    def _takes_steps(self, chain):
        """Whether what a chain defines has its steps on the first axis, as da[t] = dh[t+1] * …"""
        if chain.kind not in {Kind.DEFINITION, Kind.AUXILIARY} or not chain.letters:
            return False
        return any(
            shift_of(elements(n.slice)[0], chain.letters[0]) is not None
            for node in chain.nodes
            for n in ast.walk(node)
            if isinstance(n, ast.Subscript) and _name(n) in self.derivation.times
        )

    def _block(self, kind, heads, targets, links, line):
        """The block of a definition, of the forward or of what follows it; 0 if it is in none."""
        try:
            return self.blocks[kind].place(targets[0], heads[0], links, self._known())
        except DerivationError as error:
            raise error.at(line.number, 1) from None

    def _letters(self, heads, links):
        """The free indices of what stands first; those behind must be among them."""
        known = self._known()
        letters = letters_in(heads, known)
        for link in links:
            for letter in letters_in([link.node], known):
                if letter not in letters:
                    message = f"{letter} is free on the right and not on the left"
                    hint = f"{message}: is a sum over {letter} missing?"
                    raise DerivationError(hint, *_place(link, letter))
        return tuple(letters)

    def _known(self):
        """The names that have a meaning."""
        known = self.derivation.fields.keys() | self.sizes | self.nodes | self.auxiliary
        known |= {f"d{name}" for name in self.nodes} if self.all_stated else set()
        return known | self.stated | self._upstream() | self.moves | CONSTANTS.keys()

    def _kind(self, targets, heads, links):
        """What a chain says, from what stands first."""
        if any(map(is_derivative, targets)):
            return Kind.LOCAL
        letters = {self._letter(name) for name in targets}
        if letters & {"d", "δ"}:
            if len(letters) > 1:
                message = "a line has gradients in front of its `=`, or differentials, or new names"
                raise DerivationError(message, links[0].line, 1)
            return Kind.GRADIENT if letters == {"d"} else Kind.DIFFERENTIAL
        for kind, blocks in self.blocks.items():
            if set(targets) & blocks.begun.keys() and isinstance(heads[0], ast.Subscript):
                return kind
        taken = self.nodes | self.sizes | self.auxiliary | self.derivation.fields.keys()
        if not targets or "δ" in targets or set(targets) & taken:
            return Kind.IDENTITY
        used = {name for link in links for name in names_in(link.node)}
        gradients = used & self.moves or {n for n in used if n[0] == "d" and n[1:] in self.nodes}
        if gradients or used & self.auxiliary or any(map(is_derivative, used)):
            return Kind.AUXILIARY
        is_node = not self.backward or (not self.paired and self.claimed & set(targets))
        return Kind.DEFINITION if is_node else Kind.AUXILIARY

    def _letter(self, name):
        """The d or δ of a name that is the gradient or differential of a node."""
        moved = name[0] in "dδ" and name not in self.nodes and name[1:] in self.nodes
        return name[0] if moved else ""

    def _require_free(self, name, line, column):
        """A node's name must be new, and so must the names of its gradient and differential."""
        if name in self.nodes or name in self.sizes:
            raise DerivationError(f"{name} is already defined", line, column)
        if keyword.iskeyword(name):
            raise DerivationError(f"{name} is a Python keyword and cannot be a name", line, column)
        clashes = {f"d{name}", f"δ{name}", name[1:] if name[0] in "dδ" else ""} & self.nodes
        for other in clashes:
            message = f"{name} and {other} read as a node and its gradient: rename one of them"
            raise DerivationError(message, line, column)

    def _require_no_gradient(self, name, line):
        """What is defined after the forward is not a node, and must not look like a gradient."""
        if name[0] not in "dδ":
            return
        if name[1:] in self.auxiliary:
            message = f"{name[1:]} is defined after the first gradient, so it has none of its own"
            raise DerivationError(message, line, 1)
        for node in self.nodes:
            if node.casefold() == name[1:].casefold():
                message = f"{name} is not a gradient: did you mean {name[0]}{node}?"
                raise DerivationError(message, line, 1)

    def _upstream(self):
        return {f"d{name}" for name in self.derivation.outputs}

    def _require_known(self, links, targets, letters, block):
        """Every name must have a meaning where it stands, and not the one that it is given there."""
        known = self._known() | set(letters) | {"δ"}
        known |= {f"d{name}" for name in self.nodes & self.derivation.times}
        upstream, own = self._upstream(), set() if letters or block else set(targets)
        for name in filter(is_derivative, targets):
            self._require_nodes(name, links[0])
        for link in links:
            bound = {i for n in ast.walk(link.node) if is_reduction(n) for i, _ in bound_in(n)}
            for name in names_in(link.node):
                if is_derivative(name):
                    self._require_nodes(name, link)
                elif name in own and name not in upstream:
                    message = f"{name} is used in its own definition"
                    raise DerivationError(message, *_place(link, name))
                elif name not in known | bound | set(targets):
                    raise DerivationError(self._unknown(name, known), *_place(link, name))

    def _unknown(self, name, known):
        """What is said of a name without a meaning."""
        if name[0] == "d" and name[1:] in self.nodes:
            outputs = " and ".join(self.derivation.outputs) or "nothing"
            said = f"{name} is not stated yet, and the output so far is {outputs}"
            later = self._defined_after(name[1:])
            return f"{said}: if {name[1:]} is meant, move {later} above it" if later else said
        if name[0] == "d" and name[1:] in self.auxiliary:
            said = f"{name[1:]} is defined after the first gradient, so it has none of its own"
            return f"{said}: move it above that"
        hint = habits.of_name(name, self.derivation.outputs) or near(name, known)
        return f"{name} is not defined here{hint}"

    def _defined_after(self, name):
        """The nodes that are defined below a node and not made of it."""
        made, found, below = {name}, [], False
        for chain in self.derivation.definitions:
            used = {n for link in chain.links for n in names_in(link.node)}
            below |= name in chain.targets
            if used & made:
                made |= set(chain.targets)
            elif below and name not in chain.targets:
                found += chain.targets
        return "" if made - {name} else " and ".join(dict.fromkeys(found))

    def _require_nodes(self, name, link):
        """Both names of a local derivative must be those of nodes; it is then asked of JAX."""
        for node in nodes_of(name):
            if node not in self.nodes:
                message = f"{node}, of {name}, is not a node of the forward{near(node, self.nodes)}"
                raise DerivationError(message, link.line)
        self.derivation.derivatives.add(name)


def _heads(node):
    """The names in front of the first `=`, with their indices; () if something else is there."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(parts) if all(_name(part) for part in parts) else ()


def _word(links):
    """The word that an option is said to be, as in mode = "wrap"; None for anything else."""
    node = links[0].node if len(links) == 1 else None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node):
    """The name that a node is, with or without a subscript; "" if it is something else."""
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.id if isinstance(node, ast.Name) else ""


def _limits(heads):
    """The stated ranges of the letters of heads, y[n : N - K + 1]."""
    found = {}
    for head in heads:
        for part in elements(head.slice) if isinstance(head, ast.Subscript) else ():
            if isinstance(part, ast.Slice) and part.lower is not None and part.upper is not None:
                stated = [p for p in (part.upper, part.step) if p is not None]
                found |= dict.fromkeys(names_in(part.lower), stated)
    return found


def _place(link, name):
    """The line and the column at which a name first stands in a link."""
    nodes = (n for n in ast.walk(link.node) if isinstance(n, ast.Name) and n.id == name)
    line, before = min((n.lineno, n.col_offset) for n in nodes)
    return line or link.line, before + 1


def _axes(shape, line, column):
    """The expressions between the parentheses of a given."""
    listed = shape.rstrip().removesuffix(",")
    if not listed.strip():
        return []
    node = parse(f"({listed},)", line, column)
    if not isinstance(node, ast.Tuple):
        raise DerivationError(f"({shape}) is not a shape, such as (N, D)", line, column)
    return node.elts
