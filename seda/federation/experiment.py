"""Strategies x seeds on one material: learning rates by validation, training on all data beside them, and the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seda.errors import ConfigError
from seda.federation.engines import Trainer
from seda.federation.local import Diverged
from seda.federation.material import Material
from seda.federation.measures import paired_interval
from seda.federation.rounds import Federated, Round, federate
from seda.federation.settings import Deal, Settings
from seda.federation.strategies import FEDAVG, POOLED, SEMANTIC, STRATEGIES, Strategy
from seda.storage import fingerprint, write_json

LEARNING_RATES = (0.003, 0.01, 0.03)  # that each strategy and the training on all data may choose from
CHOOSING_ROUNDS = 5  # chosen here: a quarter of the usual rounds
BASE = FEDAVG.name  # what the others are compared with
# Weights of semantic guidance that --sweep tries: the published ones, each part alone, and stronger ones
SWEEP = tuple(
    replace(SEMANTIC, name=f"distillation {d:g}, contrast {c:g}", distillation=d, contrast=c)
    for d, c in ((0.01, 1.0), (0.01, 0.0), (0.0, 1.0), (0.01, 0.1), (0.1, 0.1), (1.0, 0.1))
)


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        strategies: clients' losses, the first of them what the others are compared with.
        seeds: of split, first weights and batches.
        learning_rates: to choose from, by the accuracy on validation items after `choosing_rounds` at the first seed.
        settings: everything else; its deal, strategy, seed and learning rate are replaced.
    """

    strategies: tuple[Strategy, ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    settings: Settings
    choosing_rounds: int = CHOOSING_ROUNDS

    def __post_init__(self) -> None:
        if not self.strategies or not self.seeds or not self.learning_rates:
            raise ConfigError("A comparison needs at least one strategy, one seed and one learning rate.")
        names = [one.name for one in self.strategies]
        if len(set(names)) < len(names) or POOLED in names:
            raise ConfigError(f"The strategies {', '.join(names)} need different names, none of them {POOLED!r}.")

    @property
    def runs(self) -> list[Strategy]:
        """The strategies, and the training on all data."""
        return [*self.strategies, replace(FEDAVG, name=POOLED)]

    def settings_of(self, strategy: Strategy, seed: int, learning_rate: float, rounds: int | None = None) -> Settings:
        """Of one federation."""
        deal = replace(self.settings.deal, seed=seed)
        if strategy.name == POOLED:
            deal = Deal(clients=1, split="dirichlet", alpha=1.0, holding="images", seed=seed)
        return replace(
            self.settings,
            deal=deal,
            strategy=strategy,
            seed=seed,
            learning_rate=learning_rate,
            rounds=rounds or self.settings.rounds,
        )


# told (what runs, its seed, a round, of how many)
OnRound = Callable[[str, int, Round, int], object]


def chosen_strategies(names: Sequence[str]) -> tuple[Strategy, ...]:
    """
    Raises:
        ConfigError: a name of no strategy.
    """
    if unknown := [name for name in names if name not in STRATEGIES]:
        raise ConfigError(
            f"{unknown[0]!r:.40} is no strategy; allowed are {', '.join(STRATEGIES)}.",
            remedy="Give some of them to --strategies, separated by commas.",
        )
    return tuple(STRATEGIES[name] for name in names)


def compare(
    material: Material,
    plan: Plan,
    trainer: Trainer,
    out: Path | None = None,
    *,
    keep_centers: str = "",
    on_round: OnRound | None = None,
) -> dict[str, Any]:
    """Run all that is not there yet, seeds outermost, and return the report, see `report_of`.

    Args:
        out: folder of the rounds' states; None keeps nothing.
        keep_centers: name of the strategy whose class centers are kept at the first seed.
        on_round: told of each round.
    """
    rates = {one.name: _chosen_rate(material, plan, one, trainer, out, on_round) for one in plan.runs}
    runs: dict[str, list[Federated]] = {one.name: [] for one in plan.runs}
    for seed in plan.seeds:
        for one in plan.runs:
            settings = plan.settings_of(one, seed, rates[one.name])
            keeps = one.name == keep_centers and seed == plan.seeds[0]
            runs[one.name].append(_run(material, settings, trainer, out, on_round, keeps))
    report = report_of(material, plan, rates, runs)
    if out is not None:
        write_json(out / "federation.json", report)
    return report


def folder_of(out: Path, settings: Settings) -> Path:
    """Where a federation's files are: settings that differ have other folders."""
    return out / f"{fingerprint({'name': settings.strategy.name})[:6]}-{fingerprint(settings.to_dict())[:12]}"


def _run(
    material: Material,
    settings: Settings,
    trainer: Trainer,
    out: Path | None,
    on_round: OnRound | None,
    keep_centers: bool = False,
) -> Federated:
    def told(one: Round) -> None:
        if on_round is not None:
            on_round(settings.strategy.name, settings.seed, one, settings.rounds)

    folder = None if out is None else folder_of(out, settings)
    return federate(material, settings, trainer, folder, keep_centers=keep_centers, on_round=told)


def _chosen_rate(
    material: Material, plan: Plan, strategy: Strategy, trainer: Trainer, out: Path | None, on_round: OnRound | None
) -> float:
    """The learning rate with the best validation accuracy after some rounds at the first seed; the first of equal ones.

    Raises:
        Diverged: no rate kept within the range of numbers.
    """
    if len(plan.learning_rates) == 1:
        return plan.learning_rates[0]
    rounds = min(plan.choosing_rounds, plan.settings.rounds)
    scores = []
    for rate in plan.learning_rates:
        tried = plan.settings_of(strategy, plan.seeds[0], rate, rounds)
        named = replace(tried, strategy=replace(tried.strategy, name=f"{strategy.name}, learning rate {rate:g}"))
        try:
            scores.append(_run(material, named, trainer, out, on_round).rounds[-1].validation_accuracy)
        except Diverged:
            if max(scores, default=0.0) <= 0 and rate == plan.learning_rates[-1]:
                raise
            scores.append(0.0)
    return plan.learning_rates[int(np.argmax(scores))]


def report_of(
    material: Material, plan: Plan, rates: Mapping[str, float], runs: Mapping[str, Sequence[Federated]]
) -> dict[str, Any]:
    """JSON values: what was compared, each strategy's figures by seed, and differences.

    Gaps are the accuracy of the training on all data minus a strategy's, of the same seed; differences are a strategy's accuracy
    minus that of the first one, of the same seed and so of the same split, with Student's 95 % interval over seeds.
    """
    pooled, base = (np.array([run.accuracy for run in runs[name]]) for name in (POOLED, plan.strategies[0].name))
    counts = {"train": len(material.train), "validation": len(material.validation), "test": len(material.test)}
    rows = []
    for one in plan.runs:
        found = runs[one.name]
        accuracy = np.array([run.accuracy for run in found])
        mean, low, high = paired_interval(accuracy - base)
        last = [run.rounds[-1] for run in found]
        similar = [one.rsa for one in last if one.rsa is not None]
        rows.append({
            "name": one.name, "strategy": one.to_dict(), "learning_rate": rates[one.name], "accuracy": float(accuracy.mean()),
            "validation_accuracy": float(np.mean([one.validation_accuracy for one in last])),
            "gap": float((pooled - accuracy).mean()), "rsa": float(np.mean(similar)) if similar else None,
            "spread": float(np.mean([one.spread for one in last])),
            "bytes_a_round": last[0].bytes_down + last[0].bytes_up, "seconds": float(sum(one.seconds for one in found[0].rounds)),
            "difference": {"mean": mean, "low": low, "high": high},
            "runs": [{"seed": run.settings.seed, "rounds": [asdict(part) for part in run.rounds]} for run in found],
        })  # fmt: skip
    own = plan.settings
    return {
        "counts": counts, "classes": list(material.class_names), "shared_bytes": material.shared, "center_bytes": material.center_bytes, "sums_bytes": material.sums.message_bytes,
        "untrained": {
            "anchors": {split: material.anchor_accuracy(split) for split in ("validation", "test")},
            "belief": {split: material.belief_accuracy(split) for split in ("validation", "test")},
            "nearest_center": {split: material.nearest_center_accuracy(split) for split in ("validation", "test")},
        },
        "notes": list(material.notes),
        "deal": asdict(own.deal), "rounds": own.rounds, "epochs": own.epochs, "batch": own.batch, "momentum": own.momentum,
        "head": own.head, "hidden": own.hidden, "seeds": list(plan.seeds), "compared_with": plan.strategies[0].name, "rows": rows,
    }  # fmt: skip
