"""Operations in words: what the nodes of a tape are called."""

SAME = {
    "the sum": "add sum reduce_sum",
    "the difference": "sub",
    "the product": "mul reduce_prod",
    "the quotient": "div",
    "the sign": "neg",
    "the maximum": "max reduce_max",
    "the minimum": "min reduce_min",
    "the mean": "mean",
    "the variance": "var",
    "the standard deviation": "std",
    "the matrix product": "dot_general mm bmm addmm",
    "the convolution": "conv_general_dilated",
    "the power": "integer_pow pow",
    "the square": "square",
    "the square root": "sqrt",
    "the inverse square root": "rsqrt",
    "the choice": "select_n where",
    "exp": "exp",
    "the logarithm": "log",
    "the lookup": "gather",
    "the cumulative sum": "cumsum",
}
WORDS = {kind: word for word, kinds in SAME.items() for kind in kinds.split()}
MOVES = {"broadcast_in_dim", "reshape", "squeeze", "expand", "unsqueeze", "view", "transpose"}
MOVES |= {"convert_element_type", "copy", "permute", "t", "slice", "stack", "concatenate", "alias"}
REDUCTIONS = {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "sum", "mean", "var", "std"}
PRODUCTS = {"dot_general", "mm", "bmm", "addmm", "conv_general_dilated"}


def name_nodes(tape, names):
    """Give every node of a tape its name; `names` are those of the inputs."""
    at = {node: i for i, node in tape.inputs.items()}
    number = 0
    for k, node in enumerate(tape.nodes):
        if k in at:
            node.name = names[at[k]]
            continue
        number += 1
        word = _special(tape, k) or WORDS.get(node.kind, f"`{node.kind}`")
        if node.kind in MOVES and (moved := _moved(tape, k)):
            word = moved
        kind = "" if word == f"`{node.kind}`" else f"`{node.kind}`, "
        node.name = f"{word} ({kind}operation {number})"


def _special(tape, k):
    """A mean and a variance are several operations in JAX."""
    node = tape.nodes[k]
    if node.kind == "div" and node.operands[1:] == (None,):
        return _special(tape, node.operands[0])
    if node.kind not in {"reduce_sum", "mean"}:
        return ""
    if node.kind == "reduce_sum" and not _is_divided(tape, k):
        return ""
    before = _maker(tape, node)
    if before is None or not _is_square(before):
        return "the mean"
    centred = _maker(tape, before)
    return "the variance" if centred is not None and centred.kind == "sub" else "the mean square"


def _is_divided(tape, k):
    """Whether a sum goes on to be divided, or multiplied, by a constant."""
    for edge in tape.edges:
        if edge.source == k:
            user = tape.nodes[edge.target]
            if user.kind in MOVES:
                return _is_divided(tape, edge.target)
            return user.kind in {"div", "mul"} and None in user.operands
    return False


def _moved(tape, k):
    """The word for what is only moved here: that of its maker."""
    source = next((o for o in tape.nodes[k].operands if o is not None), None)
    if source is None or source in tape.inputs.values():
        return ""
    before = tape.nodes[source]
    if before.kind in MOVES:
        return _moved(tape, source)
    return _special(tape, source) or WORDS.get(before.kind, "")


def _maker(tape, node):
    source = next((o for o in node.operands if o is not None), None)
    if source is None:
        return None
    found = tape.nodes[source]
    return _maker(tape, found) if found.kind in MOVES else found


def _is_square(node):
    return node.kind in {"integer_pow", "square", "pow"} or (
        node.kind == "mul" and len(set(node.operands)) == 1
    )


def rank(kind):
    """How telling an operation is: reductions and products first, mere moves last."""
    if kind in REDUCTIONS:
        return 0
    if kind in PRODUCTS:
        return 1
    return 3 if kind in MOVES else 2
