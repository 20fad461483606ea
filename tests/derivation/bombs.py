"""Texts that would eat the machine: each a few lines, and what is said of it."""


def nested(function, name, depth):
    """function(function(… name …))"""
    return f"{function}(" * depth + name + ")" * depth


def balanced(name, count):
    """A product of so many factors, in parentheses that nest no deeper than they must."""
    if count < 2:
        return name
    return f"({balanced(name, count // 2)} * {balanced(name, count - count // 2)})"


def tower(names):
    """Tuples of 32 tuples of 32 tuples …"""
    return "\n".join(f"{a} = ({f'{b}, ' * 32})" for a, b in zip(names[1:], names, strict=False))


LONG = "takes longer than a derivation may"
LARGE = "a program of more than"
ELEMENTS = "an array has at most 100000 elements"
AXES = "an array has at most 32 axes"
TUPLE = "a tuple has at most 64 elements"
SINES = "\n".join(f"y{i + 1} = {nested('sin', f'y{i}', 36)}" for i in range(92))
NONES = "x : (N)\ny = 3 * x\ndx = (3 * dy)[{}]"

BOMBS = {
    # the hints tried 2^axes sets of axes
    NONES.format("None, " * 14): "it has the shape",
    NONES.format("None, " * 30): "it has the shape",
    NONES.format("None, " * 40): AXES,
    "x : (N)\nw : (N)\ny = x * w\ndx = " + balanced("w", 250): "off by",
    "x : (N, D)\nw : (D, N)\ny = x @ w @ x\n"
    + "\n".join(f"dx = (dy @ w.T) * cos(x @ w) @ x * {i}" for i in range(60)): "off by|fit",
    # tuples of tuples
    f"a = 1\n{tower('abcdef')}\nx : ()\ny = exp(f)": TUPLE,
    f"a = (1, 2)\n{tower('abcdef')}\nx : ()\ny = (f == f) * x": TUPLE,
    # an axis of size 0 makes a product 0
    "x : (0, 5 * 10**8)\ny = sum(x, axis=0)": ELEMENTS,
    "x : ()\ny = x * sum(zeros((0, 4 * 10**9)), axis=0)": ELEMENTS,
    "x : ()\ny = x * sum(one_hot(zeros((0,)), 4 * 10**9), axis=0)": ELEMENTS,
    "x : (0, 100000)\ny = einsum('ij,ik->jk', x, x)": "too large",
    "x : (0, 10)\ny = sum(reshape(x, (0, 10**9)), axis=0)": ELEMENTS,
    "x : (0)\ny = mean(x) + var(x)": "VACUOUS",
    # what takes the cube of a size, or compiles for ever
    "A : (300, 300)\nb : (300)\ny = solve(A, b)\ndb = solve(A.T, dy)": f"all pass|{LONG}",
    "A : (100, 30, 30)\nB : (100, 30, 30)\ny = solve(A, B)\ndB = solve(A, dy)": f"off by|{LONG}",
    "A : (300, 300) spd\ny = cholesky(A)\ndA = dy": LONG,
    "A : (316, 316)\ny = inv(inv(inv(inv(A))))\ndA = dy": f"{LARGE}|{LONG}",
    f"y0 : (N)\n{SINES}\ndy0 = dy92": f"off by|{LONG}",
    f"x : (100000)\ny = {nested('cumprod', 'x', 36)}\ndx = dy": LARGE,
    f"x : (100000)\ny = {nested('sort', 'x', 36)}\ndx = dy": LARGE,
    "x : (1, 1, 300, 300)\n"
    "y = max_pool2d(x, kernel=(300, 300), stride=(1, 1), padding=(150, 150))\ndx = dy": LARGE,
    "x : (1, 1, 8, 8)\ny = im2col(x, padding=(30000, 30000))\ndx = dy": LARGE,
    "x : ()\ny = copy(x, copies=10**9)": "copies is at most 64",
    "x : (64)\ny = split(x, sections=10**9)": "sections is at most 64",
    # many that are small
    "x : (100000)\n" + "\n".join(f"y{i} = x * {i}" for i in range(1900)): "and may hold 300000",
    "\n".join(f"x{i} : (300, 300)" for i in range(500)) + "\ny = x0": "and may hold 300000",
    # axes
    f"x : ({'1, ' * 65})\ny = 2 * x": AXES,
    f"x : (N)\ny = reshape(x, (N, {'1, ' * 40}))": AXES,
    # values
    "x : (2) = None\ny = x": "None is not a number",
    "x : (2) = 'a'\ny = x": "not allowed",
    "x : (2, 2) = [[1, 2], [3]]\ny = x": "rows differ in length",
    "x : (3) = (1, 2)\ny = x": "x has the shape (3,), and its value (2,)",
    "t : (3) label(3) = 7.5\nx : (3)\ny = x * t": "7.5 is not in label",
    "p : (2) probability = (0.5, 0.6)\ny = p": "is not in probability",
    "m : (2) mask = (1, 2)\nx : (2)\ny = x * m": "2 is not in mask",
    "A : (2, 2) spd = [[1, 2], [2, 1]]\ny = inv(A)": "is not in spd",
    "x : (2) positive = (1, -3)\ny = log(x)": "-3 is not in positive",
}
