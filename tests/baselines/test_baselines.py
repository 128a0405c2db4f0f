"""Every method against a naive version of its formula or an invariant, and all of them against shuffled labels."""

import itertools
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch

from seda.baselines import aligner_methods
from seda.baselines.aligner_methods import (
    ABLATIONS,
    SHARPNESS,
    LearnedSeda,
    SedaAligner,
    trained,
    with_learned_denoisers,
    without_learning,
)
from seda.baselines.base import ClassTextFeatures, DrawsInText, LabelledFeatures, MapsToText
from seda.baselines.cross_modal_probe import CrossModalProbe
from seda.baselines.flow_matching import FlowMatching
from seda.baselines.gaussian_discriminant import ESTIMATORS, GaussianDiscriminant
from seda.baselines.logistic_regression import LogisticProbe
from seda.baselines.lp_plus_plus import LpPlusPlus
from seda.baselines.nearest_center import NearestCenter
from seda.baselines.negative_controls import CollapseToMean, MeanShift
from seda.baselines.one_step_mlp import OneStepMlp
from seda.baselines.preparation import PREPARATIONS, Preparation
from seda.baselines.text_regression import ProcrustesToText, RidgeToText, procrustes, texts_in_image_space
from seda.baselines.tip_adapter import TipAdapter
from seda.baselines.zero_shot import Conse, ZeroShot
from seda.benchmark.methods import ANSWER, LEARNED, OURS, chosen_methods, methods_for
from seda.benchmark.tuning import fit_best, fit_temperature
from seda.errors import ConfigError, DataError
from seda.evaluation.alignment import unit
from seda.evaluation.classification import top1_accuracy
from tests.baselines.toy import CLASSES, DIM, IMAGE_DIM, class_texts, drawn, shorten_trainings

TRAIN, VALIDATION, TEST = drawn(8, 1), drawn(4, 2), drawn(30, 3)
TEXTS = {shared: class_texts(shared=shared) for shared in (False, True)}
RNG = np.random.default_rng(0)
KNOWS_NOTHING = ("mean-shift", "collapse")


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    shorten_trainings(monkeypatch)


def fitted(method, train=TRAIN, texts=None):
    return method.fit(train, texts or class_texts(), VALIDATION)


def accuracy(model, part=TEST):
    return top1_accuracy(model.class_scores(part.image_features), part.labels)


@pytest.fixture(scope="module")
def shuffled() -> tuple[LabelledFeatures, LabelledFeatures]:
    """Pictures for training and validation whose labels say nothing; the same for all, so that trainings can be shared."""
    train = drawn(40, 4)
    return (
        LabelledFeatures(train.image_features, RNG.permutation(train.labels)),
        LabelledFeatures(VALIDATION.image_features, RNG.permutation(VALIDATION.labels)),
    )


# The texts are the same object for all methods: those of ours that only ask in another way share one training.
@pytest.mark.parametrize(
    ("name", "shared"), [(name, shared) for shared, texts in TEXTS.items() for name in methods_for(texts)]
)
def test_all_follow_the_protocol_and_tell_classes_apart(name, shared):
    texts = TEXTS[shared]
    setting = methods_for(texts)[name].settings[0]
    before = torch.get_rng_state()
    model = fitted(setting, texts=texts)
    scores = model.class_scores(TEST.image_features)
    assert scores.shape == (len(TEST), CLASSES) and np.isfinite(scores).all()
    assert model.parameters >= 0
    if isinstance(model, MapsToText):
        assert model.to_text_space(TEST.image_features).shape == (len(TEST), texts.features.shape[1])
    if name not in KNOWS_NOTHING:
        assert top1_accuracy(scores, TEST.labels) > 0.85
    elif not shared:
        assert top1_accuracy(scores, TEST.labels) < 0.6
    np.testing.assert_array_equal(scores, fitted(setting, texts=texts).class_scores(TEST.image_features))
    assert torch.equal(before, torch.get_rng_state())  # the global generator is left alone


