"""The closed form of the optimal denoiser when the targets take only k values.

For targets m_c with probability p_c, and x_t = sqrt(abar) m_c + sqrt(1 - abar) noise,

    x_0*(x_t) = sum_c w_c m_c,    w_c proportional to p_c exp( -||x_t - sqrt(abar) m_c||^2 / (2 (1 - abar)) ).

It is exact for a run from pure noise. A run that starts from a noised *source* s (a visual feature on its way to a
center, a center on its way to a text) still carries a part of s, which says nothing about the target. So the mean of x_t
is sqrt(abar) m_c + a (s - m_c) with an a that depends on the sampler but is at most

    a_max = sqrt(1 - abar) sqrt(abar_start / (1 - abar_start))          (DDIM; others forget the source sooner),

and we take the likelihood at the best a in [0, a_max] (the profile likelihood). From pure noise a_max is zero and
nothing is left of the correction.

On a Brownian bridge the share of the source is known at every time, and the posterior is exact: `bridge_log_weights`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def max_leftover(alpha_bar: Tensor, alpha_bar_start: Tensor) -> Tensor:
    """Largest share of the source still in a state at noise level alpha_bar [..], in a run begun at alpha_bar_start."""
    return ((1 - alpha_bar) * alpha_bar_start / (1 - alpha_bar_start)).sqrt()


def posterior_log_weights(
    x_t: Tensor, alpha_bar: Tensor, anchors: Tensor, log_prior: Tensor, source: Tensor, leftover: Tensor
) -> Tensor:
    """Normalised log w_c of the closed form.

    Args:
        x_t: noisy states [n, d].
        alpha_bar: cumulative product of alphas at each state's timestep, [n] or [1], below 1.
        anchors: the k possible targets m_c [k, d].
        log_prior: log p_c, unnormalised, [n, k].
        source: what the run started from [n, d].
        leftover: a_max [n] or [1]; zero where the run started from pure noise.
    Returns:
        [n, k], each row's exponentials sum to 1.
    """
    root = alpha_bar.sqrt().unsqueeze(-1)  # [n, 1]
    # all inner products as matrix products: no [n, k, d] array is made
    x_m = x_t @ anchors.T  # [n, k]
    s_m = source @ anchors.T  # [n, k]
    m_m = anchors.square().sum(1)  # [k]
    s_s = source.square().sum(1, keepdim=True)  # [n, 1]
    x_s = (x_t * source).sum(1, keepdim=True)  # [n, 1]

    # e = x_t - sqrt(abar) m,  u = s - m;  ||x_t||^2 is the same for all c and is left out
    e_e = root.square() * m_m - 2 * root * x_m
    e_u = x_s - x_m - root * s_m + root * m_m
    u_u = (s_s - 2 * s_m + m_m).clamp_min(1e-6)
    share = torch.minimum((e_u / u_u).clamp_min(0), leftover.unsqueeze(-1))
    squared_distance = e_e - 2 * share * e_u + share.square() * u_u
    likelihood = -squared_distance / (2 * (1 - alpha_bar).unsqueeze(-1))
    return (log_prior + likelihood).log_softmax(-1)


def bridge_log_weights(x_t: Tensor, time: Tensor, anchors: Tensor, log_prior: Tensor, source: Tensor) -> Tensor:
    """Normalised log w_c of the closed form on a Brownian bridge, x_t = (1 - u) m_c + u s + sqrt(u (1 - u)) noise.

        log w_c = log p_c - ||x_t - (1 - u) m_c - u s||^2 / (2 u (1 - u)) + constant
                = log p_c + ((x_t - u s) m_c - (1 - u) ||m_c||^2 / 2) / u + constant

    The second form needs no care at u = 1, where the state is the source and says nothing: the prior is left.

    Args:
        x_t: states [n, d].
        time: u, 0 < u <= 1, [n] or [1].
        anchors: the k possible targets m_c [k, d].
        log_prior: log p_c, unnormalised, [n, k].
        source: s [n, d].
    Returns:
        [n, k], each row's exponentials sum to 1.
    """
    u = time.unsqueeze(-1)  # [n, 1]
    inner = (x_t - u * source) @ anchors.T  # [n, k]
    return (log_prior + (inner - (1 - u) / 2 * anchors.square().sum(1)) / u).log_softmax(-1)
