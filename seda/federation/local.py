"""What one client does in one round: take the server's weights, train on its own items, send its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, normalize

from seda.errors import DataError
from seda.federation.adapter import Adapter, Weights, load_weights, part_for, weights_of
from seda.federation.material import Items, Material
from seda.federation.settings import Task
from seda.federation.splits import MODALITIES, modalities_of
from seda.federation.strategies import Strategy


class Diverged(DataError):
    """Weights left the range of numbers: the learning rate is too large."""


def make_adapter(material: Material, head: str, hidden: int, seed: int, modalities: tuple[str, ...]) -> Adapter:
    """An adapter for these modalities; its first weights do not depend on which they are."""
    widths = {"image": material.train.inputs.shape[1], "text": material.class_texts.shape[1]}
    made = Adapter(widths, material.class_texts.shape[1], len(material.class_texts), head, hidden, seed)
    for name in widths.keys() - set(modalities):
        del made.branches[name]
    return made


def adapter_with(material: Material, head: str, hidden: int, weights: Weights) -> Adapter:
    """An adapter with these weights, for the modalities that they are of."""
    names = tuple(name for name in MODALITIES if any(key.startswith(f"branches.{name}.") for key in weights))
    with torch.device("meta"):  # first numbers would be drawn for nothing
        made = make_adapter(material, head, hidden, 0, names)
    load_weights(made, weights)
    return made


def train_client(material: Material, task: Task, weights: Weights) -> tuple[Weights, int]:
    """Train on one client's items, and return its weights and how many items it has.

    Args:
        material: of which it reads its own training rows alone, the class texts, and the category centers where they have a part.
        task: what to do.
        weights: the server's, of the client's modalities.
    Raises:
        Diverged: the weights became infinite.
    """
    settings = task.settings
    rows = settings.deal.parts(material.train.labels)[task.client]
    modalities = modalities_of(task.client, settings.deal.holding)
    adapter = adapter_with(material, settings.head, settings.hidden, part_for(weights, modalities))
    own = material.train.take(rows)
    with one_thread():
        _descend(adapter, own, _Shared.of(material, own, settings.strategy), modalities, task)
    trained = weights_of(adapter)
    if not all(np.isfinite(value).all() for value in trained.values()):
        raise Diverged(
            f"Training left the range of numbers at a learning rate of {settings.learning_rate:g} (client {task.client}, "
            f"round {task.round}, {settings.strategy.name}).",
            remedy="Give a smaller --learning-rate.",
        )
    return part_for(trained, modalities), len(rows) * len(modalities)


@dataclass(frozen=True, eq=False)
class _Shared:
    """What a client is given besides weights, as tensors.

    Attributes:
        class_texts: [k, d].
        centers: inputs [k, D] and base [k, d] of the category centers; None where they have no part.
        belief: log p(c | v) by sums of the client's own items [n, k], and of the centers [k, k]; None likewise.
    """

    class_texts: Tensor
    centers: tuple[Tensor, Tensor] | None
    belief: tuple[Tensor, Tensor] | None

    @classmethod
    def of(cls, material: Material, own: Items, strategy: Strategy) -> _Shared:
        inputs, base = material.category_centers if strategy.centers else (np.empty(0), np.empty(0))
        centers = (torch.from_numpy(inputs), torch.from_numpy(base)) if strategy.centers else None
        belief = None
        if strategy.belief:
            of_centers = log_belief(material, inputs) if strategy.centers else torch.empty(0)
            belief = (strategy.belief * log_belief(material, own.inputs), strategy.belief * of_centers)
        return cls(torch.from_numpy(material.class_texts), centers, belief)


def log_belief(material: Material, inputs: np.ndarray) -> Tensor:
    """SeDA's log p(c | v) by sums, of inputs [n, D]: [n, k]."""
    weight, bias = material.belief
    return torch.from_numpy(inputs @ weight + bias).log_softmax(1)


def _descend(adapter: Adapter, own: Items, shared: _Shared, modalities: tuple[str, ...], task: Task) -> None:
    """SGD in place."""
    settings = task.settings
    views = [tuple(torch.from_numpy(part) for part in own.view(name)) for name in modalities]
    labels, texts = torch.from_numpy(own.labels), shared.class_texts
    held, everything = torch.unique(labels), torch.arange(len(texts))
    parameters = list(adapter.parameters())
    start = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=settings.momentum)
    rng = np.random.default_rng([settings.seed, task.round, task.client])
    for _ in range(settings.epochs):
        order = rng.permutation(len(labels) * len(views))  # an item with two modalities comes twice
        for first in range(0, len(order), settings.batch):
            chosen = torch.from_numpy(order[first : first + settings.batch])
            loss = torch.zeros(())
            for place, name in enumerate(modalities):
                inputs, base, anchors = views[place]
                batch = chosen[chosen // len(labels) == place] % len(labels)
                if len(batch):
                    states = anchors[batch] if len(anchors) else None
                    belief = shared.belief[0][batch] if shared.belief is not None and name == "image" else None
                    mapped = adapter(inputs[batch], base[batch], name)
                    part = client_loss(adapter, mapped, labels[batch], states, texts, held, settings.strategy, belief)
                    loss = loss + part * (len(batch) / len(chosen))
            if shared.centers is not None and "image" in modalities:
                belief = None if shared.belief is None else shared.belief[1]
                mapped = adapter(*shared.centers)
                part = client_loss(adapter, mapped, everything, None, texts, everything, settings.strategy, belief)
                loss = loss + settings.strategy.centers * part
            if settings.strategy.proximal:
                drift = sum(((now - old) ** 2).sum() for now, old in zip(parameters, start, strict=True))
                loss = loss + settings.strategy.proximal / 2 * drift
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()


def client_loss(
    adapter: Adapter,
    mapped: Tensor,
    labels: Tensor,
    states: Tensor | None,
    class_texts: Tensor,
    held: Tensor,
    strategy: Strategy,
    belief: Tensor | None = None,
) -> Tensor:
    """A batch's loss without FedProx's term, which is of the weights.

    Args:
        mapped: [b, d], from the adapter.
        labels: [b].
        states: SeDA's own [b, d], None without.
        class_texts: [k, d].
        held: labels of the classes that the client has, whose texts are the contrast's: it does not learn to keep away from what
            it has never seen.
        belief: [b, k], added to the head's logits; None without.
    """
    logits = adapter.logits(mapped, class_texts)
    loss = strategy.cross_entropy * cross_entropy(logits if belief is None else logits + belief, labels)
    if strategy.distillation and states is not None:
        loss = loss + strategy.distillation * mse_loss(mapped, adapter.scale * normalize(states, dim=1))
    if strategy.contrast:
        cosines = normalize(mapped, dim=1) @ normalize(class_texts[held], dim=1).T
        loss = loss + strategy.contrast * cross_entropy(
            cosines / strategy.temperature, torch.searchsorted(held, labels)
        )
    return loss


@contextmanager
def one_thread() -> Iterator[None]:
    """On one thread sums have one order: the same seed gives the same numbers in any engine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
