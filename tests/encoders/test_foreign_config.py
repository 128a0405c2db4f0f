"""Configurations of strangers: what is not known to be harmless is refused by name, and no file of theirs is ever run."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from seda.encoders import load_encoder
from seda.encoders.foreign_config import ModelLayout, least_parameters, read_foreign_config
from seda.encoders.json_tokenizer import JsonTokenizer, is_bounded_pattern
from seda.encoders.openclip_sizes import known_parameters
from seda.errors import FileFormatError, WeightsError
from seda.schema import check
from tests.local_clip import random_weights

LAYOUT = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
WORDS = ["<pad>", "<s>", "</s>", "<unk>", "a", "cat", "dog"]


def folder_of(
    path: Path, layout: dict = LAYOUT, preprocessing: dict = PREPROCESSING, weights: dict | None = None
) -> Path:
    path.mkdir(exist_ok=True)
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": layout, "preprocess_cfg": preprocessing}))
    save_file(random_weights(layout) if weights is None else weights, path / "open_clip_model.safetensors")
    return path


def with_key(key: str, value: object) -> dict:
    layout = copy.deepcopy(LAYOUT)
    *way, last = key.split(".")
    part = layout
    for name in way:
        part = part.setdefault(name, {})
    part[last] = value
    return layout


def write_tokenizer(folder: Path, **changes: object) -> None:
    """A tokenizer of whole words, with the template of BERT and the like around a text."""
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}}]  # fmt: skip
    special = {name: {"id": name, "ids": [WORDS.index(name)], "tokens": [name]} for name in ("<s>", "</s>")}
    added = [
        {"id": place, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True} for place, name in enumerate(WORDS[:4])
    ]  # fmt: skip
    values = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": None,
        "post_processor": {"type": "TemplateProcessing", "single": template, "pair": template, "special_tokens": special},
        "model": {"type": "WordLevel", "vocab": {word: place for place, word in enumerate(WORDS)}, "unk_token": "<unk>"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps({**values, **changes}))
    settings = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>",
                "unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_a_configuration_that_asks_for_code_is_refused_by_its_key(tmp_path):
    folder = folder_of(tmp_path / "hub", with_key("text_cfg.hf_tokenizer_name", str(tmp_path / "hub")))
    write_tokenizer(folder)
    marker = folder / "RAN"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    auto = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}, "pad_token": "<pad>"}
    for trust in (True, None):
        layout = with_key("text_cfg.hf_tokenizer_name", str(folder))
        if trust:
            layout["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
        folder_of(folder, layout)
        (folder / "tokenizer_config.json").write_text(json.dumps(auto))
        if trust:
            with pytest.raises(WeightsError, match=r"text_cfg\.tokenizer_kwargs\.trust_remote_code is not allowed"):
                load_encoder(f"open_clip:local-dir:{folder}")
        else:  # the class that is asked for is passed over: tokenizer.json counts
            assert load_encoder(f"open_clip:local-dir:{folder}").encode_texts(["a cat"]).shape == (1, 16)
        assert not marker.exists()


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("text_cfg.tokenizer_kwargs", {"use_fast": False}, r"tokenizer_kwargs\.use_fast is not allowed"),
        (
            "text_cfg.tokenizer_kwargs",
            {"additional_special_tokens": ["(a+)+"]},
            "additional_special_tokens is not allowed",
        ),
        ("text_cfg.tokenizer_kwargs", {"clean": "own"}, r"tokenizer_kwargs\.clean is 'own'"),
        ("text_cfg.hf_model_name", "someone/model", r"hf_model_name is 'someone/model'; allowed is one that open_clip"),
        ("text_cfg.hf_model_name", "../model", "hf_model_name"),
        ("text_cfg.hf_model_config", {}, r"text_cfg\.hf_model_config is not allowed"),
        ("text_cfg.layers", 10**9, r"text_cfg\.layers is 1000000000; .*less than or equal to 128"),
        ("text_cfg.width", "16", r"text_cfg\.width is '16'"),
        ("text_cfg.layers", True, r"text_cfg\.layers is True"),
        ("text_cfg.context_length", 10**6, "context_length"),
        ("text_cfg.mlp_ratio", float("inf"), "is not readable JSON"),
        ("text_cfg.norm_kwargs", {"device": "meta"}, r"norm_kwargs\.device is not allowed"),
        ("text_cfg.act_kwargs", {"approximate": "os"}, r"act_kwargs\.approximate"),
        ("vision_cfg.timm_model_name", "hf-hub:someone/model", r"timm_model_name is 'hf-hub:someone/model'; allowed"),
        ("vision_cfg.timm_model_name", "local-dir:/tmp", "timm_model_name"),
        ("vision_cfg.timm_model_pretrained", True, "timm_model_pretrained is True"),
        ("vision_cfg.image_size", [32, 10**6], r"image_size"),
        ("vision_cfg.patch_size", 0, "patch_size is 0"),
        ("vision_cfg.patch_size", 64, r"patch_size is 64; allowed is 1 px to the picture's side"),
        ("vision_cfg.image_size", 2048, "at most 4096 patches"),
        ("visual", {"class": "os.system"}, r"model_cfg\.visual is not allowed"),
        ("custom_text", "yes", "custom_text is 'yes'"),
        ("embed_dim", 10**9, "embed_dim is 1000000000"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name(tmp_path, key, value, match):
    folder = folder_of(tmp_path, with_key(key, value), weights={"x": torch.zeros(1)})
    with pytest.raises(WeightsError, match=match):
        load_encoder(f"open_clip:local-dir:{folder}")


def test_preprocessing_is_on_a_list_too(tmp_path):
    for key, value in (
        ("mean", [0.5]),
        ("std", [0, 0, 0]),
        ("interpolation", "random"),
        ("mode", "L"),
        ("size", 10**6),
        ("x", 1),
    ):
        folder = folder_of(tmp_path, preprocessing={**PREPROCESSING, key: value}, weights={"x": torch.zeros(1)})
        with pytest.raises(WeightsError, match=rf"preprocess_cfg\.{key}"):
            load_encoder(f"open_clip:local-dir:{folder}")


def test_files_that_are_no_configuration(tmp_path):
    path = tmp_path / "open_clip_config.json"
    for content, match in (
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "not readable JSON"),
        (b"1" * (2**20 + 1), "larger than"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=match):
            read_foreign_config(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileFormatError, match="a pipe or a device"):
        read_foreign_config(path)


def test_a_model_larger_than_its_file_takes_no_memory(tmp_path):
    layout = copy.deepcopy(LAYOUT)
    layout["vision_cfg"] |= {"width": 4096, "layers": 24, "head_width": 64}
    with pytest.raises(WeightsError, match=r"at least 4,\d+\.\d million parameters; the file holds"):
        load_encoder(f"open_clip:local-dir:{folder_of(tmp_path, layout, weights=random_weights(LAYOUT))}")
    layout["vision_cfg"] |= {"width": 8192, "layers": 128}
    folder_of(tmp_path, layout, weights={})
    with pytest.raises(WeightsError, match=r"103\.\d billion parameters; at most 6 are allowed"):
        load_encoder(f"open_clip:local-dir:{tmp_path}")
    folder_of(
        tmp_path,
        with_key("vision_cfg.timm_model_name", "eva02_enormous_patch14_clip_224"),
        weights={"x": torch.zeros(9)},
    )
    with pytest.raises(WeightsError, match="million parameters; the file holds"):
        load_encoder(f"open_clip:local-dir:{tmp_path}")


def test_every_model_of_open_clip_is_on_the_list():
    for name in open_clip.list_models():
        layout = open_clip.get_model_config(name)
        check(ModelLayout, json.loads(json.dumps(layout)), name)
        if known := known_parameters().get(name):
            assert least_parameters(layout) <= known * 1e6, name  # or weights of its own would be refused


def test_links_that_leave_the_folder_are_not_followed(tmp_path):
    outside = folder_of(tmp_path / "outside")
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        folder = folder_of(tmp_path / f"in {name}")
        (folder / name).unlink()
        (folder / name).symlink_to(outside / name)
        with pytest.raises(WeightsError, match=rf"{name} is a link to a place outside"):
            load_encoder(f"open_clip:local-dir:{folder}")
    snapshot = tmp_path / "models--a--b" / "snapshots" / "1234"  # the hub's cache is made of links
    snapshot.mkdir(parents=True)
    (outside).rename(snapshot.parent.parent / "blobs")
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert load_encoder(f"open_clip:local-dir:{snapshot}").image_dim == 16


def test_tokens_are_those_of_open_clips_own_reader(tmp_path):
    write_tokenizer(tmp_path)
    texts = ["a CAT", "dog " * 30, "", "a  bird"]
    theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=8)
    ours = JsonTokenizer(tmp_path, 8)
    assert torch.equal(ours(texts), theirs(texts)) and ours(texts)[0].tolist() == [1, 4, 5, 2, 0, 0, 0, 0]
    theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=8, strip_sep_token=True)
    assert torch.equal(JsonTokenizer(tmp_path, 8, strip_sep_token=True)(texts), theirs(texts))
    theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=8, tokenizer_mode="clips")
    assert torch.equal(JsonTokenizer(tmp_path, 8, mode="clips")(texts), theirs(texts))


def test_tokenizers_that_stall_or_differ_are_refused(tmp_path):
    def split(pattern):
        return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}

    def replace(content):
        return {"type": "Replace", "pattern": {"String": "a"}, "content": content}

    write_tokenizer(tmp_path, pre_tokenizer=split(r"[\p{L}]+|\s+"))
    assert JsonTokenizer(tmp_path, 8)(["a cat"]).shape == (1, 8)
    for changes, match in (
        ({"pre_tokenizer": split("(a+)+$")}, "could take too long"),
        ({"normalizer": {"type": "Sequence", "normalizers": [replace("aaaa")] * 9}}, "lengthen a text too much"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.5}}, "drawn at random"),
        ({"model": {"type": "None"}}, "no tokenizer that can be used"),
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2000,
                }
            },
            "too much around",
        ),
        # of a text that is cut every part would be combined with every other
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 20,
                }
            },
            "several times",
        ),
        ({"model": []}, "is no tokenizer"),
    ):
        write_tokenizer(tmp_path, **changes)
        with pytest.raises(WeightsError, match=match):
            JsonTokenizer(tmp_path, 8)
    write_tokenizer(tmp_path, model={"type": "Unigram", "vocab": [["<pad>", 0.0], ["a", 0.0]], "unk_id": None})
    with pytest.raises(WeightsError, match="unk_id` is missing"):  # not before a text asks for it
        JsonTokenizer(tmp_path, 8)(["a cat"])
    write_tokenizer(tmp_path)
    for settings, match in (({"add_bos_token": False, "bos_token": "<s>", "pad_token": "<pad>"}, "add_bos_token"), ({}, "no token for padding"),
                            ({"do_lower_case": False, "pad_token": "<pad>"}, "do_lower_case"), ({"pad_token": [1]}, "not a token")):  # fmt: skip
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        with pytest.raises(WeightsError, match=match):
            JsonTokenizer(tmp_path, 8)
    (tmp_path / "tokenizer.json").unlink()
    folder = folder_of(tmp_path, with_key("text_cfg.hf_tokenizer_name", "someone/else"))
    with pytest.raises(WeightsError, match=r"has no tokenizer\.json"):
        load_encoder(f"open_clip:local-dir:{folder}")


def test_patterns_in_use_are_bounded_and_slow_ones_are_not():
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    llama = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    assert is_bounded_pattern(gpt2) and is_bounded_pattern(llama) and is_bounded_pattern(" {2,}")
    for pattern in (
        "(a+)+$",
        r"(\w+\s?)*$",
        r"\s*\s*\s*x",
        r"(a)\1",
        "((a?){50}){50}",
        "a?" * 30 + "a" * 30,
        "a" * 3000,
        7,
    ):
        assert not is_bounded_pattern(pattern), pattern


def test_a_tokenizer_that_knows_more_than_its_model(tmp_path):
    layout = with_key("text_cfg.vocab_size", 100)
    with pytest.raises(WeightsError, match="gives token 49407; its model knows 100"):
        load_encoder(f"open_clip:local-dir:{folder_of(tmp_path, layout)}")


def test_paths_that_cannot_be_looked_at():
    for path in ("~nobody-of-that-name/x", "x" * 300, "a\0b"):
        for name in (f"local-dir:{path}", f"ViT-B-32@{path}"):
            with pytest.raises(WeightsError, match=r"cannot be looked at|does not exist"):
                load_encoder(f"open_clip:{name}")
