"""The way through a GPU, on a stand-in for one: nothing is forgotten on either device, and the results are those of the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seda.aligner import WEIGHTS_FILE, Aligner, PretrainedAligner, load_aligner
from seda.benchmark import open_vocabulary, speed
from seda.benchmark.evaluate import evaluate_aligner
from seda.benchmark.open_vocabulary import NamingTask, name_pictures, refusals
from seda.config import ModelConfig, SamplingConfig
from seda.data.feature_set import FeatureSet
from seda.data.named_pictures import STAMP_GROUPS
from seda.diffusion import sampling as denoising
from seda.encoders.bundled import BundledEncoder
from seda.encoders.lite_network import EfficientNetLite
from seda.encoders.openclip import OpenClipEncoder
from seda.evaluation.alignment import recall_of_scores
from seda.images import NamedImage
from seda.journeys.seed_clouds import seed_cloud
from seda.journeys.tracing import Workbench, refit_journey, retrace, trace_images
from seda.projection import aligner_map, load_map
from seda.search import Gallery, search_scores
from tests.local_clip import LAYOUT, random_weights, write_model
from tests.stand_in_device import DEVICE, StandInDevice, StandInTensor, moved
from tests.tiny import picture

STEPS, COUNT, MAP = 3, 3, "pca-2d"
SAMPLINGS = {
    "ddim": SamplingConfig("ddim", STEPS),
    "ddim, eta .5": SamplingConfig("ddim", STEPS, eta=0.5),
    "ddpm": SamplingConfig("ddpm", STEPS, strength=1.0),
    "dpmsolver++": SamplingConfig("dpmsolver++", STEPS),
}
SAMPLING = SAMPLINGS["ddim"]
TOY = {"dim": 8, "image_dim": 8, "width": 8, "heads": 2, "blocks": 1, "prior_width": 8}
VARIANTS = {
    "bridge": {"path": "bridge"},
    "pairs": {"unit_features": True, "zero_shot": True},
    "no semantic space": {"semantic_space": False, "bank": False},
    "open vocabulary of unit texts": {"words": 9, "words_per_category": 2, "unit_features": True, "path": "bridge"},
    "fewer dimensions": {"dim": 6},
    "more dimensions": {"dim": 12},
}


@pytest.fixture(autouse=True, scope="module")
def made_with_memory():
    """What waits for its weights, an aligner or a network, is made on torch's own "meta" device, whose name the stand-in has."""

    def empty(folder, card, infos):
        return Aligner(card.model, *infos["reference.texts"].shape[:2])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seda.aligner._empty_aligner", empty)
        patch.setattr("seda.encoders.efficientnet.empty_network", lambda *size: EfficientNetLite(*size).eval())
        yield


@pytest.fixture(autouse=True)
def stand_in():
    with StandInDevice():
        yield


@pytest.fixture(params=[False, True], ids=["plain", "inference mode"])
def in_any_mode(request):
    with torch.inference_mode(request.param):
        yield


class KeptFeatures:
    """An encoder in name: it gives features that an aligner keeps, on the CPU as all encoders do."""

    description = "For tests."

    def __init__(self, aligner: PretrainedAligner) -> None:
        self.name, self.fingerprint = aligner.card.encoder, aligner.card.encoder_fingerprint
        self._pictures, self._texts = aligner.reference.fit_images, aligner.reference.texts.flatten(0, 1)
        self.image_dim, self.text_dim = self._pictures.shape[1], self._texts.shape[1]
        self._places: dict[str, int] = {}

    def encode_images(self, images: Sequence[object]) -> Tensor:
        return self._pictures[: len(images)]

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        places = [self._places.setdefault(text, len(self._places)) for text in texts]
        return self._texts[torch.tensor(places) % len(self._texts)]

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        return []

    @property
    def imagenet_head(self) -> tuple[Tensor, Tensor]:
        """As if each of a thousand names were that of a kept picture."""
        return self._pictures[torch.arange(1000) % len(self._pictures)], torch.zeros(1000)


@dataclass(frozen=True, eq=False)
class Twins:
    """One aligner on both devices, and what it is asked about.

    Attributes:
        here, there: on the CPU and on the device, with an encoder and a map.
        images: float32 [n, D] on the CPU, as from an encoder.
        texts: float32 [k, d] on the CPU.
        words: k of them.
    """

    here: Workbench
    there: Workbench
    images: Tensor
    texts: Tensor
    words: tuple[str, ...]

    @property
    def both(self) -> tuple[Workbench, Workbench]:
        return self.there, self.here

    @property
    def aligners(self) -> tuple[PretrainedAligner, PretrainedAligner]:
        return self.there.aligner, self.here.aligner