@pytest.mark.parametrize("name", [name for name in methods_for(class_texts()) if name != "conse"])
def test_shuffled_training_labels_are_chance(name, shuffled):
    train, validation = shuffled
    model = methods_for(TEXTS[False])[name].settings[0].fit(train, TEXTS[False], validation)
    assert accuracy(model) < 0.6


def test_no_method_lists_more_settings_than_the_budget_and_all_can_be_fitted():
    for shared in (False, True):
        for method in methods_for(class_texts(shared=shared)).values():
            assert 1 <= len(method.settings) == len(set(method.settings)) <= 6
    for name in ("mlp", "flow-matching", "gda", "tip-adapter-f", "lp++"):
        for setting in methods_for(class_texts())[name].settings:
            assert accuracy(fitted(setting)) > 0.7, setting


@pytest.mark.parametrize("cosine", [True, False])
def test_nearest_center_against_loops(cosine):
    scores = fitted(NearestCenter("raw", cosine)).class_scores(TEST.image_features)
    centers = [TRAIN.image_features[TRAIN.labels == c].mean(0) for c in range(CLASSES)]
    for x, row in zip(TEST.image_features, scores, strict=True):
        if cosine:
            wanted = [x @ mu / np.linalg.norm(x) / np.linalg.norm(mu) for mu in centers]
        else:
            wanted = [-np.linalg.norm(x - mu) for mu in centers]
        assert row.argmax() == int(np.argmax(wanted))


def test_ridge_against_the_normal_equations():
    model, texts = fitted(RidgeToText(0.5, "scaled")), class_texts()
    x = Preparation.fit(TRAIN.image_features, "scaled")(TRAIN.image_features).astype(np.float64)
    targets = texts.features[TRAIN.labels]
    weight = np.linalg.solve(x.T @ x + 0.5 * np.eye(IMAGE_DIM), x.T @ (targets - targets.mean(0)))
    np.testing.assert_allclose(model.weight, weight, atol=1e-4)
    np.testing.assert_allclose(model.bias, targets.mean(0), atol=1e-4)


def test_procrustes_recovers_a_rotation_and_is_the_best_one():
    rotation = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    x = RNG.normal(size=(50, 6))
    np.testing.assert_allclose(procrustes(x, x @ rotation), rotation, atol=1e-5)
    wide = procrustes(RNG.normal(size=(50, 9)), RNG.normal(size=(50, 4)))
    np.testing.assert_allclose(wide.T @ wide, np.eye(4), atol=1e-5)
    targets = RNG.normal(size=(50, 6))
    best = np.linalg.norm(x @ procrustes(x, targets) - targets)
    for _ in range(20):
        other = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
        assert best <= np.linalg.norm(x @ other - targets)
    assert fitted(ProcrustesToText()).weight.shape == (IMAGE_DIM, DIM)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gda_scores_are_gaussian_log_likelihoods(estimator):
    model = fitted(GaussianDiscriminant(estimator, "raw"))
    x = TRAIN.image_features.astype(np.float64)
    centers = np.stack([x[TRAIN.labels == c].mean(0) for c in range(CLASSES)])
    precision = GaussianDiscriminant(estimator)._precision(x, centers, TRAIN.labels)
    assert np.linalg.eigvalsh(precision).min() > 0
    naive = np.array(
        [[-(row - mu) @ precision @ (row - mu) / 2 for mu in centers] for row in TEST.image_features.astype(np.float64)]
    )
    found = model.class_scores(TEST.image_features)
    # equal up to what is the same for all classes
    np.testing.assert_allclose(found - found[:, :1], naive - naive[:, :1], rtol=1e-3, atol=1e-2)


