"""Networks with more than one way through: a variational autoencoder, and twins with one loss."""

import itertools

from handgrad import (
    VAEKL,
    Affine,
    Concatenate,
    ContrastiveLoss,
    Exp,
    Layer,
    Sequential,
    SigmoidCrossEntropy,
    Split,
    Tanh,
)


def perceptron(draw, *widths):
    """Affine layers, with tanh between them."""
    layers = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [Layer(Tanh()), Layer(Affine(), draw(n_in, n_out), draw(n_out))]
    return Sequential(*layers[1:])


class VAE:
    """−log p(x | z) + KL(q(z | x) ‖ p(z)), summed, with z = μ + eˢᐟ² ε for a noise ε

    x is what goes in and what should come out, so that its gradient comes from both ends. μ and s
    go into z and into the divergence.

    Kingma and Welling, Auto-Encoding Variational Bayes, 2013, arXiv:1312.6114, section 3.
    """

    def __init__(self, draw, pixels=12, hidden=5, codes=2):
        self.encoder = Sequential(perceptron(draw, pixels, hidden), Layer(Tanh()))
        self.mean, self.s = (perceptron(draw, hidden, codes) for _ in range(2))
        self.decoder = perceptron(draw, codes, hidden, pixels)
        self.exp = Layer(Exp())
        self.likelihood = Layer(SigmoidCrossEntropy("sum"))
        self.divergence = Layer(VAEKL("sum"))
        self.noise = None

    def forward(self, x, noise):
        """The loss."""
        h = self.encoder.forward(x)
        mean, s = self.mean.forward(h), self.s.forward(h)
        self.noise = noise
        z = mean + self.exp.forward(s / 2) * noise
        likelihood = self.likelihood.forward(self.decoder.forward(z), x)
        return likelihood + self.divergence.forward(mean, s)

    def backward(self, dy):
        """The gradient of x."""
        dx_hat, dx = self.likelihood.backward(dy)
        dz = self.decoder.backward(dx_hat)
        d_mean, ds = self.divergence.backward(dy)
        ds += self.exp.backward(dz * self.noise) / 2
        dh = self.mean.backward(d_mean + dz) + self.s.backward(ds)
        return (dx + self.encoder.backward(dh),)

    @property
    def params(self):
        return Sequential(self.encoder, self.mean, self.s, self.decoder).params

    @property
    def grads(self):
        return Sequential(self.encoder, self.mean, self.s, self.decoder).grads


class Siamese:
    """The contrastive loss of two inputs that go through one network, as two halves of a batch.

    Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, 2006.
    """

    def __init__(self, draw, n=6, hidden=5, codes=2):
        self.pair, self.halves = Layer(Concatenate()), Layer(Split())
        self.network = perceptron(draw, n, hidden, codes)
        self.loss = Layer(ContrastiveLoss(margin=1.5))

    def forward(self, a, b, same):
        """The loss."""
        codes = self.network.forward(self.pair.forward(a, b))
        return self.loss.forward(*self.halves.forward(codes), same)

    def backward(self, dy):
        """The gradients of a and b."""
        da, db, _ = self.loss.backward(dy)
        return self.pair.backward(self.network.backward(self.halves.backward((da, db))))

    @property
    def params(self):
        return self.network.params

    @property
    def grads(self):
        return self.network.grads