def _with_few_images(aligner: PretrainedAligner) -> PretrainedAligner:
    """Or the landmarks of a workbench would take seconds."""
    return replace(aligner, reference=replace(aligner.reference, fit_images=aligner.reference.fit_images[:6]))


@pytest.fixture(scope="module", params=["fashion-mnist", "open-vocabulary"])
def twins(request) -> Twins:
    with StandInDevice():
        here, there = (_with_few_images(load_aligner(request.param, way, check_maps=False)) for way in ("cpu", DEVICE))
    encoder, maps = KeptFeatures(here), {MAP: load_map(here.folder, MAP)}
    words = here.card.class_names[:4]
    images, texts = encoder.encode_images(range(COUNT)), encoder.encode_texts(words)
    return Twins(Workbench(here, encoder, maps), Workbench(there, encoder, maps), images, texts, words)


only_closed, only_open = (
    pytest.mark.parametrize("twins", [name], indirect=True) for name in ("fashion-mnist", "open-vocabulary")
)


def assert_same(found: object, expected: object) -> None:
    """Equal up to rounding, part by part; where the expected tensors are on the CPU, the found ones are on the device."""
    if isinstance(expected, Tensor):
        assert isinstance(found, StandInTensor) and expected.device.type == "cpu"
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)
    elif is_dataclass(expected):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, Mapping):
        assert list(found) == list(expected)
        assert_same(list(found.values()), list(expected.values()))
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


# The stand-in itself


def there(tensor: Tensor) -> Tensor:
    return tensor.to(DEVICE)


@pytest.mark.usefixtures("in_any_mode")
def test_tensors_go_there_and_come_back_as_copies():
    numbers = torch.arange(6.0).view(2, 3)
    for made in (numbers.to(DEVICE), numbers.to(str(DEVICE)), numbers.to(device=DEVICE, dtype=torch.float32)):
        assert isinstance(made, StandInTensor) and made.device == DEVICE and made.to(DEVICE) is made
        assert made.shape == (2, 3) and made.tolist() == numbers.tolist() and float(made.sum()) == 15
        made += 1
        for back in (made.cpu(), made.to("cpu"), made.to(numbers)):
            assert not isinstance(back, StandInTensor) and torch.equal(back, numbers + 1)
            back.zero_()
        assert made.tolist() == (numbers + 1).tolist()
    assert numbers.to(DEVICE, torch.int32).dtype == torch.int32
    assert torch.arange(3, device=DEVICE).tolist() == [0, 1, 2]
    assert there(numbers).new_zeros(2).device == torch.ones_like(there(numbers)).device == DEVICE


@pytest.mark.usefixtures("in_any_mode")
def test_views_there_are_written_through():
    table = there(torch.zeros(2, 3))
    table[:, 0] = there(torch.ones(2))
    table[1].view(3)[2:].fill_(5)
    table.T[1].copy_(torch.tensor([7.0, 8]))
    assert table.tolist() == [[1, 7, 0], [1, 8, 5]]


MIXED = {
    "add": lambda a, b: a + b,
    "in place": lambda a, b: a.clone().add_(b),
    "product": lambda a, b: a @ b,
    "einsum": lambda a, b: torch.einsum("nd,kd->nk", a, b),
    "linear": nn.functional.linear,
    "distance": torch.cdist,
    "cat": lambda a, b: torch.cat([a, b]),
    "stack": lambda a, b: torch.stack([a, b]),
    "stack of scalars": lambda a, b: torch.stack([a.sum(), b.sum()]),
    "where": lambda a, b: torch.where(a > 0, a, b),
    "where, condition": lambda a, b: torch.where(b > 0, a, a),
    "index of rows": lambda a, b: a.index_select(0, b[0].long()),
    "gather": lambda a, b: a.gather(0, b.long()),
    "less": lambda a, b: a < b,
    "equal": torch.equal,
}


@pytest.mark.usefixtures("in_any_mode")
@pytest.mark.parametrize("operation", MIXED.values(), ids=MIXED)
def test_tensors_of_both_devices_are_refused_and_those_of_one_are_not(operation):
    a, b = torch.eye(2), torch.ones(2, 2) - torch.eye(2)
    for pair in ((there(a), b), (a, there(b))):
        with pytest.raises(RuntimeError, match="on the same device"):
            operation(*pair)
    assert_same(operation(there(a), there(b)), operation(a, b))


