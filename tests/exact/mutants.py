"""Mutants of right links: one small change each, most of which make a link wrong."""

import ast
import copy
from dataclasses import replace

from handgrad.derivation.notation import Kind

OTHERS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
}
FUNCTIONS = {
    "exp": "sin",
    "sum": "mean",
    "mean": "sum",
    "sqrt": "exp",
    "cos": "sin",
    "sin": "cos",
    "log": "exp",
    "tanh": "sigmoid",
    "sigmoid": "tanh",
    "max": "min",
    "inner": "outer",
    "inv": "diag",
    "tril": "triu",
    "softmax": "exp",
}


def mutants_of(chain, link):
    """The trees that differ from a link's in one operator, number, function, name or sign."""
    tree = link.node
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.expr)]
    for place, node in enumerate(nodes):
        for change in _changes(node):
            own = copy.deepcopy(tree)
            twin = [n for n in ast.walk(own) if isinstance(n, ast.expr)][place]
            yield _replaced(own, twin, change(twin))


def _changes(node):
    match node:
        case ast.BinOp(op=op) if type(op) in OTHERS:
            yield lambda n: ast.copy_location(ast.BinOp(n.left, OTHERS[type(n.op)](), n.right), n)
            yield lambda n: n.left
            yield lambda n: n.right
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield lambda n: ast.copy_location(ast.Constant(n.value + 1), n)
        case ast.UnaryOp(op=ast.USub()):
            yield lambda n: n.operand
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            yield _renamed
        case ast.Attribute(attr="T"):
            yield lambda n: n.value
        case ast.Name():
            yield lambda n: ast.copy_location(ast.UnaryOp(ast.USub(), n), n)


def _renamed(node):
    func = ast.copy_location(ast.Name(FUNCTIONS[node.func.id], ast.Load()), node)
    return ast.copy_location(ast.Call(func, node.args, node.keywords), node)


def _replaced(tree, old, new):
    class Swap(ast.NodeTransformer):
        def visit(self, node):
            return new if node is old else super().generic_visit(node)

    return Swap().visit(tree)


def mutated(derivation):
    """(the derivation with one link changed, the number of that link, the link) for each mutant."""
    number = 0
    for at, chain in enumerate(derivation.chains):
        for link in chain.checked:
            if chain.kind is not Kind.DEFINITION:
                for tree in mutants_of(chain, link):
                    other = replace(link, node=tree, text=ast.unparse(tree))
                    links = tuple(other if k is link else k for k in chain.links)
                    yield _with_chain(derivation, at, replace(chain, links=links)), number, other
            number += 1


def _with_chain(derivation, at, chain):
    old = derivation.chains[at]
    chains = [chain if c is old else c for c in derivation.chains]
    order = [chain if item is old else item for item in derivation.order]
    return replace(derivation, chains=chains, order=order)
