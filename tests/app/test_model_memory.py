"""Models are freed when others take their place: a fresh process switches twenty times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seda.ui import cache

SWITCHES = 20
LAYOUT = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 256, "head_width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 256, "heads": 4, "layers": 2},
}
SCRIPT = """
import json, sys
from pathlib import Path
import open_clip, torch
from PIL import Image
from safetensors.torch import save_file
from seda.ui import cache

folder, layout, switches = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
(folder / "seda-memory.json").write_text(json.dumps(layout))
open_clip.add_model_config(folder / "seda-memory.json")
stated = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
names = []
for seed in range(cache.MODELS + 2):  # about 60 MB each
    (checkpoint := folder / str(seed)).mkdir()
    torch.manual_seed(seed)
    save_file(open_clip.create_model("seda-memory").state_dict(), checkpoint / "open_clip_model.safetensors")
    (checkpoint / "open_clip_config.json").write_text(json.dumps({"model_cfg": layout, "preprocess_cfg": stated}))
    names.append(f"open_clip:local-dir:{checkpoint}")

picture = Image.new("RGB", (60, 40), "red")
memory, fingerprints = [], set()
for turn in range(cache.MODELS + 1 + switches):
    encoder = cache.encoder(names[turn % len(names)])
    encoder.encode_images([picture] * 4), encoder.encode_texts(["a cat"] * 4)
    assert cache.encoder(names[turn % len(names)]) is encoder
    fingerprints.add(encoder.fingerprint)
    memory.append(int(Path("/proc/self/statm").read_text().split()[1]))
# from the first that took another's place on
print(json.dumps({"models": len(fingerprints), "pages": memory[cache.MODELS :]}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="the system does not tell a process's memory")
def test_twenty_switches_of_models_leave_memory_within_a_tenth(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), json.dumps(LAYOUT), str(SWITCHES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] > 2 and len(found["pages"]) == SWITCHES + 1
    first, *later = found["pages"]
    assert max(later) < 1.1 * first


def test_a_local_checkpoint_that_changed_is_loaded_anew(aligner_dir, tmp_path, monkeypatch):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"old")
    monkeypatch.setattr("seda.encoders.local_weights", lambda name: weights)
    first = cache.workbench(str(aligner_dir))
    assert cache.workbench(str(aligner_dir)) is first
    later = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(later, later))
    second = cache.workbench(str(aligner_dir))
    assert second is not first and second.encoder is not first.encoder