def test_gda_with_texts_adds_the_zero_shot_scores_and_works_with_one_image_a_class():
    texts = class_texts(shared=True)
    zero_shot = fitted(ZeroShot(), texts=texts).class_scores(TEST.image_features)
    few = fitted(GaussianDiscriminant(weight=1e-9), texts=texts).class_scores(TEST.image_features)
    np.testing.assert_allclose(few, 100 * zero_shot, rtol=1e-3, atol=1e-3)
    for estimator in ESTIMATORS:
        assert accuracy(fitted(GaussianDiscriminant(estimator), drawn(1, 5))) > 0.6


def test_tip_adapter_against_loops():
    config = TipAdapter(2.0, 3.0)
    model = fitted(config)
    prepare = Preparation.fit(TRAIN.image_features, config.preparation)
    keys, zero_shot = prepare(TRAIN.image_features), fitted(RidgeToText()).class_scores(TEST.image_features)
    for x, scores, given in zip(
        prepare(TEST.image_features)[:20], model.class_scores(TEST.image_features)[:20], zero_shot[:20], strict=True
    ):
        wanted = 10 * given
        for key, label in zip(keys, TRAIN.labels, strict=True):
            wanted[label] += 2 * np.exp(-3 * (1 - x @ key))
        np.testing.assert_allclose(scores, wanted, rtol=1e-4)


def test_tip_adapter_f_trains_the_keys_only():
    plain, tuned = fitted(TipAdapter()), fitted(TipAdapter(tuned=True, learning_rate=1e-2))
    assert tuned.keys.shape == plain.keys.shape
    np.testing.assert_array_equal(tuned.values, plain.values)


def test_lp_plus_plus_never_raises_its_loss_and_uses_the_texts():
    x = Preparation.fit(TRAIN.image_features, "centred unit")(TRAIN.image_features).astype(np.float64)
    directions = RNG.normal(size=(CLASSES, IMAGE_DIM))
    losses = []
    for steps in range(0, 40, 4):
        weight, blend = LpPlusPlus(steps, 1.0).descend(x, TRAIN.labels, directions)
        logits = x @ (weight + blend[:, None] * directions).T
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        losses.append(-log_p[np.arange(len(x)), TRAIN.labels].mean())
    assert all(after <= before + 1e-12 for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.8 * losses[0]


def test_texts_enter_the_images_space_without_a_bend():
    x = TRAIN.image_features - TRAIN.image_features.mean(0)
    texts = class_texts()
    turned = texts_in_image_space(x, TRAIN.labels, texts)
    centred = texts.features - texts.mean
    np.testing.assert_allclose(turned @ turned.T, centred @ centred.T, atol=1e-3)  # angles and lengths stay
    shared = class_texts(shared=True)
    np.testing.assert_array_equal(texts_in_image_space(x, TRAIN.labels, shared), shared.features - shared.mean)


def test_a_cross_modal_probe_with_weightless_texts_is_logistic_regression():
    probe = fitted(CrossModalProbe(1.0, text_weight=0.0))
    alone = fitted(LogisticProbe(1.0, "centred unit"))
    np.testing.assert_allclose(probe.weight, alone.weight, atol=2e-3)


def test_logistic_regression_of_two_classes_gives_two_scores():
    train = LabelledFeatures(TRAIN.image_features, TRAIN.labels % 2)
    texts = ClassTextFeatures(class_texts().phrasings[:2])
    model = LogisticProbe(1.0).fit(train, texts, train)
    scores = model.class_scores(train.image_features)
    assert scores.shape == (len(train), 2) and top1_accuracy(scores, train.labels) > 0.9
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1], atol=1e-4)


def test_conse_against_loops():
    texts = class_texts()
    model = fitted(Conse(2))
    logits = TEST.image_features @ texts.head.weight.T + texts.head.bias
    for row, mapped in zip(logits[:20], model.to_text_space(TEST.image_features)[:20], strict=True):
        best = np.argsort(row)[-2:]
        share = np.exp(row[best] - row[best].max())
        wanted = (share / share.sum()) @ texts.head.name_features[best]
        np.testing.assert_allclose(mapped, wanted, rtol=1e-4, atol=1e-5)


