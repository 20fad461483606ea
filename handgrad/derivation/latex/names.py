r"""Names: `\hat{\boldsymbol x}`, `W_1`, `\mu_B` as names of the notation."""

import unicodedata

from handgrad.derivation.latex import tree

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "vartheta": "θ", "iota": "ι", "kappa": "κ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "varrho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "l",
    "pi": "π", "lambda": "λ"}  # fmt: skip
LETTERS = {letter: name for name, letter in GREEK.items()}
MARKS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "check": "\u030c",
         "ddot": "\u0308"}  # fmt: skip
SHORT = {"ε": "eps"}
CALLED = {
    "ln": "log", "tr": "trace", "Tr": "trace", "sgn": "sign", "sigma": "sigmoid", "sigm": "sigmoid", "sig": "sigmoid",
    "logistic": "sigmoid", "ReLU": "relu", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "LSE": "logsumexp",
    "lse": "logsumexp", "Sigmoid": "sigmoid", "Softmax": "softmax", "Tanh": "tanh", "Relu": "relu", "th": "tanh",
    "SoftMax": "softmax", "logit": "logit", "trace": "trace", "Var": "var", "var": "var", "diag": "diag", "GELU": "gelu",
    "Softplus": "softplus", "logdet": "logdet",
}  # fmt: skip
SPELLED = {"exp", "log", "ln", "sin", "cos", "tan", "tanh", "sigmoid", "softmax", "relu", "det",
           "diag", "trace", "sqrt", "sum", "mean", "logsumexp", "softplus", "sign", "vec", "max",
           "min", "erf", "logsoftmax", *(name for name in CALLED if len(name) > 2)}  # fmt: skip


def spellings(node):
    """The names that a symbol may stand for, the likeliest first; [] for what is not a symbol."""
    if not isinstance(node, tree.Symbol) or not node.name or not node.name[0].isalpha():
        return []
    if node.name.endswith("'"):
        plain = tree.Symbol(node.at, node.name[:-1], node.accent, node.style)
        return [f"{name}_" for name in spellings(plain)]
    letter = GREEK.get(node.name, node.name)
    known = [letter, node.name, SHORT.get(letter, letter), LETTERS.get(letter, letter)]
    if "δ" in known or "∂" in known:
        known = ["delta"]
    if node.name == "delta":
        known = ["delta"]
    if node.accent:
        signs = [f"{name}{MARKS[node.accent]}" for name in known if len(name) == 1]
        known = signs + [f"{name}{sep}{node.accent}" for name in known for sep in ("_", "")]
    return list(dict.fromkeys(unicodedata.normalize("NFKC", name) for name in known))


def labelled(node):
    """The names that a symbol with labels may stand for: W_1, W1; [] where the scripts are none."""
    if isinstance(node, tree.Symbol):
        return spellings(node)
    if not isinstance(node, tree.Scripted) or node.primes:
        return []
    labels = [label(script) for script in (node.below, node.above) if script is not None]
    if not all(labels):
        return []
    ends = [f"_{'_'.join(labels)}", f"_{'_'.join(reversed(labels))}"]
    ends += ["".join(labels)] if all(map(str.isdigit, labels)) else []
    return [f"{name}{end}" for name in spellings(node.base) for end in dict.fromkeys(ends)]


def label(script):
    """What a script says where it is a label: letters and digits alone; "" where it is more."""
    match script:
        case tree.Symbol(name="*"):
            return "star"
        case tree.Symbol(name=name) if spellings(script):
            return spellings(script)[0] if name else ""
        case tree.Number(text=text) if text.isdigit():
            return text
        case tree.Words(text=text):
            return "".join(c for c in text if c.isalnum())
        case tree.Sum(terms=terms):
            signs = ({"+": "p", "-": "m"}[sign] for sign, _ in terms)
            found = [(sign, label(term)) for sign, (_, term) in zip(signs, terms, strict=True)]
            joined = "".join(f"{sign}{text}" for sign, text in found)
            return joined.removeprefix("p") if all(text for _, text in found) else ""
        case tree.Group(opening="(" | "[" | "<" | "langle" | "{", parts=parts):
            found = [label(part) for part in parts]
            return "_".join(found) if all(found) else ""
        case tree.Product(factors=factors) if all(not op for op, _ in factors):
            found = [label(factor) for _, factor in factors]
            return "".join(found) if all(found) else ""
    return ""
