"""The public interface: what `import seda` offers, and that it is what app and command line do."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import seda
from seda.errors import ConfigError, DataError, ImageError, SedaError
from seda.images import read_images
from seda.journeys.tracing import Workbench, load_workbench, trace_images
from seda.recorders import EpochRecorder, LayerRecorder, StepRecorder, record_flow
from tests.tiny import CLASSES, picture

RNG = np.random.default_rng(0)
STEPS = {"num_inference_steps": 4}


@pytest.fixture(scope="module")
def aligner(aligner_dir) -> Workbench:
    return seda.load_aligner(aligner_dir, "cpu")


def test_the_public_surface_is_documented_and_light():
    assert seda.__all__ == ["Journey", "SamplingConfig", "compare", "journey", "load_aligner", "open_journey", "trace"]
    assert set(seda.__all__) <= set(dir(seda))
    for name in seda.__all__:
        public = getattr(seda, name)
        assert public.__doc__ and len(public.__doc__) > 60, name
        if inspect.isfunction(public):
            hints = inspect.signature(public)
            assert hints.return_annotation is not inspect.Signature.empty, name
            assert all(one.annotation is not inspect.Parameter.empty for one in hints.parameters.values()), name
    with pytest.raises(AttributeError, match="it has Journey"):
        _ = seda.nothing
    code = "import sys, seda; assert not {'torch', 'numpy', 'streamlit', 'pandas'} & set(sys.modules); seda.Journey; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_pictures_in_every_form_take_the_same_path(aligner, pictures):
    files = sorted(pictures.glob("*.png"))
    images, _ = read_images((file.name, file) for file in files)
    wanted = trace_images(images, CLASSES, aligner, seda.SamplingConfig(**STEPS)).trajectory.states
    given = [str(pictures), files, [file.read_bytes() for file in files], [Image.open(file) for file in files], images]
    for one in given:
        journey = seda.trace(one, ", ".join(CLASSES), aligner=aligner, sampling=STEPS)
        assert np.array_equal(journey.trajectory.states, wanted)
    alone = seda.trace(files[0], list(CLASSES), aligner=str(aligner.aligner.folder), sampling=STEPS)
    assert np.allclose(alone.trajectory.states[0], wanted[0], atol=1e-4)


def test_features_travel_as_their_pictures_answer(aligner, pictures):
    traced = seda.trace(
        str(pictures), CLASSES, aligner=aligner, sampling=STEPS, labels=[*CLASSES, "", CLASSES[0], "what"]
    )
    features = traced.trajectory.image_features
    for given in (features, torch.from_numpy(features), features.astype(np.float64)):
        again = seda.trace(given, CLASSES, aligner=aligner, sampling=STEPS, item_names=list("abcdef"))
        assert np.array_equal(again.trajectory.answers, traced.trajectory.answers)
        assert np.allclose(again.trajectory.class_probabilities, traced.trajectory.class_probabilities, atol=1e-5)
        assert again.trajectory.item_names == tuple("abcdef")
    assert traced.labels.tolist() == [0, 1, 2, -1, 0, -1]


def test_a_text_of_a_sequence_may_hold_a_comma(aligner):
    words = ["a square, red", "a disc"]
    assert seda.trace([picture(0, 1)], words, aligner=aligner, sampling=STEPS).trajectory.class_names == tuple(words)
    assert (
        len(seda.trace([picture(0, 1)], ", ".join(words), aligner=aligner, sampling=STEPS).trajectory.class_names) == 3
    )


@pytest.mark.parametrize(
    ("call", "error", "part"),
    [
        (lambda aligner: seda.trace([3], CLASSES, aligner=aligner), ImageError, "Item 0 is int"),
        (lambda aligner: seda.trace(np.ones((2, 3, 4)), CLASSES, aligner=aligner), DataError, "seda.journey"),
        (lambda aligner: seda.trace(np.ones((2, 3)), CLASSES, aligner=aligner), SedaError, ""),
        (lambda aligner: seda.trace(np.full((2, 3), np.nan), CLASSES, aligner=aligner), DataError, "Row 0"),
        (lambda aligner: seda.trace([picture(0, 1)], CLASSES, aligner=aligner, labels=["a", "b"]), DataError, "2 labels came for 1"),
        (lambda aligner: seda.trace([picture(0, 1)], CLASSES, aligner=aligner, item_names=["a", "b"]), DataError, "2 item_names"),
        (lambda aligner: seda.trace([picture(0, 1)], [], aligner=aligner), SedaError, ""),
        (lambda aligner: seda.trace([picture(0, 1)], CLASSES, aligner=aligner, sampling={"steps": 3}), ConfigError, "steps"),
        (lambda aligner: seda.load_aligner("nowhere"), SedaError, "nowhere"),
        (lambda aligner: seda.trace("/nowhere.png", CLASSES, aligner=aligner), DataError, "does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_a_sentence(aligner, call, error, part):
    with pytest.raises(error) as caught:
        call(aligner)
    assert part in str(caught.value)


def test_the_app_and_the_command_line_load_and_trace_by_the_same(aligner_dir):
    from seda.commands.shared import loading
    from seda.ui.trajectories import runs

    for module, names in {
        loading: ("load_workbench",),
        runs: ("trace_images", "retrace", "journey_of_content"),
    }.items():
        source = inspect.getsource(module)
        assert all(name in source for name in names)
    assert (
        inspect.getsource(seda.load_aligner).count("load_workbench") == 2
        and load_workbench.__module__ == "seda.journeys.tracing"
    )


def test_two_runs_of_one_aligner_are_compared(aligner, pictures):
    before, now = (
        seda.trace(str(pictures), CLASSES, aligner=aligner, sampling={**STEPS, "seed": seed}) for seed in (0, 1)
    )
    both = seda.compare(now, before)
    assert both.ghost.changes == ("seed 0 → 1 (other noise)",) and len(both.ghost.items) == 6
    with pytest.raises(ConfigError, match="nothing differs"):
        seda.compare(now, now)
    with pytest.raises(ConfigError, match="no space in common"):
        seda.compare(now, seda.journey(np.ones((1, 2, 2))))


def test_two_journeys_of_others_are_compared_on_common_maps():
    states, texts = RNG.normal(size=(5, 8, 4)), {"a": RNG.normal(size=4), "b": RNG.normal(size=4)}
    made = {"texts": texts, "maps": ["pca-2d"], "stages": [("u", 3), ("v", 4)]}
    now = seda.journey(states, item_names=list("vwxyz"), **made)
    before = seda.journey(states[[4, 0, 1]] + 0.5, item_names=["z", "v", "new"], **made)
    both = seda.compare(now, before)
    assert both.ghost.items.tolist() == [0, 4]
    assert np.allclose(both.ghost.differences, np.linalg.norm([0.5] * 4) / now.trajectory.feature_norm, atol=1e-5)
    assert both.maps["pca-2d"].states.shape == (5, 8, 2) and both.ghost.states["pca-2d"].shape == (2, 8, 2)
    assert "Dashed" not in both.to_html() and '"ghost":{' in both.to_html()
    for wrong, part in (
        (seda.journey(states, item_names=list("abcde"), **made), "No name of an item"),
        (seda.journey(states[:, :, :3], item_names=list("vwxyz"), maps=["pca-2d"]), "4 and 3 numbers"),
        (
            seda.journey(states, item_names=list("vwxyz"), maps=["pca-2d"], stages=[("u", 3), ("v", 4)]),
            "no class texts",
        ),
    ):
        with pytest.raises(ConfigError, match=part):
            seda.compare(now, wrong)


def test_a_journey_is_taken_away(tmp_path):
    journey = seda.journey(RNG.normal(size=(3, 4, 2)), labels=["a", "b", "a"])
    assert journey.to_html(tmp_path / "a.html") == (tmp_path / "a.html").read_text(encoding="utf-8")
    table = journey.to_pandas()
    assert repr(journey) == "Journey: 3 items, 0 class texts, steps 0 to 3, maps given-2d"
    assert len(table) == 12 and table["group"].tolist()[::4] == ["a", "b", "a"] and "nearest_class" not in table


# ---- recorders


def test_steps_are_kept_as_diffusers_hands_them_over():
    recorder = StepRecorder()
    for step, timestep in enumerate((9, 5, 1)):
        tensors = {"latents": torch.full((2, 3, 4), float(step))}
        assert recorder(None, step, timestep, tensors) is tensors
    assert recorder.states().shape == (2, 3, 12) and recorder.timesteps == [9, 5, 1] and len(recorder) == 3
    assert recorder.states()[0, :, 0].tolist() == [0, 1, 2]
    with pytest.raises(SedaError, match="the first had"):
        recorder(np.ones((2, 5)))
    with pytest.raises(SedaError, match="Nothing was recorded"):
        StepRecorder().states()
    halved = StepRecorder(lambda state: state[:, :2])
    halved(np.ones((4, 6)))
    assert halved.states().shape == (4, 1, 2)


def test_layers_are_kept_while_they_are_watched():
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 5))
    points = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    with LayerRecorder(network, lambda made: made) as recorder:
        network(points[:4])
        network(points[4:])
    network(points)  # is not watched any more
    states = recorder.states()
    assert states.shape == (7, 3, 5) and np.allclose(states[:, 2], network(points).detach().numpy(), atol=1e-6)
    with pytest.raises(SedaError, match="Layer 0 has made nothing"):
        LayerRecorder(network, lambda made: made).states()


def test_epochs_are_kept_without_gradients():
    layer = torch.nn.Linear(2, 3)
    recorder = EpochRecorder(lambda: layer(torch.ones(4, 2)))
    recorder.record()
    with torch.no_grad():
        layer.bias += 1
    recorder.record()
    states = recorder.states()
    assert states.shape == (4, 2, 3) and np.allclose(states[:, 1] - states[:, 0], 1, atol=1e-6) and len(recorder) == 2


def test_a_flow_is_followed():
    start = RNG.normal(size=(3, 2)).astype(np.float32)
    states = record_flow(lambda x, t: -x, start, [0.0, 0.5, 1.0])
    assert states.dtype == np.float32 and np.allclose(states, start[:, None] * np.exp([[0], [-0.5], [-1]]), atol=1e-4)
    with pytest.raises(SedaError, match="two times"):
        record_flow(lambda x, t: x, start, [0.0])
    with pytest.raises(SedaError, match=r"velocity gives \[3, 1\] at points of \[3, 2\]"):
        record_flow(lambda x, t: x[:, :1], start, [0.0, 1.0])


def test_a_flow_of_tensors_is_asked_for_tensors_without_gradients():
    layer, asked = torch.nn.Linear(2, 2), []

    def velocity(x, t):
        asked.append((type(x), x.dtype, torch.is_grad_enabled()))
        return layer(x)

    start = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    states = record_flow(velocity, start, np.linspace(0, 1, 4))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    assert np.allclose(
        states, record_flow(lambda x, t: x @ weight.T + bias, start.numpy(), np.linspace(0, 1, 4)), atol=1e-4
    )
    assert set(asked) == {(torch.Tensor, torch.float32, False)}


def test_layers_of_different_widths_are_given_one_by_one():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 6, 1), torch.nn.Flatten(2))
    with LayerRecorder(network, lambda made: made.flatten(2).mean(2)) as recorder:
        network(torch.ones(2, 3, 5, 5))
        network(torch.ones(1, 3, 5, 5))
    assert [layer.shape for layer in recorder.layers()] == [(3, 4), (3, 6), (3, 6)]
    with pytest.raises(SedaError, match="`layers\\(\\)`"):
        recorder.states()
    with LayerRecorder(network[:1], lambda made: made) as recorder:  # nothing was pooled
        network(torch.ones(2, 3, 5, 5))
    with pytest.raises(SedaError, match=r"\[2, 4, 5, 5\]"):
        recorder.states()