@pytest.mark.usefixtures("in_any_mode")
def test_what_torch_lets_mix_may_mix():
    table = torch.arange(6.0).view(2, 3)
    rows, mask = torch.tensor([1, 0]), table > 2
    assert_same(there(table) * torch.tensor(2.0), table * 2)
    assert_same(torch.tensor(2.0) * there(table), table * 2)
    assert_same(there(table)[rows], table[rows])
    assert_same(there(table)[mask], table[mask])
    assert_same(there(table)[[1, 0]], table[[1, 0]])
    assert_same(there(table)[:, [2]], table[:, [2]])
    assert_same(there(table)[torch.tensor(1)], table[1])
    assert_same(there(table)[there(rows)], table[rows])
    assert table[there(torch.tensor(1))].tolist() == [3, 4, 5]
    changed = there(table)
    changed[rows] = there(table)
    changed[mask] = torch.tensor(9.0)
    assert changed.tolist() == [[3, 4, 5], [9, 9, 9]]
    assert torch.zeros(2, 3).copy_(changed).tolist() == changed.tolist()


REFUSED = {
    "an index there": (RuntimeError, lambda: torch.ones(3)[there(torch.tensor([1]))]),
    "a mask there": (RuntimeError, lambda: torch.ones(3)[there(torch.tensor([True, True, False]))]),
    "a value here": (RuntimeError, lambda: there(torch.ones(3)).index_put_((torch.tensor([1, 2]),), torch.ones(2))),
    "a scalar here written": (RuntimeError, lambda: torch.tensor(1.0).add_(there(torch.tensor(1.0)))),
    "numpy": (TypeError, lambda: there(torch.ones(3)).numpy()),
    "an array": (TypeError, lambda: np.asarray(there(torch.ones(3)))),
    "numpy's function": (TypeError, lambda: np.exp(there(torch.ones(3)))),
    "double": (TypeError, lambda: there(torch.ones(3)).double()),
    "64 bits moved": (TypeError, lambda: there(torch.ones(3, dtype=torch.float64))),
    "64 bits of numpy": (TypeError, lambda: there(torch.from_numpy(np.ones(3)))),
    "64 bits made": (TypeError, lambda: torch.zeros(3, dtype=torch.float64, device=DEVICE)),
    "a generator": (RuntimeError, lambda: torch.randn(3, generator=torch.Generator(), device=DEVICE)),
    "a generator in place": (RuntimeError, lambda: there(torch.ones(3)).normal_(generator=torch.Generator())),
    "no data": (RuntimeError, lambda: torch.tensor([1.0], device=DEVICE) + 1),
}


@pytest.mark.usefixtures("in_any_mode")
@pytest.mark.parametrize(("error", "operation"), REFUSED.values(), ids=REFUSED)
def test_what_a_gpu_would_refuse_is_refused(error, operation):
    with pytest.raises(error, match=rf"\b{DEVICE}\b"):
        operation()


def test_a_module_is_moved_whole_and_its_original_stays():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    copy, numbers = moved(module), torch.arange(6.0).view(2, 3)
    assert all(isinstance(value, StandInTensor) for value in copy.state_dict().values())
    assert not any(isinstance(value, StandInTensor) for value in module.state_dict().values())
    assert_same(copy(there(numbers)), module(numbers))
    with pytest.raises(RuntimeError, match="on the same device"):
        copy(numbers)


# Aligners on it


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_both_stages_walk_as_on_the_cpu(twins, sampling):
    found, expected = (one.aligner.align(twins.images, twins.texts, sampling) for one in twins.aligners)
    assert_same(found, expected)
    assert_same(found.nearest_text(-1), expected.nearest_text(-1))
    assert twins.there.aligner.hints(found) == twins.here.aligner.hints(expected)


def test_a_long_path_stays_on_the_device(twins, monkeypatch):
    monkeypatch.setattr(denoising, "LARGE_PAGE", 64)
    assert_same(*(one.aligner.align(twins.images, twins.texts, SAMPLING) for one in twins.aligners))


@pytest.mark.parametrize("left", ["image_scaler.mean", "learner.alphas_cumprod", "translator.bank_in.weight"])
def test_one_tensor_left_on_the_cpu_is_noticed(twins, left, monkeypatch):
    aligner = twins.there.aligner.aligner
    if aligner.translator.learned is not None:  # which walks in the closed form's place
        left = left.replace("translator.bank_in", "translator.learned.bank_in")
    path, name = left.rsplit(".", 1)
    module = aligner.get_submodule(path)
    kept = module._parameters if name in module._parameters else module._buffers
    monkeypatch.setitem(kept, name, kept[name].cpu())
    with pytest.raises(RuntimeError, match="on the same device"):
        aligner.align(twins.images, twins.texts, SAMPLING)


