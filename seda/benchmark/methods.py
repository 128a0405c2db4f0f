"""All methods that are measured, by name: the only room that knows them all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seda.baselines import (
    aligner_methods,
    cross_modal_probe,
    flow_matching,
    gaussian_discriminant,
    logistic_regression,
    lp_plus_plus,
    nearest_center,
    negative_controls,
    one_step_mlp,
    text_regression,
    tip_adapter,
    zero_shot,
)
from seda.baselines.base import Baseline, ClassTextFeatures
from seda.benchmark.distribution import ENDS
from seda.errors import ConfigError

ANSWER = "closed-form"  # what the app answers by; every other row is compared with it
LEARNED = "seda"  # the method that the program is named after: learned denoisers, read where their paths end
OURS = (ANSWER, LEARNED)
ALL_ABLATIONS = "ablations"


@dataclass(frozen=True)
class Method:
    """A method and the settings that may be tried, the first one most at home.

    Attributes:
        name: in tables and on the command line.
        settings: candidates; the benchmark tries no more of them than its budget.
        control: whether it is there to be understood, not to be beaten.
        needs: what the encoders must offer: "shared space", "head" (a classifier of named classes), or nothing.
        measured_as: the name in its cells' fingerprints, where that is another one: what is measured has not changed with
            the name, and finished cells stay what they are.
    """

    name: str
    settings: tuple[Baseline, ...]
    control: bool = False
    needs: str = ""
    measured_as: str = ""

    def is_defined_for(self, texts: ClassTextFeatures) -> bool:
        """Whether the texts offer what the method needs: a space that pictures share, or an encoder's own head."""
        offered = {"": True, "shared space": texts.shared_space, "head": texts.head is not None}
        return offered[self.needs]


ABLATIONS = tuple(
    Method(f"{ANSWER}/{name}", (setting,), control=True, measured_as=f"seda/{name}")
    for name, setting in aligner_methods.ABLATIONS.items()
)
METHODS = (
    Method(ANSWER, aligner_methods.SETTINGS["seda"], measured_as="seda"),
    Method(LEARNED, (aligner_methods.LearnedSeda(ENDS),)),
    Method("closed-form-one-step", aligner_methods.SETTINGS["one-step"], control=True, measured_as="seda-one-step"),
    Method("closed-form-untrained", aligner_methods.SETTINGS["closed-form"], control=True, measured_as="closed-form"),
    Method("nearest-center", nearest_center.SETTINGS),
    Method("logistic-regression", logistic_regression.SETTINGS),
    Method("logistic-regression-unit", logistic_regression.UNIT_SETTINGS),
    Method("ridge", text_regression.RIDGE_SETTINGS),
    Method("procrustes", text_regression.PROCRUSTES_SETTINGS),
    Method("mlp", one_step_mlp.SETTINGS),
    Method("mlp-center-loss", one_step_mlp.CENTER_SETTINGS),
    Method("gda", gaussian_discriminant.SETTINGS),
    Method("tip-adapter", tip_adapter.SETTINGS),
    Method("tip-adapter-f", tip_adapter.TUNED_SETTINGS),
    Method("cross-modal-probe", cross_modal_probe.SETTINGS),
    Method("lp++", lp_plus_plus.SETTINGS),
    Method("flow-matching", flow_matching.SETTINGS),
    # the same with the power transform of SeDA's scaler: how much of a lead is that alone
    *(
        Method(f"{name}-power", tuple(replace(setting, preparation=preparation) for setting in settings))
        for name, settings, preparation in (
            ("logistic-regression", logistic_regression.UNIT_SETTINGS, "power unit"),
            ("ridge", text_regression.RIDGE_SETTINGS, "centred power unit"),
            ("mlp", one_step_mlp.SETTINGS, "centred power unit"),
            ("gda", gaussian_discriminant.POWER_SETTINGS, "power unit"),
        )
    ),
    Method("mean-shift", (negative_controls.MeanShift(),), control=True),
    Method("collapse", (negative_controls.CollapseToMean(),), control=True),
    Method("zero-shot", (zero_shot.ZeroShot(),), control=True, needs="shared space"),
    Method("conse", zero_shot.CONSE_SETTINGS, control=True, needs="head"),
)


def methods_for(texts: ClassTextFeatures) -> dict[str, Method]:
    """All methods that are defined for these encoders, ablations of ours included."""
    methods = {method.name: method for method in (*METHODS, *ABLATIONS) if method.is_defined_for(texts)}
    if texts.shared_space:  # with a text part, whose weight is the one thing to choose
        methods["gda"] = replace(methods["gda"], settings=gaussian_discriminant.SHARED_SETTINGS)
    return methods


def check_methods(names: tuple[str, ...] | None) -> None:
    """
    Raises:
        ConfigError: a name is not known.
    """
    known = [method.name for method in (*METHODS, *ABLATIONS)] + [ALL_ABLATIONS]
    if unknown := [name for name in names or () if name not in known]:
        raise ConfigError(f"There is no method {', '.join(unknown)}; known are {', '.join(known)}.")


def chosen_methods(texts: ClassTextFeatures, names: tuple[str, ...] | None) -> list[Method]:
    """Those of that name, in this order; all that are defined for the encoders but for ablations where None.

    ALL_ABLATIONS stands for every ablation.

    Raises:
        ConfigError: a name is not known, or not defined for these encoders.
    """
    check_methods(names)
    defined = methods_for(texts)
    if names is None:
        return [method for method in defined.values() if method not in ABLATIONS]
    names = tuple(part for name in names for part in ([m.name for m in ABLATIONS] if name == ALL_ABLATIONS else [name]))
    if missing := [name for name in names if name not in defined]:
        raise ConfigError(
            f"{', '.join(missing)} is not defined for these encoders; defined are {', '.join(defined)}.",
            remedy="Leave it out, or choose another encoder.",
        )
    return [defined[name] for name in names]
