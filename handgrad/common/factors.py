"""Factors that people forget, by their names: numbers, and what is made of a size N."""

import math

NUMBERS = {
    "2": 2.0,
    "3": 3.0,
    "4": 4.0,
    "10": 10.0,
    "√2": math.sqrt(2),
    "π": math.pi,
    "√π": math.sqrt(math.pi),
    "2π": 2 * math.pi,
    "√(2π)": math.sqrt(2 * math.pi),
    "ln 2": math.log(2),
    "ln 10": math.log(10),
}
FORMS = {
    "N": float,
    "√N": math.sqrt,
    "N²": lambda n: float(n * n),
    "N/2": lambda n: n / 2,
    "2N": lambda n: 2.0 * n,
    "(N − 1)": lambda n: n - 1.0 if n > 2 else math.nan,
    "N/(N − 1)": lambda n: n / (n - 1.0) if n > 1 else math.nan,
    "ln N": lambda n: math.log(n) if n > 2 else math.nan,
}