def test_what_is_not_defined_for_the_encoders_is_said():
    with pytest.raises(ConfigError, match="trained together"):
        fitted(ZeroShot())
    with pytest.raises(ConfigError, match="named classes"):
        fitted(Conse(), texts=class_texts(head=False))
    assert "zero-shot" not in methods_for(class_texts()) and "conse" not in methods_for(class_texts(head=False))
    with pytest.raises(ConfigError, match=r"no method magic; known are closed-form"):
        chosen_methods(class_texts(), (ANSWER, "zero-shot", "magic"))
    with pytest.raises(ConfigError, match=r"zero-shot is not defined for these encoders; defined are closed-form"):
        chosen_methods(class_texts(), (LEARNED, "zero-shot"))
    assert [method.name for method in chosen_methods(class_texts(), ("ridge", *OURS))] == ["ridge", *OURS]


def test_negative_controls_close_the_gap_and_know_nothing():
    texts = class_texts()
    shifted = fitted(MeanShift()).to_text_space(TRAIN.image_features)
    np.testing.assert_allclose(shifted.mean(0), texts.mean, atol=1e-4)
    collapsed = fitted(CollapseToMean()).to_text_space(TEST.image_features)
    np.testing.assert_allclose(collapsed, np.tile(texts.mean, (len(TEST), 1)), atol=1e-6)
    assert accuracy(fitted(CollapseToMean())) == pytest.approx(1 / CLASSES)


def test_a_flow_of_one_step_adds_the_velocity_once():
    model = fitted(FlowMatching(steps=1, stop=0.5))
    x_0 = model.start(TEST.image_features)
    with torch.no_grad():
        wanted = x_0 + 0.5 * model.network(x_0, torch.zeros(len(x_0), 1))
        torch.testing.assert_close(model.walk(x_0), wanted)
    assert float(x_0.norm(dim=1).std()) < 1e-3
    np.testing.assert_allclose(model.entry.T @ model.entry, np.eye(DIM), atol=1e-4)


def test_the_center_loss_pulls_hidden_features_together():
    def scatter(model):
        with torch.no_grad():
            x = torch.from_numpy(model.prepare(TRAIN.image_features).astype(np.float32))
            hidden = model.network.hidden(x).numpy()
        centers = np.stack([hidden[TRAIN.labels == c].mean(0) for c in range(CLASSES)])
        return np.square(hidden - centers[TRAIN.labels]).mean()

    settings = {"feature_noise": 0.0, "mixup": 0.0, "learning_rate": 3e-3}
    assert scatter(fitted(OneStepMlp(center_weight=3.0, **settings))) < scatter(fitted(OneStepMlp(**settings)))


def test_read_outs_of_seda_share_one_training_and_the_closed_form_keeps_nothing_learned():
    texts, config = class_texts(), SedaAligner()
    result, first = trained(config, TRAIN, texts, VALIDATION)
    again, second = trained(config, TRAIN, texts, VALIDATION)
    assert again is result and first == 0 and second > 0
    aligner = result.aligner
    bare = without_learning(aligner)
    assert float(bare.learner.residual_out.weight.abs().sum()) == 0
    assert float(aligner.learner.residual_out.weight.abs().sum()) > 0
    one_step = replace(config, read_out="one-step").fit(TRAIN, texts, VALIDATION)
    assert one_step.aligner is aligner and one_step.sampling.num_inference_steps == 1
    ends = replace(config, read_out="closed-form").fit(TRAIN, texts, VALIDATION).to_text_space(TEST.image_features)
    # the exact denoiser ends at a text
    distances = np.linalg.norm(ends[:, None] - texts.features[None], axis=-1).min(1)
    spread = np.linalg.norm(texts.features - texts.mean, axis=1).mean()
    assert np.median(distances) < 0.5 * spread
    other, third = trained(config, drawn(8, 9), texts, VALIDATION)
    assert other is not result and third == 0