def test_the_answer_alone_is_that_of_the_cpu_for_features_on_either_device(twins):
    found, expected = (one.aligner.classify(twins.images, twins.texts, SAMPLING) for one in twins.aligners)
    assert_same(found, expected)
    assert_same(twins.there.aligner.aligner.classify(there(twins.images), there(twins.texts), SAMPLING), expected)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_every_kind_of_aligner_walks_as_on_the_cpu(changes):
    generator, categories = torch.Generator().manual_seed(0), 5
    aligner = Aligner(ModelConfig(**{**TOY, **changes}), categories, phrasings=2).eval().requires_grad_(False)
    for value in aligner.state_dict().values():
        if value.ndim and value.is_floating_point():  # scalars have a meaning, and integers are indices
            value.normal_(generator=generator)
    config = aligner.config
    images, texts = (torch.randn(4, width, generator=generator) for width in (config.image_dim, config.dim))
    for eta in (0.0, 0.5):
        way = SamplingConfig("ddim", STEPS, eta=eta)
        assert_same(moved(aligner).align(images, texts, way), aligner.align(images, texts, way))


def test_a_trajectory_and_its_hints_are_those_of_the_cpu(twins):
    def trace(one, images, texts):
        return one.trace(images, texts, [f"{index}" for index in range(len(images))], twins.words, SAMPLING)

    expected = trace(twins.here.aligner, twins.images, twins.texts)
    assert_same(trace(twins.there.aligner, twins.images, twins.texts), expected)
    assert_same(trace(twins.there.aligner, there(twins.images), there(twins.texts)), expected)
    assert any(expected.hints) == expected.open_vocabulary


def test_a_search_scores_as_on_the_cpu(twins):
    names = tuple(map(str, range(COUNT)))
    gallery = Gallery(names, ("",) * COUNT, twins.images, tuple(range(COUNT)))
    assert_same(*(search_scores(gallery, twins.words, one) for one in twins.both))


@pytest.mark.slow
def test_journeys_and_seed_clouds_are_those_of_the_cpu(twins):
    images = [NamedImage(f"{index}", picture(index, 0)) for index in range(COUNT)]
    first = [trace_images(images, twins.words, one, SAMPLING) for one in twins.both]
    again = [retrace(journey, twins.words[:3], one, SAMPLING) for journey, one in zip(first, twins.both, strict=True)]
    for found, expected in (first, again):
        assert_same(found.trajectory, expected.trajectory)
        for part in ("states", "texts", "centers", "reference"):
            assert_same(getattr(found.maps["words-2d"], part), getattr(expected.maps["words-2d"], part))
        assert_same(found.reference_labels, expected.reference_labels)
        assert_same(found.neighbors.similarities, expected.neighbors.similarities)
    assert_same(*(seed_cloud(journey, 1, one, count=2) for journey, one in zip(first, twins.both, strict=True)))
    # neither principal axes nor the plane of the words are refitted, but everything is made ready
    assert_same(
        *(refit_journey(journey, one).maps["words-2d"].states for journey, one in zip(first, twins.both, strict=True))
    )
    # replays go from one computer to another
    assert_same(seed_cloud(first[1], 1, twins.there, count=2), seed_cloud(first[1], 1, twins.here, count=2))


def test_an_evaluation_finds_the_figures_of_the_cpu(twins):
    card, count = twins.here.aligner.card, 6
    features = FeatureSet(
        twins.here.aligner.reference.fit_images[:count].numpy(), np.arange(count) % len(twins.words), twins.words,
        "test", card.encoder_fingerprint, "data",
    )  # fmt: skip
    assert_same(*(evaluate_aligner(one.aligner, one.encoder, features, SAMPLING) for one in twins.both))


