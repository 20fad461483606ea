"""Networks of today, each block as in its paper and as small as it can be."""

from handgrad import (
    GELU,
    Add,
    Affine,
    Concatenate,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    MaxPool2d,
    MultiHeadAttention,
    Multiply,
    Parallel,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Transpose,
    Upsample,
)
from tests.networks.parts import convolution, filtered


def residual_blocks(draw, n):
    """A residual block, and one that halves the image and doubles the channels behind a projection.

    He et al., Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385, section 3.3.
    """
    return Sequential(
        filtered(draw, (1, n), stride=2),
        Layer(ReLU()),
        Residual(filtered(draw, (n, n)), Layer(ReLU()), filtered(draw, (n, n))),
        Layer(ReLU()),
        Parallel(
            Layer(Add()),
            Sequential(
                filtered(draw, (n, 2 * n), stride=2),
                Layer(ReLU()),
                filtered(draw, (2 * n, 2 * n)),
            ),
            filtered(draw, (n, 2 * n), 1, stride=2),
        ),
        Layer(ReLU()),
    )


def resnet(draw, n=4, classes=10):
    """Residual blocks, the mean of each channel, and the scores of the classes."""
    return Sequential(
        residual_blocks(draw, n),
        Layer(GlobalAvgPool()),
        Layer(Affine(), draw(2 * n, classes), draw(classes)),
    )


def inverted_residual(draw, n=3, times=2):
    """MobileNetV2's block: widen, filter each channel alone, narrow without an activation.

    Sandler et al., MobileNetV2, 2018, arXiv:1801.04381, section 3.3.
    """
    wide = times * n
    return Residual(
        filtered(draw, (n, wide), 1),
        Layer(ReLU6()),
        filtered(draw, (wide, wide), groups=wide),
        Layer(ReLU6()),
        filtered(draw, (wide, n), 1),
    )


def mbconv(draw, n=3, times=2, squeezed=2):
    """EfficientNet's block: an inverted residual whose channels pass a gate, squeeze-and-excitation.

    Tan and Le, EfficientNet, 2019, arXiv:1905.11946; Hu et al., 2017, arXiv:1709.01507, section 3.
    """
    wide = times * n
    return Residual(
        filtered(draw, (n, wide), 1),
        Layer(SiLU()),
        filtered(draw, (wide, wide), groups=wide),
        Layer(SiLU()),
        Parallel(
            Layer(Multiply()),
            Sequential(),
            Sequential(
                Layer(GlobalAvgPool(keepdims=True)),
                convolution(draw, wide, squeezed, 1),
                Layer(SiLU()),
                convolution(draw, squeezed, wide, 1),
                Layer(Sigmoid()),
            ),
        ),
        filtered(draw, (wide, n), 1),
    )


def convnext(draw, n=3, times=4):
    """ConvNeXt's block: a wide filter of each channel, then each position alone, and a small scale.

    Liu et al., A ConvNet for the 2020s, 2022, arXiv:2201.03545, section 2.
    """
    return Residual(
        convolution(draw, n, n, 7, groups=n),
        Layer(Transpose((0, 2, 3, 1))),
        Layer(LayerNorm(eps=1e-6), draw(n), draw(n)),
        Layer(Affine(), draw(n, times * n), draw(times * n)),
        Layer(GELU()),
        Layer(Affine(), draw(times * n, n), draw(n)),
        Layer(Multiply(), draw(n)),
        Layer(Transpose((0, 3, 1, 2))),
    )


def unet(draw, n=2, depth=2, n_in=1):
    """A U: filter, pass on and also go down to half the size and come back, and filter both.

    Ronneberger, Fischer and Brox, U-Net, 2015, arXiv:1505.04597, section 2; with interpolation in
    the place of the transposed convolution.
    """
    before = Sequential(convolution(draw, n_in, n), Layer(ReLU()))
    if not depth:
        return before
    below = Sequential(
        Layer(MaxPool2d()),
        unet(draw, 2 * n, depth - 1, n),
        Layer(Upsample()),
    )
    join = Parallel(Layer(Concatenate(axis=1)), Sequential(), below)
    return Sequential(before, join, convolution(draw, 3 * n, n), Layer(ReLU()))


def gpt2(draw, n=8, heads=2, times=4):
    """GPT-2's block: causal attention, and a perceptron at each place, each behind a layer norm.

    Radford et al., Language Models are Unsupervised Multitask Learners, 2019, section 2.3.
    """
    wide = times * n
    return Sequential(
        Residual(
            Layer(LayerNorm(), draw(n, around=1), draw(n)),
            Layer(
                MultiHeadAttention(heads, causal=True),
                *(draw(n, 3 * n), draw(3 * n), draw(n, n), draw(n)),
            ),
        ),
        Residual(
            Layer(LayerNorm(), draw(n, around=1), draw(n)),
            Layer(Affine(), draw(n, wide), draw(wide)),
            Layer(GELU("tanh")),
            Layer(Affine(), draw(wide, n), draw(n)),
        ),
    )
