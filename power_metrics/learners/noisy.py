"""Linear layers with learned noise (Fortunato et al. 2018, arXiv 1706.10295), which explore without epsilon.

y = (μ_w + σ_w ∘ ε_w) x + μ_b + σ_b ∘ ε_b, where μ and σ are learned and ε is drawn: an own standard normal number for
each weight ("independent"), or the products f(ε_i) f(ε_j) of p + q of them with f(x) = sgn(x) √|x| ("factorised"; then
ε_b,j = f(ε_j)).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator

import torch
from torch import nn

from powerenvs.model.checks import flag, real

FACTORISED_SIGMA, INDEPENDENT_SIGMA = 0.5, 0.017


class NoisyLinear(nn.Module):
    """A linear layer whose weights are noisy in training and means in evaluation.

    It starts as in the paper, p being the number of *inputs*, for biases too: factorised, μ is uniform on
    [-1/√p, 1/√p] and σ = sigma/√p; independent, μ is uniform on [-√(3/p), √(3/p)] and σ = sigma. Noise stays until
    `reset_noise` draws anew, so that a batch, or a rollout, is seen by one network.

    Args:
        in_features: p, the number of inputs.
        out_features: q, the number of outputs.
        factorised: whether p + q numbers make the noise of all p q weights.
        sigma: how large the noise is at first; None for that of the paper, 0.5 factorised and 0.017 independent.

    Attributes:
        weight_mu: (q, p) μ_w.
        bias_mu: (q,) μ_b.
        weight_sigma: (q, p) σ_w.
        bias_sigma: (q,) σ_b.
        weight_epsilon: (q, p) ε_w.
        bias_epsilon: (q,) ε_b.
        each: whether each row of inputs sees noise of its own, drawn when the layer is asked; False at first. So many
            copies of a world are explored in as many ways.

    Raises:
        ValueError: for numbers of features below 1, and a sigma below 0.

    Example:
        >>> import torch
        >>> import power_metrics as pm
        >>> layer = pm.NoisyLinear(4, 2)
        >>> x = torch.ones(1, 4)
        >>> before = layer(x)
        >>> layer.reset_noise()
        >>> bool((layer(x) == before).all()), bool((layer.eval()(x) == layer(x)).all())
        (False, True)
        >>> layer.sigma
        0.25
    """

    weight_epsilon: torch.Tensor
    bias_epsilon: torch.Tensor

    def __init__(self, in_features: int, out_features: int, factorised: bool = True, sigma: float | None = None):
        super().__init__()
        for name, given in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(given, numbers.Integral) or given < 1:
                raise ValueError(f"{name}: expected a whole number of at least 1, found {given!r}")
        if sigma is not None and not 0 <= real(sigma) < math.inf:
            raise ValueError(f"sigma: expected a number of at least 0, found {sigma!r}")
        self.in_features, self.out_features = int(in_features), int(out_features)
        self.factorised, self.each = flag("factorised", factorised), False
        start = (FACTORISED_SIGMA if factorised else INDEPENDENT_SIGMA) if sigma is None else float(sigma)
        reach = math.sqrt((1.0 if factorised else 3.0) / in_features)
        size = start / math.sqrt(in_features) if factorised else start
        self.weight_mu = nn.Parameter(torch.empty(out_features, in_features).uniform_(-reach, reach))
        self.bias_mu = nn.Parameter(torch.empty(out_features).uniform_(-reach, reach))
        self.weight_sigma = nn.Parameter(torch.full((out_features, in_features), size))
        self.bias_sigma = nn.Parameter(torch.full((out_features,), size))
        self.register_buffer("weight_epsilon", torch.empty(out_features, in_features), persistent=False)
        self.register_buffer("bias_epsilon", torch.empty(out_features), persistent=False)
        self.reset_noise()

    @property
    def sigma(self) -> float:
        """The mean of |σ_w|: how noisy the layer still is."""
        return float(self.weight_sigma.detach().abs().mean())

    def reset_noise(self) -> None:
        """Draws ε anew, from torch's generator."""
        if not self.factorised:
            self.weight_epsilon.normal_()
            self.bias_epsilon.normal_()
            return
        of_inputs, of_outputs = (
            _signed_root(torch.randn(count, device=self.weight_epsilon.device, dtype=self.weight_epsilon.dtype))
            for count in (self.in_features, self.out_features)
        )
        torch.outer(of_outputs, of_inputs, out=self.weight_epsilon)
        self.bias_epsilon.copy_(of_outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., p) to (..., q)."""
        if not self.training:
            return nn.functional.linear(inputs, self.weight_mu, self.bias_mu)
        if self.each:
            return nn.functional.linear(inputs, self.weight_mu, self.bias_mu) + self._noise_of_each(inputs)
        weight = self.weight_mu + self.weight_sigma * self.weight_epsilon
        return nn.functional.linear(inputs, weight, self.bias_mu + self.bias_sigma * self.bias_epsilon)

    def _noise_of_each(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., q) (σ_w ∘ ε_w) x + σ_b ∘ ε_b, with other ε in each row."""
        q, rows = self.out_features, inputs.shape[:-1]
        if self.factorised:  # f(ε_j) comes out of the sum over inputs
            of_inputs, of_outputs = (_signed_root(torch.randn(*rows, n).to(inputs)) for n in (inputs.shape[-1], q))
            return of_outputs * nn.functional.linear(inputs * of_inputs, self.weight_sigma, self.bias_sigma)
        noise = torch.randn(*rows, q, inputs.shape[-1]).to(inputs) * self.weight_sigma
        return (noise @ inputs[..., None])[..., 0] + torch.randn(*rows, q).to(inputs) * self.bias_sigma

    def extra_repr(self) -> str:
        """What the layer is, in the print of a network."""
        kind = "factorised" if self.factorised else "independent"
        return f"in_features={self.in_features}, out_features={self.out_features}, {kind}, sigma={self.sigma:.3g}"


def make_noisy(network: nn.Module, factorised: bool = True, sigma: float | None = None) -> None:
    """Puts a `NoisyLinear` in the place of each linear layer of a network, with weights of its own."""
    for name, part in list(network.named_children()):
        if isinstance(part, nn.Linear):
            noisy = NoisyLinear(part.in_features, part.out_features, factorised, sigma)
            setattr(network, name, noisy.to(part.weight.device))
        else:
            make_noisy(part, factorised, sigma)


def noisy_layers(network: nn.Module) -> Iterator[tuple[str, NoisyLinear]]:
    """The noisy layers of a network, with their names."""
    return ((name, part) for name, part in network.named_modules() if isinstance(part, NoisyLinear))


def fresh_noise(network: nn.Module, inputs: object = None) -> None:
    """Draws the noise of all layers that use it anew; also a hook that is called before each forward pass."""
    for _, layer in noisy_layers(network):
        if layer.training:
            layer.reset_noise()


def _signed_root(x: torch.Tensor) -> torch.Tensor:
    return x.sign() * x.abs().sqrt()