@only_open
def test_pictures_are_named_as_on_the_cpu_by_the_aligner_and_beside_it(twins, monkeypatch):
    count, texts = 6, 12
    task = NamingTask(
        "a task", twins.here.aligner.reference.fit_images[:count].numpy(),
        twins.here.aligner.reference.texts[:texts, 0].numpy(), np.arange(count), np.arange(count) % 2 == 1,
    )  # fmt: skip
    scores = []

    def watched(found, *rest):
        scores.append(found)
        return recall_of_scores(found, *rest)

    monkeypatch.setattr(open_vocabulary, "naming_tasks", lambda *_: [task])
    monkeypatch.setattr(open_vocabulary, "recall_of_scores", watched)
    found, expected = (name_pictures(one.aligner, one.encoder) for one in twins.both)
    assert_same(found, expected)
    assert {"seda", "ridge from pairs"} < {row.method for row in found}
    assert len(scores) == 4 * len(found)  # of each method on both devices, for recall@1 and @10
    assert_same(scores[: len(scores) // 2], scores[len(scores) // 2 :])


@pytest.mark.slow
@only_open
def test_none_of_these_is_said_as_often_as_on_the_cpu(twins, monkeypatch):
    images, width = twins.here.aligner.reference.fit_images, twins.here.aligner.reference.texts.shape[-1]
    rng, count = np.random.default_rng(0), 4 * len(images)
    photos = FeatureSet(
        images.repeat(4, 1).numpy(), np.arange(count) % len(STAMP_GROUPS),
        tuple(STAMP_GROUPS.values()), "test", "e" * 16, "d" * 16, rng.normal(size=(count, width)).astype(np.float32),
    )  # fmt: skip
    monkeypatch.setattr(open_vocabulary, "find_features", lambda *_: photos)
    found, expected = (refusals(one.aligner, one.encoder) for one in twins.both)
    assert_same(found, expected)
    assert [row.right for row in found] == [row.right for row in expected] and found[0].right == 2 * count


def test_an_aligner_is_saved_from_there_as_from_here(twins, tmp_path):
    for name, one in zip(("there", "here"), twins.aligners, strict=True):
        one.aligner.save(tmp_path / name, one.card, one.reference)
    assert (tmp_path / "there" / WEIGHTS_FILE).read_bytes() == (tmp_path / "here" / WEIGHTS_FILE).read_bytes()
    assert twins.there.aligner.fingerprint == twins.here.aligner.fingerprint


def test_what_maps_are_fitted_to_is_that_of_the_cpu(twins, monkeypatch):
    monkeypatch.setattr(aligner_map, "FIT_SAMPLINGS", (SAMPLING,))
    monkeypatch.setattr(aligner_map, "SCORE_SAMPLING", SAMPLINGS["ddpm"])
    monkeypatch.setattr(aligner_map, "identical", lambda _: True)  # no neighbour graph
    parts = {"texts": 10, "fit_images": 4, "held_out_images": 2}
    few = (
        replace(one, reference=replace(one.reference, **{k: getattr(one.reference, k)[:n] for k, n in parts.items()}))
        for one in twins.aligners
    )
    assert_same(*map(aligner_map.aligner_material, few))


@only_closed
def test_its_speed_can_be_measured_there(twins, monkeypatch):
    small = {"ALIGNED": (2,), "STEPS": (1,), "MIN_ROUNDS": 2, "TRAINED": 24, "TRAINED_EPOCHS": 1, "TRAINED_CLASSES": 3}
    for name, value in small.items():
        monkeypatch.setattr(speed, name, value)
    aligner, bench = twins.there.aligner, twins.there
    few = replace(aligner, reference=replace(aligner.reference, texts=aligner.reference.texts[:3]))
    tasks = speed.aligner_tasks(few, bench.encoder, bench.maps[MAP], str(DEVICE))
    assert speed.measure_speed(tasks, names=["align-2x2x1"], seconds=0)[0].device == str(DEVICE)
    (training,) = (task for task in tasks if task.name.startswith("train"))
    assert training.device == "cpu"
    training.prepare()()


# Encoders on it


def test_the_bundled_encoder_sees_as_on_the_cpu():
    pictures = [picture(label, 0).crop((0, 0, 96, 60)) for label in range(2)]
    found, expected = (BundledEncoder(name, "whole").encode_images(pictures) for name in (str(DEVICE), "cpu"))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_model_of_open_clip_sees_and_reads_as_on_the_cpu(tmp_path):
    folder = write_model(tmp_path / "pair", LAYOUT, random_weights(LAYOUT))
    found, expected = (OpenClipEncoder(f"local-dir:{folder}", name) for name in (str(DEVICE), "cpu"))
    assert found.fingerprint == expected.fingerprint
    pictures, texts = [picture(0, 0), picture(1, 0)], ["a red square", "a disc"]
    torch.testing.assert_close(found.encode_images(pictures), expected.encode_images(pictures), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.encode_texts(texts), expected.encode_texts(texts), rtol=1e-3, atol=1e-3)
