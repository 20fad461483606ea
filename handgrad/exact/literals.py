"""Expressions whose numbers do not round: each float, and what is divided, is an exact number."""

import ast
import copy
from dataclasses import replace

from handgrad.derivation.expressions import words_in
from handgrad.derivation.notation import Chain, Kind
from handgrad.derivation.vocabulary import Function
from handgrad.exact.numbers import lift

EXACTLY = "exactly "  # a name that no text can have


class _Exactly(ast.NodeTransformer):
    """Calls `exactly` on floats, on what stands above a /, and on what has a power."""

    def visit_Constant(self, node):
        return _called(node) if isinstance(node.value, float) else node

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        match node:
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int())):
                return node
            case ast.BinOp(left=left, op=ast.Div() | ast.Pow() as op, right=right):
                return ast.copy_location(ast.BinOp(_called(left), op, right), node)
        return node


def _called(node):
    name = ast.copy_location(ast.Name(EXACTLY, ast.Load()), node)
    return ast.copy_location(ast.Call(name, [node], []), node)


def _number(x):
    """A number as an exact one; an array as it is."""
    return lift(x) if isinstance(x, int | float) else x


FUNCTION = Function(_number, 1, elementwise=True)


def exactly(derivation):
    """The derivation with expressions whose numbers do not round."""
    order = [_exact_chain(item) if isinstance(item, Chain) else item for item in derivation.order]
    chains = [item for item in order if isinstance(item, Chain)]
    definitions = [chain for chain in chains if chain.kind is Kind.DEFINITION]
    return replace(derivation, order=order, chains=chains, definitions=definitions)


def _exact_chain(chain):
    links = tuple(replace(link, node=_exact_node(link.node)) for link in chain.links)
    return replace(chain, links=links)


def _exact_node(node):
    return _Exactly().visit(copy.deepcopy(node))


def exact_runner(runner, derivation):
    """The runner of a derivation for exact numbers, those among its options too."""
    own = copy.copy(runner)
    own.derivation = derivation
    used = {name for chain in derivation.chains for node in chain.nodes for name in words_in(node)}
    own.constants = {
        name: lift(x) if isinstance(x, float) and name in used else x
        for name, x in runner.constants.items()
    }
    return own