def test_ablations_that_only_ask_in_another_way_share_the_training(monkeypatch):
    """How well each of them answers is seen above; who shares with whom is the same after one step."""
    monkeypatch.setattr("seda.baselines.aligner_methods.MIN_STEPS", 1)
    texts, asked = class_texts(), SedaAligner()
    result, _ = trained(asked, TRAIN, texts, VALIDATION)
    for name, setting in ABLATIONS.items():
        found, _ = trained(setting, TRAIN, texts, VALIDATION)
        trained_alike = not any(
            getattr(setting, field) != getattr(asked, field)
            for field in (
                "semantic_space",
                "bank",
                "path",
                "center_weight",
                "power",
                "feature_noise",
                "mixup",
                "relative_scale",
            )
        )
        assert (found is result) == trained_alike, name


def test_seda_doubts_most_where_it_is_wrong():
    fitted = SedaAligner().fit(TRAIN, class_texts(), VALIDATION)
    blurred = TEST.image_features + 3 * np.random.default_rng(0).normal(size=TEST.image_features.shape)
    images = blurred.astype(np.float32)
    right = fitted.class_scores(images).argmax(1) == TEST.labels
    doubt = fitted.error_scores(images)
    assert doubt.shape == right.shape and doubt[~right].mean() > doubt[right].mean()
    np.testing.assert_array_equal(doubt, fitted.error_scores(images))


