"""Training of the denoisers: what it gains over the Gaussian one, and that a stop costs nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seda.aligner import Aligner
from seda.config import PATH_FAMILIES, SAMPLERS, ModelConfig, SamplingConfig, TrainingConfig
from seda.errors import FileFormatError, Stopped
from seda.evaluation.distribution import class_wise_mmd2
from seda.training.checkpoint import drop_checkpoints
from seda.training.denoisers import train_denoisers
from seda.training.fit import TrainingSet, fit_aligner
from seda.training.pairs import LabelledPairs, drawn_lists

CLASSES, EACH, DIM, WIDTH = 3, 60, 6, 8
SMALL = {
    "one_step_width": 32, "denoiser_width": 32, "denoiser_heads": 2, "denoiser_blocks": 1,
    "width": 8, "heads": 2, "blocks": 1, "prior_width": 8,
}  # fmt: skip
QUICK = TrainingConfig(
    max_epochs=1, one_step_steps=60, denoiser_steps=300, batch_size=128, learning_rate=3e-3, feature_noise=0.1,
    denoiser="learned",
)  # fmt: skip


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    """Three classes, each called by two names that are far apart."""
    generator = torch.Generator().manual_seed(0)
    centers = 2 * torch.randn(CLASSES, WIDTH, generator=generator)
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    features = centers[labels] + 0.3 * torch.randn(len(labels), WIDTH, generator=generator)
    return TrainingSet(features, labels, torch.randn(CLASSES, 2, DIM, generator=generator))


def model(denoiser: str = "learned", **changes) -> ModelConfig:
    return ModelConfig(dim=DIM, image_dim=WIDTH, denoiser=denoiser, **(SMALL | changes))


@pytest.fixture(scope="module")
def trained(data) -> Aligner:
    return fit_aligner(data, QUICK, model()).aligner


def test_learned_ends_are_distributed_as_the_texts_are(data, trained):
    both = data.class_text_features.flatten(0, 1)
    named = trained.text_scaler(both).view(CLASSES, 2, DIM)
    real = named[data.labels, torch.arange(len(data.labels)) % 2]

    def ends(denoiser: str, listed: torch.Tensor = both) -> torch.Tensor:
        drawn = SamplingConfig(denoiser=denoiser, strength=1.0, guidance=1.0)
        run = trained.align(data.image_features, listed, drawn)
        return run.translator.states[:, -1]

    def class_wise(denoiser: str) -> float:
        return class_wise_mmd2(real.numpy(), data.labels.numpy(), ends(denoiser).numpy(), data.labels.numpy())

    assert class_wise("learned") < 0.2 * class_wise("gaussian")

    def gaps(found: torch.Tensor) -> torch.Tensor:
        """To both names of each item's class [n, 2]."""
        return torch.cdist(found, named.flatten(0, 1)).view(len(found), CLASSES, 2)[
            torch.arange(len(found)), data.labels
        ]

    # where both names of each class are listed, both are reached; else the one that is
    own = gaps(ends("learned"))
    assert (own.amin(1) < 1.0).float().mean() > 0.8
    assert 0.3 < float((own.argmin(1) == 0).float().mean()) < 0.7
    first = gaps(ends("learned", data.class_text_features[:, 0]))
    assert float((first[:, 0] < 1.0).float().mean()) > 0.8


def test_the_answer_does_not_depend_on_the_denoiser(data, trained):
    texts = data.class_text_features[:, 0]
    answers = [
        trained.align(
            data.image_features[:5], texts, SamplingConfig(num_inference_steps=5, denoiser=name)
        ).class_probabilities
        for name in trained.config.denoisers
    ]
    assert all(torch.equal(answers[0], other) for other in answers[1:])


def test_training_the_denoisers_leaves_the_closed_form_alone(data, trained):
    plain = fit_aligner(data, replace(QUICK, denoiser="closed-form"), model("closed-form")).aligner
    both = trained.state_dict()
    assert all(torch.equal(value, both[name]) for name, value in plain.state_dict().items())
    assert not any(part.requires_grad for part in trained.parameters())


def test_weights_are_exact_in_half_precision(trained):
    for stage in (trained.learner, trained.translator):
        for module in (stage.gaussian, stage.learned):
            assert all(torch.equal(value, value.half().float()) for value in module.state_dict().values())


def test_the_gaussian_alone_has_no_network(data):
    result = fit_aligner(data, replace(QUICK, denoiser="gaussian"), model("gaussian"))
    assert result.aligner.learner.learned is None
    assert set(result.metrics) > {"validation_one_step"} and "validation_denoising" not in result.metrics
    assert 0 < result.metrics["validation_one_step"] < 1


def test_without_stage_1_there_is_stage_2_alone(data):
    config = model(semantic_space=False)
    aligner = fit_aligner(data, replace(QUICK, denoiser_steps=20), config).aligner
    run = aligner.align(data.image_features[:3], data.class_text_features[:, 0], SamplingConfig(num_inference_steps=4))
    assert torch.isfinite(run.translator.states).all() and run.learner.timesteps == (0,)


