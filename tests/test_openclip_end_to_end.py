"""From a checkpoint of open_clip on disk to trained aligners, answers and journeys, by the commands that a user types."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from seda.card import read_card
from seda.cli import ANSWERED, WRONG_CALL, main
from seda.encoders import load_encoder
from seda.errors import FingerprintError
from seda.journeys.journey import Journey
from seda.journeys.tracing import Workbench
from seda.map_forms import OF_WORDS
from seda.projection import aligner_map
from seda.projection.fit import MapConfig
from seda.training import words_alone
from seda.ui.aligner.card import _command
from tests.local_clip import LAYOUT, NAMES, drawn, image_folder, random_weights, write_clip, write_model

SHOWN = ("red circle", "red square", "blue ring", "green cross", "yellow triangle", "black stripe")
SHOTS, HELD_OUT = range(12), range(5_000, 5_010)  # seeds of drawn pictures
normalize = torch.nn.functional.normalize

pytestmark = pytest.mark.slow  # the small CLIP has to be trained first


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory):
    """A cache of its own, and maps that need neither a neighbour graph nor steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEDA_CACHE", str(tmp_path_factory.mktemp("cache")))
        # the principal axes, for training on pictures and for words alone
        patch.setattr(aligner_map, "MapConfig", partial(MapConfig, steps=0))
        patch.setattr(MapConfig, "for_pictures", classmethod(lambda cls, count: cls(steps=0)))
        patch.setattr(words_alone, "FIT_PATHS", 12)
        patch.setattr(words_alone, "SCORED_PATHS", 12)
        patch.setattr(aligner_map, "FIT_SAMPLINGS", aligner_map.FIT_SAMPLINGS[:1])
        patch.setattr(aligner_map, "identical", lambda _: True)  # no neighbour graph
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Name of an encoder that is a real pair."""
    return f"open_clip:local-dir:{write_clip(tmp_path_factory.mktemp('clip') / 'pair')}"


@pytest.fixture(scope="module")
def held_out(tmp_path_factory) -> Path:
    """Pictures that nothing was trained on, one sub-folder a name."""
    return image_folder(tmp_path_factory.mktemp("held out"), SHOWN, HELD_OUT)


@pytest.fixture(scope="module")
def trained(clip, tmp_path_factory) -> Path:
    """An aligner that was trained on pictures by the command."""
    folder = tmp_path_factory.mktemp("trained")
    image_folder(folder / "data" / "train", SHOWN, SHOTS)
    image_folder(folder / "data" / "test", SHOWN, range(100, 104))
    call = ["train", "--encoder", clip, "--dataset", f"folder:{folder / 'data'}", "--out", str(folder / "few")]
    assert main([*call, "--epochs", "6", "--device", "cpu"]) == ANSWERED
    return folder / "few"


@pytest.fixture(scope="module")
def from_words(clip, tmp_path_factory) -> Path:
    """An aligner of words alone, by the command."""
    folder = tmp_path_factory.mktemp("words")
    image_folder(folder / "unlabelled", NAMES, range(9_000, 9_002))
    call = ["pretrain", "open-vocabulary", "--encoder", clip, "--out", str(folder / "any"), "--device", "cpu"]
    assert main([*call, "--words", ", ".join(NAMES), "--pictures", str(folder / "unlabelled")]) == ANSWERED
    return folder / "any"


def answer(capsys, *call):
    capsys.readouterr()
    assert main([*map(str, call), "--device", "cpu"]) == ANSWERED
    return json.loads(capsys.readouterr().out)


def accuracy(capsys, aligner, pictures, names):
    """Of `classify` on a folder with one sub-folder a name."""
    rows = answer(capsys, "classify", pictures, "--classes", ", ".join(names), "--aligner", aligner, "--json")
    return np.mean([row["classes"][0]["name"] == Path(row["path"]).parent.name for row in rows])


def test_the_small_clip_is_a_real_pair_with_a_gap(clip):
    encoder = load_encoder(clip)
    pictures = normalize(encoder.encode_images([drawn(name, 5_000) for name in NAMES]), dim=1)
    texts = normalize(encoder.encode_texts([f"a photo of a {name}" for name in NAMES]), dim=1)
    cosines = pictures @ texts.T
    right = (cosines.argmax(1) == torch.arange(len(NAMES))).float().mean()
    assert right > 0.35 and (pictures.mean(0) - texts.mean(0)).norm() > 0.1  # chance is .02
    assert encoder.logit_scale > 1 / 0.07  # it has learnt to be surer than at the start


def test_train_on_pictures_and_name_others(capsys, trained, held_out):
    assert accuracy(capsys, trained, held_out, SHOWN) > 0.7  # chance is 1/6
    figures = answer(capsys, "evaluate", "--aligner", trained, "--json")
    assert figures["split"] == "test" and figures["count"] == 24 and figures["top1_accuracy"] > 0.7


@pytest.mark.parametrize("which", ["trained", "from_words"])
def test_journeys_of_both_aligners(request, capsys, tmp_path, held_out, which):
    aligner = request.getfixturevalue(which)
    pictures = [str(held_out / name / "5000.png") for name in SHOWN]
    call = ["trace", *pictures, "--classes", ", ".join(SHOWN), "--aligner", str(aligner), "--device", "cpu"]
    for name in ("journey.html", "journey.safetensors"):
        assert main([*call, "--out", str(tmp_path / name)]) == ANSWERED
    assert "red circle" in (tmp_path / "journey.html").read_text()
    journey = Journey.load(tmp_path / "journey.safetensors")
    drawn = {name for name in aligner_map.FITTED_ALWAYS if not name.startswith("pca")} | set(OF_WORDS)
    assert set(journey.maps) == drawn and np.isfinite(journey.trajectory.states).all()
    assert journey.trajectory.open_vocabulary == (which == "from_words")
    ends = journey.trajectory.states[:, -1] @ journey.trajectory.class_text_features.T
    agree = ends.argmax(1) == journey.trajectory.class_probabilities.argmax(1)
    assert agree.mean() >= 0.5  # a run is drawn, but most often ends where the answer is


def test_features_of_another_encoder_are_refused(trained, clip, tmp_path):
    from seda.aligner import load_aligner

    other = f"open_clip:local-dir:{write_model(tmp_path / 'random', LAYOUT, random_weights(LAYOUT))}"
    with pytest.raises(FingerprintError) as said:
        Workbench(load_aligner(trained), load_encoder(other), {})
    assert clip in str(said.value) and other in str(said.value)


def test_words_alone_name_pictures_as_well_as_zero_shot(capsys, clip, from_words, tmp_path):
    encoder = load_encoder(clip)
    pictures = encoder.encode_images([drawn(name, seed) for name in NAMES for seed in HELD_OUT])
    texts = encoder.encode_texts([read_card(from_words).template.replace("{}", name) for name in NAMES])
    labels = torch.arange(len(NAMES)).repeat_interleave(len(HELD_OUT))
    zero_shot = ((normalize(pictures, dim=1) @ normalize(texts, dim=1).T).argmax(1) == labels).float().mean()
    seda = accuracy(capsys, from_words, image_folder(tmp_path / "all", NAMES, HELD_OUT), NAMES)
    assert seda >= float(zero_shot) - 0.02
    unseen = accuracy(capsys, from_words, image_folder(tmp_path / "some", SHOWN, HELD_OUT), SHOWN)
    assert unseen > 0.6  # of six; chance is .17


def test_what_an_aligner_of_words_alone_says_and_does(capsys, clip, from_words, held_out):
    card = read_card(from_words)
    assert "96 unlabelled pictures measured the modality gap" in card.description and clip in card.description
    assert card.first_classes == NAMES and len(card.class_names) == 998 + len(NAMES)
    assert _command(card).startswith(f"python -m seda pretrain open-vocabulary --encoder {clip} --words @FILE")
    assert not (from_words / "reference-pictures.safetensors").exists()
    assert main(["evaluate", "--aligner", str(from_words)]) == WRONG_CALL
    said = capsys.readouterr().err
    assert "made of words alone" in said and "--dataset folder:DIR" in said
    figures = answer(capsys, "evaluate", "--aligner", from_words, "--dataset", f"folder:{held_out}", "--json")
    assert figures["top1_accuracy"] > 0.5  # chance is 1/6
    found = answer(capsys, "search", "--query", "red circle", held_out, "--aligner", from_words, "--json")
    assert found["after"][0]["label"].startswith("red ") and found["words"] > 1_000


def test_words_come_from_a_file_and_wrong_calls_are_said(capsys, clip, tmp_path):
    (tmp_path / "words.txt").write_text("red circle\nblue ring, thin\n")
    call = ["pretrain", "open-vocabulary", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main([*call, "--encoder", clip, "--words", f"@{tmp_path / 'words.txt'}"]) == ANSWERED
    card = read_card(tmp_path / "out")
    assert (
        card.data["words_alone"] == ["red circle", "blue ring", "thin"] and "76 unlabelled sample" in card.description
    )
    assert _command(card).endswith("--words 'red circle, blue ring, thin' --out FOLDER")
    capsys.readouterr()
    for options, message in (
        (["--encoder", clip, "--words", "@none.txt"], "none.txt cannot be read"),
        (["--words", "cat"], "--words and --pictures are for encoders of one space"),
        (["--encoder", "bundled"], "lie in two spaces"),
        (["--encoder", clip, "--pictures", str(tmp_path / "none")], "0 pictures came"),
    ):
        assert main([*call, *options]) == WRONG_CALL
        assert message in capsys.readouterr().err


def test_a_stock_architecture_from_a_file(tmp_path):
    """The smallest of open_clip's, with random weights and its configuration beside it."""
    name = "ViT-S-32-alt"
    layout = open_clip.get_model_config(name)
    write_model(tmp_path, layout, random_weights(layout))
    weights = tmp_path / "open_clip_model.safetensors"
    by_file, by_folder = (load_encoder(f"open_clip:{way}") for way in (f"{name}@{weights}", f"local-dir:{tmp_path}"))
    texts = ["a photo of a red circle", "a blue ring"]
    torch.testing.assert_close(by_file.encode_texts(texts), by_folder.encode_texts(texts))
    assert by_file.encode_images([drawn("red circle", 0)]).shape == (1, layout["embed_dim"])
    assert by_file.preprocessing_fingerprint == by_folder.preprocessing_fingerprint
    weights.unlink()  # 170 MB