def test_learned_denoisers_beside_a_trained_aligner_are_those_of_one_training(monkeypatch):
    """The training of the closed form is shared, and nothing comes out differently for it."""
    asked, fit = [], aligner_methods.fit_aligner
    monkeypatch.setattr(
        aligner_methods, "fit_aligner", lambda *args, **options: asked.append((args, options)) or fit(*args, **options)
    )
    texts, setting = class_texts(), LearnedSeda(2, seed=3)
    config = replace(setting.training_config(len(TRAIN)), one_step_steps=3, denoiser_steps=4, learning_rate=1e-3)
    result, _ = trained(SedaAligner(seed=3), TRAIN, texts, VALIDATION)
    shared = with_learned_denoisers(result, config)
    (((data, _, model), options),) = asked
    whole = fit(data, config, replace(model, **aligner_methods.LEARNED), **options).aligner
    assert shared.config == whole.config and result.aligner.config.denoiser == "closed-form"
    for (name, value), other in zip(shared.state_dict().items(), whole.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
    _, seconds = trained(SedaAligner(seed=3), TRAIN, texts, VALIDATION)
    assert len(asked) == 1 and seconds > 0


def test_learned_paths_are_read_at_the_mean_of_their_ends():
    texts = class_texts()
    model = LearnedSeda(3).fit(TRAIN, texts, VALIDATION)
    assert isinstance(model, DrawsInText) and not isinstance(fitted(RidgeToText()), DrawsInText)
    blurred = TEST.image_features + 3 * np.random.default_rng(0).normal(size=TEST.image_features.shape)
    images = blurred.astype(np.float32)
    ends = model.text_space_ends(images)
    assert ends.shape == (3, len(TEST), DIM)
    np.testing.assert_array_equal(ends[0], model.to_text_space(images))
    assert np.abs(ends[0] - ends[1]).max() > 0.1  # each end has noise of its own
    # scaled units are centred on all phrasings, in which cosines are taken
    mean = texts.phrasings.reshape(-1, DIM).mean(0)
    read_by = unit(texts.phrasings.mean(1) - mean)
    cosines = unit(ends.mean(0) - mean) @ read_by.T
    scores = model.class_scores(images)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(scores - scores[:, :1], SHARPNESS * (cosines - cosines[:, :1]), atol=1e-2)
    each = np.stack([unit(end - mean) @ read_by.T for end in ends]).argmax(2)
    doubt = model.error_scores(images)
    np.testing.assert_allclose(doubt, 1 - np.exp(scores.max(1)) + (each != scores.argmax(1)).mean(0), atol=1e-3)
    right = scores.argmax(1) == TEST.labels
    assert doubt[~right].mean() > doubt[right].mean()
    np.testing.assert_allclose(
        model.class_scores(images[:7]), scores[:7], atol=1e-3
    )  # an image does not know its batch


def test_few_images_get_fewer_steps_of_the_denoisers(monkeypatch):
    monkeypatch.undo()
    setting = LearnedSeda(16)
    found = [setting.training_config(count) for count in (10, 256, 1024, 4096, 12_000)]
    assert [config.denoiser_steps for config in found] == [500, 500, 1000, 2000, 2000]
    assert [config.one_step_steps for config in found] == [125, 125, 250, 500, 500]
    assert all(config.denoiser == "learned" for config in found)
    assert {"one_step_steps", "denoiser_steps", "enough", "least_share", "ends", "seed"} <= set(asdict(setting))


def test_preparations():
    x = TRAIN.image_features
    for kind in PREPARATIONS:
        prepared = Preparation.fit(x, kind)(x)
        lengths = np.linalg.norm(prepared, axis=1)
        if kind.endswith("unit"):
            np.testing.assert_allclose(lengths, 1, rtol=1e-5)
        if kind == "scaled":
            assert lengths.mean() == pytest.approx(1, rel=1e-5) and np.abs(prepared.mean(0)).max() < 1e-5
    np.testing.assert_array_equal(Preparation.fit(x, "raw")(x), x)
    with pytest.raises(ConfigError, match="'whitened' is not known; allowed are raw"):
        Preparation.fit(x, "whitened")


def test_features_that_are_not_finite_are_refused():
    features = TRAIN.image_features.copy()
    features[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        LabelledFeatures(features, TRAIN.labels)
    with pytest.raises(DataError, match="came with 31 labels"):
        LabelledFeatures(TRAIN.image_features, TRAIN.labels[1:])


def test_the_temperature_is_found_and_stays_finite():
    scores = RNG.normal(size=(4000, CLASSES))
    p = np.exp(3 * scores) / np.exp(3 * scores).sum(1, keepdims=True)
    labels = np.array([RNG.choice(CLASSES, p=row) for row in p])
    assert fit_temperature(scores, labels)[0] == pytest.approx(1 / 3, rel=0.15)
    assert fit_temperature(1000 * scores, labels)[0] == pytest.approx(1000 / 3, rel=0.15)
    all_right, _ = fit_temperature(np.eye(CLASSES)[[0, 1, 2, 3]], np.arange(4))
    confidence = 1 / (1 + 3 * np.exp(-1 / all_right))
    assert 0.7 < confidence < 0.95  # four right answers are no proof of certainty
    assert fit_temperature(np.zeros((5, CLASSES)), np.zeros(5, np.int64)) == (1.0, pytest.approx(np.log(CLASSES)))


def test_the_choice_is_made_on_validation_data_under_the_budget():
    settings = tuple(RidgeToText(penalty) for penalty in (1e6, 1.0, 1e-3))
    tuned = fit_best(settings, TRAIN, class_texts(), VALIDATION, seed=0, budget=2)
    assert tuned.tried == 2
    losses = [
        fit_temperature(fitted(setting).class_scores(VALIDATION.image_features), VALIDATION.labels)[1]
        for setting in settings[:2]
    ]
    assert tuned.setting["penalty"] == settings[int(np.argmin(losses))].penalty
    assert tuned.validation_nll == pytest.approx(min(losses))
    p = tuned.probabilities(TEST.image_features)
    np.testing.assert_allclose(p.sum(1), 1)
    seeded = fit_best((OneStepMlp(),), TRAIN, class_texts(), VALIDATION, seed=7)
    assert seeded.setting["seed"] == 7
    assert "seed" not in {field.name for field in fields(RidgeToText)}