@pytest.mark.parametrize("path", PATH_FAMILIES)
def test_every_path_and_sampler_walks_it(data, path):
    aligner = fit_aligner(data, replace(QUICK, denoiser_steps=60), model(path=path)).aligner
    for sampler in SAMPLERS:
        sampling = SamplingConfig(sampler, 20, guidance=1.5)
        ends = aligner.align(data.image_features, data.class_text_features[:, 0], sampling).translator.states[:, -1]
        assert torch.isfinite(ends).all()
        assert 0.5 < float(ends.norm(dim=1).mean()) / aligner.config.feature_norm < 1.6


def pairs_of(data: TrainingSet, aligner: Aligner, own: torch.Tensor | None = None) -> LabelledPairs:
    visual, condition = aligner.image_scaler(data.image_features), aligner.condition_scaler(data.image_features)
    phrases = aligner.text_scaler(data.class_text_features.flatten(0, 1)).view(CLASSES, 2, DIM)
    held_out = torch.arange(0, len(data.labels), 6)
    training = torch.tensor([i for i in range(len(data.labels)) if i % 6])
    belief = aligner.learner.center_posterior(condition)
    return LabelledPairs(visual, condition, data.labels, belief, phrases, own, training, held_out, 0.9)


def test_a_stopped_training_goes_on_to_the_same_result(data, trained, tmp_path):
    config, pairs = replace(QUICK, one_step_steps=20, denoiser_steps=30), pairs_of(data, trained)

    def fresh() -> Aligner:
        torch.manual_seed(1)
        aligner = Aligner(model(), CLASSES, 2).eval()
        state = {
            name: value
            for name, value in trained.state_dict().items()
            if ".gaussian." not in name and ".learned." not in name
        }
        aligner.load_state_dict(state, strict=False)
        return aligner

    whole, parts = fresh(), fresh()
    metrics = train_denoisers(whole, pairs, config)
    stops = iter([("training one-step", 10), ("training denoisers", 10), ("training denoisers", 20), None])

    def until(wanted):
        return lambda what, done, total, detail: wanted is not None and (what, done) == wanted

    for stop in stops:
        torch.manual_seed(1)
        again = fresh()
        options = {"checkpoint_dir": tmp_path, "checkpoint_seconds": 0.0, "on_progress": until(stop)}
        if stop is not None:
            with pytest.raises(Stopped):
                train_denoisers(again, pairs, config, **options)
        else:
            assert train_denoisers(again, pairs, config, **options) == metrics
            parts = again
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    with pytest.raises(FileFormatError, match="another training"):
        train_denoisers(fresh(), pairs, replace(config, seed=5), checkpoint_dir=tmp_path)
    assert list(tmp_path.iterdir())
    drop_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())


def test_pairs_keep_held_out_items_apart_and_mates_in_their_class(data, trained):
    pairs = pairs_of(data, trained)
    generator = torch.Generator().manual_seed(0)
    visual = {tuple(row.tolist()): index for index, row in enumerate(pairs.visual)}
    held = set(pairs.held_out.tolist())
    for held_out in (False, True):
        for _ in range(20):
            drawn = pairs.draw(16, generator, held_out=held_out)
            items = [visual[tuple(row.tolist())] for row in drawn.visual]
            mates = [visual[tuple(row.tolist())] for row in drawn.mate]
            assert all((item in held) == held_out for item in items)
            assert not held & set(mates)
            assert all(
                data.labels[a] == data.labels[b] == c for a, b, c in zip(items, mates, drawn.category, strict=True)
            )
            # an item's place in the bank is a name of its class, whether its list shows it or not
            names = pairs.phrases[drawn.category]
            for row in range(16):
                assert (names[row] == drawn.bank[drawn.own[row]]).all(1).any()
                assert int(drawn.listed[row]) == (int(drawn.own[row]) if drawn.visible[row, drawn.own[row]] else -1)
                assert (drawn.text[row] == names[row]).all(1).any()


def test_items_with_texts_of_their_own_are_told_by_them_half_of_the_time(data, trained):
    own = torch.randn(len(data.labels), DIM, generator=torch.Generator().manual_seed(3))
    pairs = pairs_of(data, trained, own)
    generator = torch.Generator().manual_seed(0)
    told = [bool((pairs.draw(4, generator).text[0] == own).all(1).any()) for _ in range(200)]
    assert 70 < sum(told) < 130


def test_lists_are_of_all_lengths_and_hold_the_own_text_with_its_share():
    own = torch.arange(50).repeat(40)
    visible = drawn_lists(own, 50, 0.8, torch.Generator().manual_seed(0))
    listed = visible.gather(1, own[:, None])[:, 0]
    assert 0.76 < float(listed.float().mean()) < 0.84
    others = visible.scatter(1, own[:, None], False).sum(1)
    assert others.min() == 0 and others.max() > 40
    assert 0.3 < float((others < 7).float().mean()) < 0.6  # log-uniform from 2 to 50: half are below 10
    short, long = listed[others < 5].float().mean(), listed[others > 25].float().mean()
    assert abs(float(short - long)) < 0.08  # the length says nothing of whether the own text is there
    assert drawn_lists(torch.zeros(3, dtype=torch.int64), 1, 1.0, torch.Generator()).all()
