"""Activations of straight pieces, and of parabolas: cheap stand-ins for the smooth ones.

Where a flat piece meets a slope, the slope at the very point is 0, as in JAX and torch.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, where

__all__ = ["HardShrink", "HardSigmoid", "HardSwish", "HardTanh", "ReLU6", "SoftShrink"]


@dataclass(frozen=True)
class ReLU6:
    """y = min(max(x, 0), 6)

        x : (...) interval(-4, 10)
        y = minimum(maximum(x, 0), 6)

    Between the bounds it passes through; outside y does not move:

        dx = where((x > 0) * (x < 6), dy, 0)

    At 0 and at 6 we take 0, as JAX and torch do.

    Keeps the mask 0 < x < 6.

    Howard et al., MobileNets, 2017, arXiv:1704.04861.
    """

    def forward(self, x):
        return array_namespace(x).clip(x, 0, 6), ((x > 0) & (x < 6),)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)


@dataclass(frozen=True)
class HardTanh:
    """y = min(max(x, low), high)

        x : (...) interval(-2, 2)
        y = minimum(maximum(x, low), high)
        dx = where((x > low) * (x < high), dy, 0)

    At the bounds we take 0, as torch does; JAX takes 1. (Clip is the same function with slope 1.)

    Keeps the mask low < x < high.
    """

    low: float = -1.0
    high: float = 1.0

    def forward(self, x):
        y = array_namespace(x).clip(x, self.low, self.high)
        return y, ((x > self.low) & (x < self.high),)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)


@dataclass(frozen=True)
class HardSigmoid:
    """y = min(max(x + 3, 0), 6) / 6

        x : (...) interval(-6, 6)
        y = minimum(maximum(x + 3, 0), 6) / 6

    Between the bends the slope is ⅙; outside y does not move:

        dx = where((x > -3) * (x < 3), dy / 6, 0)

    At −3 and 3 we take 0, as JAX and torch do. torch rounds ⅙ to float32, also in float64.

    Keeps the mask −3 < x < 3.

    Howard et al., Searching for MobileNetV3, 2019, arXiv:1905.02244, section 5.2.
    """

    def forward(self, x):
        return array_namespace(x).clip(x + 3, 0, 6) / 6, ((x > -3) & (x < 3),)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy / 6),)


@dataclass(frozen=True)
class HardSwish:
    """y = x h    with h = min(max(x + 3, 0), 6) / 6

        x : (...) interval(-6, 6)
        h = minimum(maximum(x + 3, 0), 6) / 6
        y = x * h

    Between −3 and 3, y is the parabola (x² + 3 x) / 6; outside it is 0 or x:

        dh = dy * x
        dx = dy * h + where((x > -3) * (x < 3), dh / 6, 0)
           = dy * (h + where((x > -3) * (x < 3), x / 6, 0))

    The slope jumps from 0 to −½ at −3, and from 1½ to 1 at 3. There we take 0 and 1, those of the
    straight pieces, as JAX and torch do.

    Keeps the slope.

    Howard et al., Searching for MobileNetV3, 2019, arXiv:1905.02244, section 5.2.
    """

    def forward(self, x):
        h = array_namespace(x).clip(x + 3, 0, 6) / 6
        return x * h, (h + kept((x > -3) & (x < 3), x / 6),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class SoftShrink:
    """y = sign(x) max(|x| − λ, 0)    which is argmin (p − x)² / 2 + λ |p|

        x : (...) interval(-2, 2)
        y = sign(x) * maximum(abs(x) - threshold, 0)
          = x - minimum(maximum(x, -threshold), threshold)

    What Clip leaves as it is becomes 0, and all else moves with x:

        dx = dy - where(abs(x) <= threshold, dy, 0)
           = where(abs(x) > threshold, dy, 0)

    At −λ and λ we take 0, as torch does.

    Keeps the mask |x| > λ.
    """

    threshold: float = 0.5

    def forward(self, x):
        xp = array_namespace(x)
        y = x - xp.clip(x, -self.threshold, self.threshold)
        return y, (xp.abs(x) > self.threshold,)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)


@dataclass(frozen=True)
class HardShrink:
    """y = x where |x| > λ, else 0

        x : (...) interval(-2, 2)
        y = where(abs(x) <= threshold, 0, x)
        dx = where(abs(x) > threshold, dy, 0)

    At −λ and λ, where y jumps, we take 0, as torch does.

    Keeps the mask |x| > λ.
    """

    threshold: float = 0.5

    def forward(self, x):
        xp = array_namespace(x)
        size = xp.abs(x)
        return where(size <= self.threshold, 0, x), (size > self.threshold,)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)


VARIANTS = (HardTanh(-0.5, 2.0),)
