"""What a GPU gives, in one prepared run: `bash tests/benchmarks/gpu.sh`, which asks this script with the machine's own torch.

Says which packages are missing, then measures and writes JSON after each part, so that a run that is cut short has what came before:

    speed     `bench speed` of the shipped aligner: 1, 64 and 4,096 items, placing
    pixels    ViT-B/32 of open_clip with random weights, which cost what real ones cost, from prepared pixels in bf16
    answers   the largest difference between the probabilities of the device and of the CPU
    tests     tests of devices, on the stand-in and on the real one

Bars: 4,096 items through 2 x 50 steps in 1 s, 5,000 pictures a second, answers within 1e-3. A part that fails says why, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# what the parts import, by the name of the import and of the package
NEEDED = {
    "torch": "torch", "torchvision": "torchvision", "open_clip": "open_clip_torch", "timm": "timm", "diffusers": "diffusers",
    "safetensors": "safetensors", "sklearn": "scikit-learn", "scipy": "scipy", "PIL": "pillow", "pydantic": "pydantic",
    "threadpoolctl": "threadpoolctl", "pytest": "pytest",
}  # fmt: skip
ALIGNER = "fashion-mnist"
ALIGNED = tuple(f"align-{count}x2x{steps}" for count in (1, 64, 4096) for steps in (25, 50))
VIT, TAG = "ViT-B-32", "laion2b_s34b_b79k"  # whose preprocessing it is looked at with
BARS = {"align_s": 1.0, "pixels_per_s": 5000, "answers": 1e-3}
LONGEST = 400  # seconds of a part


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="torch's name of it; default %(default)s")
    parser.add_argument("--parts", default=",".join(PARTS), metavar="A,B", help="default: all")
    parser.add_argument("--seconds", type=float, default=5.0, help="that a row is repeated for; default %(default)s")
    parser.add_argument("--out", type=Path, help="file of the JSON, written after each part")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"missing": missing(), "device": arguments.device}
    for name in arguments.parts.split(","):
        try:
            found[name] = PARTS[name](arguments)
        except Exception as error:  # a machine that is lent for minutes is not given back for one part
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:2000]}
        if arguments.out:
            arguments.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0 if all(met(found).values()) else 1


def missing() -> list[str]:
    """Packages of NEEDED that are not there, as pip knows them."""
    return [package for module, package in NEEDED.items() if find_spec(module) is None]


def met(found: dict[str, Any]) -> dict[str, bool]:
    """Which of BARS hold; a part that was not asked for is not judged, one that failed is missed."""
    held = {}
    if "speed" in found:
        rows = {row["name"]: row for row in found["speed"].get("rows", [])}
        held["align_s"] = ALIGNED[-1] in rows and rows[ALIGNED[-1]]["median_s"] <= BARS["align_s"]
    if "pixels" in found:
        held["pixels_per_s"] = (
            max((row["items_per_s"] for row in found["pixels"].get("rows", [])), default=0) >= BARS["pixels_per_s"]
        )
    if "answers" in found:
        held["answers"] = found["answers"].get("largest_difference", 1.0) <= BARS["answers"]
    if "tests" in found:
        held["tests"] = found["tests"].get("status") == 0
    return held


def machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """Device and versions, for the page that the figures go on."""
    import torch

    cuda = arguments.device.startswith("cuda")
    return {
        "device": torch.cuda.get_device_name(arguments.device) if cuda else platform.processor() or platform.machine(),
        "cuda": torch.version.cuda, "python": platform.python_version(),
        "versions": {package: metadata.version(package) for module, package in NEEDED.items() if find_spec(module)},
    }  # fmt: skip


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rows of `bench speed` that need no encoder, whose weights a lent machine may lack."""
    from seda.aligner import load_aligner
    from seda.benchmark.speed import aligner_tasks, measure_speed
    from seda.journeys.tracing import bare_workbench
    from seda.projection.frozen import load_map

    aligner = load_aligner(ALIGNER, arguments.device)
    tasks = aligner_tasks(aligner, bare_workbench(aligner).encoder, load_map(aligner.folder), arguments.device)
    names = [*ALIGNED, *(task.name for task in tasks if task.name.startswith("project"))]
    return {"rows": [vars(row) for row in measure_speed(tasks, names=names, seconds=arguments.seconds)]}


def pixels(arguments: argparse.Namespace) -> dict[str, Any]:
    """`bench speed` of a ViT-B/32 with random weights."""
    import open_clip
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        save_file(open_clip.create_model(VIT, pretrained=None).state_dict(), weights)
        rows = "encode-pixels-1024" if arguments.device.startswith("cuda") else "encode-pixels-64"
        call = [
            sys.executable, "-m", "seda", "bench", "speed", "--encoder", f"open_clip:{VIT}/{TAG}@{weights}", "--rows", rows,
            "--seconds", str(arguments.seconds), "--device", arguments.device, "--json",
        ]  # fmt: skip
        return {"rows": json.loads(_output(call))}


def answers(arguments: argparse.Namespace) -> dict[str, Any]:
    """Probabilities of the features that the aligner keeps, on both devices."""
    from seda.aligner import load_aligner
    from seda.config import SamplingConfig

    found = []
    for device in ("cpu", arguments.device):
        loaded = load_aligner(ALIGNER, device)
        features, texts = loaded.reference.fit_images, loaded.reference.texts[:, 0]
        found.append(loaded.aligner.classify(features, texts, SamplingConfig()).cpu())
    return {"items": len(found[0]), "largest_difference": float((found[0] - found[1]).abs().max())}


def tests(arguments: argparse.Namespace) -> dict[str, Any]:
    """The tests of devices."""
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_device.py", "tests/test_stand_in_device.py"]  # fmt: skip
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST)
    return {"status": done.returncode, "said": done.stdout.strip().splitlines()[-3:]}


def _output(call: list[str]) -> str:
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-1000:])
    return done.stdout


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "machine": machine, "speed": speed, "pixels": pixels, "answers": answers, "tests": tests,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
