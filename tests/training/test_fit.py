"""Training on small drawn features: it learns, it is repeatable, it resumes, and it sees no test data."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.aligner import PretrainedAligner, load_aligner, package_versions
from seda.card import AlignerCard, read_card
from seda.config import ModelConfig, SamplingConfig, TrainingConfig
from seda.errors import AlignerError, DataError, FileFormatError, FingerprintError, ShapeError, Stopped
from seda.evaluation.classification import top1_accuracy
from seda.models.denoiser import ClassPrior
from seda.storage import read_json, write_json
from seda.training import TrainingSet, fit_aligner
from seda.training.fit import TEMPERATURES, Choice, settle_prior, split_validation
from seda.training.history import CHECKPOINT_FILE, best_epoch, read_history
from seda.training.phrases import class_phrasings
from seda.training.recipe import reference_features

CLASSES, IMAGE_DIM, DIM = 4, 24, 12
CONFIG = TrainingConfig(max_epochs=10, batch_size=32, patience=10, validation_share=0.25, learning_rate=1e-2)
MODEL = ModelConfig(dim=DIM, image_dim=IMAGE_DIM, width=16, heads=2, blocks=1, prior_width=32)
RNG = np.random.default_rng(0)
CENTERS = 2 * RNG.normal(size=(CLASSES, IMAGE_DIM))
TEXTS = torch.from_numpy(RNG.normal(size=(CLASSES, 2, DIM))).float()


def drawn(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    features = CENTERS[labels] + rng.normal(size=(count, IMAGE_DIM))
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


def training_set(count=240, seed=1):
    return TrainingSet(*drawn(count, seed), TEXTS)


@pytest.fixture(scope="module")
def trained():
    return fit_aligner(training_set(), CONFIG, MODEL)


def answers(aligner, features):
    return aligner.classify(features, TEXTS[:, 0], SamplingConfig(num_inference_steps=5)).numpy()


def test_it_learns_and_shuffled_labels_fall_to_chance(trained):
    features, labels = drawn(400, seed=2)
    assert top1_accuracy(answers(trained.aligner, features), labels.numpy()) > 0.95
    data = training_set()
    order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(0))
    shuffled = fit_aligner(replace(data, labels=data.labels[order]), CONFIG, MODEL)
    assert top1_accuracy(answers(shuffled.aligner, features), labels.numpy()) < 0.6
    assert shuffled.metrics["validation_top1_accuracy"] < 0.5


def test_shuffled_test_labels_are_chance(trained):
    features, labels = drawn(400, seed=2)
    shuffled = np.random.default_rng(0).permutation(labels.numpy())
    assert abs(top1_accuracy(answers(trained.aligner, features), shuffled) - 1 / CLASSES) < 0.08


def test_paths_end_at_the_texts(trained):
    features, labels = drawn(60, seed=3)
    run = trained.aligner.align(features, TEXTS[:, 0], SamplingConfig(num_inference_steps=10))
    end = torch.cdist(run.translator.states[:, -1], run.class_texts).argmin(1)
    assert float((end == labels).float().mean()) > 0.9
    hand_over = torch.cdist(run.learner.states[:, -1], trained.aligner.class_centers).argmin(1)
    assert float((hand_over == labels).float().mean()) > 0.9


def test_the_bank_may_be_any_list_in_any_order(trained):
    features, _ = drawn(20, seed=3)
    probabilities = answers(trained.aligner, features)
    order = [2, 0, 3, 1]
    sampling = SamplingConfig(num_inference_steps=5)
    reordered = trained.aligner.classify(features, TEXTS[order, 0], sampling).numpy()
    np.testing.assert_allclose(reordered, probabilities[:, order], atol=1e-4)
    two = trained.aligner.classify(features, TEXTS[:2, 0], sampling)
    assert two.shape == (20, 2) and torch.allclose(two.sum(1), torch.ones(20))
    with pytest.raises(ShapeError, match="k >= 2"):
        trained.aligner.classify(features, TEXTS[:1, 0], sampling)


def test_a_belief_is_carried_over_to_other_words(trained):
    translator, belief = trained.aligner.translator, torch.tensor([[0.7, 0.2, 0.1, 0.0]]).clamp_min(1e-6).log()
    texts = trained.aligner.text_scaler(TEXTS[:, 0])
    torch.testing.assert_close(translator.carry_over(belief, texts).exp(), belief.exp(), atol=0.02, rtol=0)
    other_phrasing = trained.aligner.text_scaler(TEXTS[:, 1])
    torch.testing.assert_close(translator.carry_over(belief, other_phrasing).exp(), belief.exp(), atol=0.02, rtol=0)
    two = translator.carry_over(belief, texts[:2]).exp()
    torch.testing.assert_close(two.sum(1), torch.ones(1))
    assert float(two[0, 0]) > 0.65


def test_an_answer_alone_is_the_answer_of_the_whole_run(trained):
    features, _ = drawn(7, seed=5)
    sampling = SamplingConfig(num_inference_steps=5)
    aligner = copy.deepcopy(trained.aligner)
    for share in (0.0, 0.5):
        aligner.translator.prior.residual_share.fill_(share)
        whole = aligner.align(features, TEXTS[:, 0], sampling)
        torch.testing.assert_close(aligner.classify(features, TEXTS[:, 0], sampling), whole.class_probabilities)
    assert whole.translator.states.shape == (7, 6, DIM)


def test_many_answers_are_given_a_part_at_a_time(trained, monkeypatch):
    features, _ = drawn(7, seed=5)
    sampling, seeds, sizes = SamplingConfig("ddpm", 5), [3, 1, 4, 15, 9, 2, 6], []
    aligner = copy.deepcopy(trained.aligner)
    aligner.translator.prior.residual_share.fill_(0.5)
    whole = aligner.classify(features, TEXTS[:, 0], sampling, item_seeds=seeds)
    monkeypatch.setattr("seda.aligner.ANSWERED_AT_ONCE", 3)
    align = aligner.align
    monkeypatch.setattr(
        aligner, "align", lambda images, *args, **options: sizes.append(len(images)) or align(images, *args, **options)
    )
    torch.testing.assert_close(aligner.classify(features, TEXTS[:, 0], sampling, item_seeds=seeds), whole)
    assert sizes == [3, 3, 1]


def test_what_few_validation_images_cannot_confirm_is_left_out():
    prior = ClassPrior(4, 3, 8, dropout=0.0).eval()
    prior.gate.data.fill_(1.0)
    labels = torch.arange(3).repeat(20)
    belief = (torch.eye(3)[labels] + 0.3 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0))).log_softmax(
        1
    )
    helpful = 3 * torch.eye(3)[labels]
    harmful = -helpful
    for learned, expected in ((helpful, 1.0), (harmful, 0.0), (torch.zeros(60, 3), 0.0)):
        prior.network_logits = lambda condition, candidates, learned=learned: learned
        settle_prior(prior, [Choice(torch.zeros(60, 4), torch.zeros(3, 3), belief, labels)])
        assert float(prior.residual_share) == expected
    assert TEMPERATURES[0] <= float(prior.temperature) <= TEMPERATURES[-1]


@pytest.mark.slow
def test_images_with_texts_of_their_own_travel_to_them():
    """Text features that hold more than the class: the end of a path tells images of one class apart."""
    rng = np.random.default_rng(5)
    features, labels = drawn(400, 6)
    turn = torch.from_numpy(rng.normal(size=(IMAGE_DIM, DIM)) / IMAGE_DIM**0.5).float()
    own = TEXTS[labels, 0] + 2 * (features - torch.from_numpy(CENTERS[labels]).float()) @ turn
    config = replace(CONFIG, max_epochs=25)
    with_own, without = (
        fit_aligner(TrainingSet(features, labels, TEXTS, texts), config, MODEL).aligner for texts in (own, None)
    )
    found = []
    for aligner in (with_own, without):
        run = aligner.align(features[:100], own[:100], SamplingConfig(num_inference_steps=10))
        nearest = torch.cdist(run.translator.states[:, -1], run.class_texts).argsort(1)[:, :10]
        found.append(float((nearest == torch.arange(100)[:, None]).any(1).float().mean()))
    assert found[0] > found[1] + 0.1


def test_without_stage_1_the_path_begins_at_the_picture():
    aligner = fit_aligner(training_set(), CONFIG, replace(MODEL, semantic_space=False)).aligner
    features, labels = drawn(100, seed=3)
    run = aligner.align(features, TEXTS[:, 0], SamplingConfig(num_inference_steps=5))
    assert run.learner.states.shape == (100, 1, DIM)
    torch.testing.assert_close(run.learner.states[:, 0], run.visual)
    assert top1_accuracy(run.class_probabilities.numpy(), labels.numpy()) > 0.9


def equal(a, b):
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_the_same_seed_gives_the_same_aligner_and_another_does_not(trained):
    before = torch.get_rng_state()
    again = fit_aligner(training_set(), CONFIG, MODEL)
    assert equal(trained.aligner, again.aligner)
    assert not equal(trained.aligner, fit_aligner(training_set(), replace(CONFIG, seed=1), MODEL).aligner)
    assert torch.equal(before, torch.get_rng_state())


def test_it_resumes_where_it_was_stopped_with_the_same_result(trained, tmp_path):
    stopped = fit_aligner(
        training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path, on_epoch=lambda event: event.epoch == 2
    )
    assert stopped.stopped and stopped.metrics["epochs"] == 2
    epochs = []
    resumed = fit_aligner(
        training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path, on_epoch=lambda event: epochs.append(event.epoch)
    )
    assert epochs[0] == 3
    assert equal(resumed.aligner, trained.aligner)
    assert resumed.metrics == trained.metrics


def test_a_bridge_starts_at_the_picture_learns_and_resumes(tmp_path):
    model, config = replace(MODEL, path="bridge"), replace(CONFIG, max_epochs=6)
    aligner = fit_aligner(training_set(), config, model).aligner
    features, labels = drawn(60, seed=3)
    run = aligner.align(features, TEXTS[:, 0], SamplingConfig(num_inference_steps=10))
    assert torch.equal(run.learner.states[:, 0], run.visual)
    assert torch.equal(run.translator.states[:, 0], run.learner.states[:, -1])
    for path, anchors in ((run.learner, aligner.class_centers), (run.translator, run.class_texts)):
        assert float((torch.cdist(path.states[:, -1], anchors).argmin(1) == labels).float().mean()) > 0.9
    fit_aligner(training_set(), config, model, checkpoint_dir=tmp_path, on_epoch=lambda event: event.epoch == 2)
    assert equal(fit_aligner(training_set(), config, model, checkpoint_dir=tmp_path).aligner, aligner)
    with pytest.raises(FileFormatError, match="another training"):
        fit_aligner(training_set(), config, MODEL, checkpoint_dir=tmp_path)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    fit_aligner(training_set(), replace(CONFIG, max_epochs=1), MODEL, checkpoint_dir=tmp_path)
    with pytest.raises(FileFormatError, match="another training"):
        fit_aligner(training_set(seed=5), replace(CONFIG, max_epochs=1), MODEL, checkpoint_dir=tmp_path)
    with pytest.raises(FileFormatError, match="another training"):  # weights of other sizes, as of another encoder
        fit_aligner(training_set(), CONFIG, replace(MODEL, width=32), checkpoint_dir=tmp_path)


def test_bad_training_data():
    features, labels = drawn(40, 0)
    features[3, 0] = float("nan")
    with pytest.raises(DataError, match="not finite"):
        TrainingSet(features, labels, TEXTS)
    features, labels = drawn(40, 0)
    with pytest.raises(DataError, match="two images each"):
        TrainingSet(features, torch.zeros_like(labels), TEXTS)
    with pytest.raises(DataError, match="39 labels"):
        TrainingSet(features, labels[:-1], TEXTS)


def test_validation_has_every_class_and_no_training_item():
    labels = torch.tensor([0] * 10 + [1] * 4 + [2] * 2)
    training, validation = split_validation(labels, 0.25, seed=0)
    assert sorted(torch.cat([training, validation]).tolist()) == list(range(16))
    assert labels[validation].unique().tolist() == labels[training].unique().tolist() == [0, 1, 2]


def test_a_given_split_is_kept_to():
    data, config = training_set(60), replace(CONFIG, max_epochs=2)
    split = torch.arange(40), torch.arange(40, 60)
    result = fit_aligner(data, config, MODEL, split=split)
    assert (result.metrics["training_count"], result.metrics["validation_count"]) == (40, 20)
    moved = data.image_features.clone()
    moved[40:] += 5  # validation images leave no trace in what is fitted
    other = fit_aligner(replace(data, image_features=moved), replace(config, max_epochs=1), MODEL, split=split)
    assert torch.equal(other.aligner.class_centers, result.aligner.class_centers)
    assert torch.equal(other.aligner.image_scaler.mean, result.aligner.image_scaler.mean)


def test_phrasings_are_as_many_for_each_class_and_begin_with_its_name():
    phrasings = class_phrasings(("boot", "bag {x}"), {"boot": ("wellington",)})
    assert len(phrasings[0]) == len(phrasings[1])
    assert [texts[0] for texts in phrasings] == ["boot", "bag {x}"]
    assert "a photo of a wellington" in phrasings[0]


@pytest.fixture
def saved(trained, tmp_path):
    card = AlignerCard(
        "tiny", "A test.", "tiny-encoder", "0123456789abcdef", tuple("abcd"), "{}", MODEL, CONFIG,
        {"dataset": "drawn"}, trained.metrics, package_versions(),
    )  # fmt: skip
    features, labels = drawn(40, 1)
    data = TrainingSet(features, labels, TEXTS)
    reference = reference_features(trained.aligner, data, CONFIG)
    trained.aligner.save(tmp_path / "tiny", card, reference)
    return PretrainedAligner(trained.aligner, card, reference, tmp_path / "tiny")


def test_save_then_load_is_equal(saved):
    loaded = load_aligner(saved.folder)
    assert equal(loaded.aligner, saved.aligner)
    assert loaded.card == saved.card
    for name, value in vars(saved.reference).items():
        assert torch.equal(getattr(loaded.reference, name), value), name
    features, _ = drawn(3, 4)
    names, sampling = ["1", "2", "3"], SamplingConfig(num_inference_steps=4)
    one, other = (
        item.trace(features, TEXTS[:, 0], names, "abcd", sampling, item_seeds=[5, 6, 7]) for item in (saved, loaded)
    )
    np.testing.assert_array_equal(one.states, other.states)
    assert one.states.shape == (3, 2 * 4 + 3, DIM)
    assert one.hand_over == 5
    assert one.stages.tolist() == [0] + 5 * [1] + 5 * [2]


def test_damage_is_noticed(saved):
    weights = saved.folder / "aligner.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(FileFormatError, match="damaged"):
        load_aligner(saved.folder)
    weights.unlink()
    with pytest.raises(FileFormatError, match="incomplete"):
        load_aligner(saved.folder)


def test_other_versions_unknown_settings_and_missing_aligners(saved):
    values = read_json(saved.folder / "card.json")
    write_json(saved.folder / "card.json", values | {"version": 99})
    with pytest.raises(FileFormatError, match="version 99; this program reads version 1"):
        read_card(saved.folder)
    values["card"]["model"]["depth"] = 3
    write_json(saved.folder / "card.json", values)
    with pytest.raises(FileFormatError, match=r"the key card\.model\.depth is not allowed"):
        read_card(saved.folder)
    (saved.folder / "card.json").write_text("{")
    with pytest.raises(FileFormatError, match="JSON"):
        read_card(saved.folder)
    with pytest.raises(AlignerError, match="no aligner 'nowhere'"):
        load_aligner("nowhere")


def test_another_encoders_features_are_refused_by_name(saved):
    saved.check_encoder("tiny-encoder", "0123456789abcdef")
    with pytest.raises(FingerprintError, match=r"'tiny-encoder'.*'bundled'"):
        saved.check_encoder("bundled", "ffffffffffffffff")


def test_it_can_be_left_in_the_middle_of_an_epoch_and_takes_the_best_so_far_when_asked(trained, tmp_path):
    with pytest.raises(Stopped):
        fit_aligner(
            training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path,
            on_batch=lambda epoch, done, total: (epoch, done) == (4, 2),
        )  # fmt: skip
    history = read_history(tmp_path)
    assert len(history) == 3
    events = []
    best = fit_aligner(training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path, train_further=False)
    assert best.metrics["epochs"] == 3 and best.stopped
    assert best.metrics["best_epoch"] == best_epoch(history) + 1
    resumed = fit_aligner(training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path, on_epoch=events.append)
    assert equal(resumed.aligner, trained.aligner)
    assert [len(event.history) for event in events[:2]] == [4, 5]
    assert events[0].history[:3] == history  # those of before the stop too


def test_checkpoints_may_be_rare_but_the_last_epoch_has_one(tmp_path):
    counts = []
    fit_aligner(
        training_set(), CONFIG, MODEL, checkpoint_dir=tmp_path, checkpoint_seconds=1e6,
        on_epoch=lambda event: counts.append(len(read_history(tmp_path))),
    )  # fmt: skip
    assert counts == [1] * (len(counts) - 1) + [len(counts)]


def test_a_damaged_history_is_said(tmp_path):
    assert read_history(tmp_path) == ()
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"no checkpoint")
    with pytest.raises(FileFormatError, match="damaged"):
        read_history(tmp_path)
