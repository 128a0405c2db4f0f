"""list --open-clip: all published weights of open_clip, for eyes and for programs."""

from __future__ import annotations

import json

import open_clip

from seda.cli import ANSWERED, main


def test_all_published_weights(capsys):
    assert main(["list", "--open-clip", "--json"]) == ANSWERED
    infos = json.loads(capsys.readouterr().out)
    assert len(infos) == len(open_clip.list_pretrained())
    assert {"name", "family", "parameters_m", "size_mb", "cached", "tokenizer"} <= set(infos[0])
    assert main(["list", "--open-clip"]) == ANSWERED
    lines = capsys.readouterr().out.splitlines()
    assert "CLIP with ViT" in lines
    (line,) = [line for line in lines if line.split()[:1] == ["open_clip:ViT-B-32/openai"]]
    assert "151 M parameters" in line and ("on this machine" in line or "to be downloaded" in line)
