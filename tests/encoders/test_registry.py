from __future__ import annotations

import re
import subprocess
import sys

import pytest

from seda.aligner import load_aligner
from seda.encoders import fetch_weights, list_encoders, load_encoder, local_weights
from seda.encoders.families import FAMILIES, EncoderFamily, EncoderForm, family_of, looks_of, names_pair
from seda.errors import ConfigError, EncoderError


def test_the_list_names_the_default_first():
    infos = list_encoders()
    assert infos[0].name == "bundled"
    others = [info.name for info in infos if info.name.startswith("open_clip:")]
    assert others == [
        f"open_clip:{form}" for form in ("MODEL/PRETRAINED", "MODEL@FILE", "local-dir:DIR", "hf-hub:ORG/REPO")
    ]
    assert all(info.available and info.description.endswith(".") for info in infos)


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, seda.encoders as e; e.list_encoders(); "
        "print([m for m in ('torch', 'timm', 'open_clip', 'sentence_transformers', 'streamlit') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", ["", "clip", "bundled:x", "open_clip:", "open_clip"])
def test_unknown_names(name):
    with pytest.raises(EncoderError, match=r"is not known\. Choose bundled, .*open_clip:MODEL/PRETRAINED, "):
        load_encoder(name)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_unknown_devices(device):
    with pytest.raises(ConfigError, match=rf"device '{device}' cannot be used here"):
        load_encoder("bundled", device)
    with pytest.raises(ConfigError, match=rf"device '{device}' cannot be used here"):  # and no word of damaged weights
        load_aligner("fashion-mnist", device)


def test_features_of_a_file_that_names_no_encoder():
    with pytest.raises(
        EncoderError, match=r"came in the file f\.npz, which does not name its encoder.*--dataset features"
    ):
        load_encoder("features:f.npz")


@pytest.mark.parametrize("name", [info.name for info in list_encoders()])
def test_every_form_belongs_to_a_family(name):
    family, rest = family_of(name)
    assert family is not None and family.accepts(rest) and family.packages
    (form,) = (form for form in family.forms if form.name == name)
    assert form.description.endswith(".") and (form.label == "") == bool(re.search("[A-Z]{3}", rest))
    assert bool(form.looks) == bool(form.label) and looks_of(name) == form.looks


def test_an_encoder_is_added_in_one_place(monkeypatch):
    class Counting:
        name = "counting"

    told = []
    family = EncoderFamily(
        (EncoderForm("counting", "Counts.", "Counting", "one by one"),), ("json",), lambda rest: rest == "",
        lambda rest, device, on_progress: Counting(), pairs=True, fetch=lambda rest, on_progress: told.append(rest),
    )  # fmt: skip
    monkeypatch.setitem(FAMILIES, "counting", family)
    assert load_encoder("counting").name == "counting" and list_encoders()[-1].available
    fetch_weights(" counting ")
    assert told == [""] and local_weights("counting") is None
    assert names_pair("counting") and not names_pair("bundled") and not names_pair("no such")
    with pytest.raises(EncoderError, match=r"'counting:x' is not known\. Choose bundled, .* or counting"):
        load_encoder("counting:x")
