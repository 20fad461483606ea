"""Arithmetic: the nodes of a computational graph that act element by element.

Inputs broadcast as in NumPy. Where one was stretched, its gradient is summed back to its shape.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, fresh, log, outline, outlined, shape_of, unbroadcast

__all__ = [
    "Abs",
    "Add",
    "Divide",
    "Multiply",
    "Negate",
    "Power",
    "Reciprocal",
    "Sqrt",
    "Square",
    "Subtract",
]


@dataclass(frozen=True)
class Add:
    """y = a + b

        a : (...)
        b : (...)
        y = a + b

    The sum moves as much as either term, so the gradient passes on as it is:

        da = dy
        db = dy

    Keeps the shapes.
    """

    def forward(self, a, b):
        return a + b, (outline(a), outline(b))

    def backward(self, residuals, dy):
        a, b = map(outlined, residuals)
        return unbroadcast(fresh(dy), a), unbroadcast(fresh(dy), b)


@dataclass(frozen=True)
class Subtract:
    """y = a − b

        a : (...)
        b : (...)
        y = a - b

    The second term moves the difference the other way:

        da = dy
        db = -dy

    Keeps the shapes.
    """

    def forward(self, a, b):
        return a - b, (outline(a), outline(b))

    def backward(self, residuals, dy):
        a, b = map(outlined, residuals)
        return unbroadcast(fresh(dy), a), unbroadcast(-dy, b)


@dataclass(frozen=True)
class Multiply:
    """y = a b

        a : (...)
        b : (...)
        y = a * b

    A move of a is stretched by b, and a move of b by a:

        δy = δa * b + a * δb

    so each factor's gradient is dy times the other factor:

        da = dy * b
        db = dy * a

    Keeps a and b.
    """

    def forward(self, a, b):
        return a * b, (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        return unbroadcast(dy * b, shape_of(a)), unbroadcast(dy * a, shape_of(b))


@dataclass(frozen=True)
class Divide:
    """y = a / b

        a : (...)
        b : (...) nonzero
        y = a / b

    Multiplied out, a = y b. Its move δa = δy b + y δb says how y moves:

        δy = (δa - y * δb) / b

    The gradient that reaches b is that of a, times −y:

        da = dy / b
        db = -dy * y / b
           = -da * y

    Keeps b, y and the shape of a.
    """

    def forward(self, a, b):
        y = a / b
        return y, (outline(a), b, y)

    def backward(self, residuals, dy):
        a, b, y = residuals
        da = dy / b
        return unbroadcast(da, outlined(a)), unbroadcast(-da * y, shape_of(b))


@dataclass(frozen=True)
class Negate:
    """y = −x

        x : (...)
        y = -x

    A move of x moves y as far, the other way:

        dx = -dy

    Keeps nothing.
    """

    def forward(self, x):
        return -x, ()

    def backward(self, residuals, dy):
        () = residuals
        return (-dy,)


@dataclass(frozen=True)
class Power:
    """y = aᵇ

        a : (...) positive
        b : (...)
        y = a ** b

    With aᵇ = exp(b log a), a move of either one moves the exponent b log a,
    and exp multiplies by its own output y:

        δy = y * (b / a * δa + log(a) * δb)

        da = dy * y * b / a
           = dy * b * a ** (b - 1)
        db = dy * y * log(a)

    Outside the domain: where b is 0, da is 0, also at a = 0. At a = 0, db is 0, its limit for
    b > 0. For a < 0, where y exists at whole b only, db is NaN, as in JAX and torch.

    Keeps a, b and y.
    """

    def forward(self, a, b):
        y = a**b
        return y, (a, b, y)

    def backward(self, residuals, dy):
        a, b, y = residuals
        xp = array_namespace(a, b)
        da = dy * b * a ** xp.where(b == 0, 1.0, b - 1.0)
        db = dy * y * log(xp.where(a == 0, 1.0, a))
        return unbroadcast(da, shape_of(a)), unbroadcast(db, shape_of(b))


@dataclass(frozen=True)
class Sqrt:
    """y = √x

        x : (...) positive
        y = sqrt(x)

    From x = y² and δx = 2 y δy:

        dx = dy / (2 * y)

    At 0 the slope is infinite, and so is the gradient, as in JAX and torch.

    Keeps y.
    """

    def forward(self, x):
        y = array_namespace(x).sqrt(x)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        return (dy / (2 * y),)


@dataclass(frozen=True)
class Reciprocal:
    """y = 1 / x

        x : (...) nonzero
        y = 1 / x

    From x y = 1, whose move is δx y + x δy = 0:

        dx = -dy * y / x
           = -dy * y**2

    Keeps y.
    """

    def forward(self, x):
        y = 1 / x
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        return (-dy * y * y,)


@dataclass(frozen=True)
class Square:
    """y = x²

        x : (...)
        y = x**2

    As x x: each of the two factors gets dy times the other.

        dx = dy * x + dy * x
           = 2 * dy * x

    Keeps x.
    """

    def forward(self, x):
        return x * x, (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (2 * dy * x,)


@dataclass(frozen=True)
class Abs:
    """y = |x|

        x : (...)
        y = abs(x)

    The slope is 1 on the right and −1 on the left:

        dx = dy * sign(x)

    At 0, where every slope from −1 to 1 is a subgradient, we take 0, as torch does; JAX takes 1.

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).abs(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy * array_namespace(x, dy).sign(x),)
