"""Files of strangers, altered by chance and by design, against everything that reads one.

    python tests/benchmarks/attack.py --json [--minutes N] [--seed S]

Pictures, class lists, replays, altered aligners and their cards, feature files and open_clip configurations are made from good ones
by seeded mutations (bytes, values, types, sizes, depth) and by known bombs. They are read in child processes, so that a hang is ended
and memory is measured; each child reports every file before it begins with it. What counts as a hole:

    tracebacks   anything but an answer or a SedaError
    hangs        more than 10 s of the processor for one file, or no answer after two minutes; a busy machine is no fault of the reader
    crashes      a child that died
    memory_mb    the largest process, workers of pictures included; the limit is 2,000
    code_run     files that a foreign folder's own Python file would have written
    good_lost    good files among the bad ones that were not answered

Exit status 1 where there is a hole. Without --minutes each kind is attacked with the full number of files.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import io
import json
import math
import os
import random
import resource
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import bombs  # noqa: E402 (after the path to it)

HANG = 10.0  # seconds
MEMORY_MB = 2000
COUNTS = {
    "pictures": 1000,
    "class_lists": 500,
    "replays": 1000,
    "aligners": 500,
    "feature_files": 300,
    "configurations": 300,
    "folders": 50,
}
GOOD_EVERY = 10  # one in so many files is left as it is and has to be answered
STRANGE = (
    None, True, -1, 0, 10**12, 10**30, 1e308, -0.0, "", "x" * 5000, "\0", "‮", "../../etc/passwd", [], {}, [[]] * 50, {"a": {"b": [1]}},
    "NaN", [None], ["x"] * 3000, {"trust_remote_code": True}, {str(n): n for n in range(300)},
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------- mutations


def flip(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut, repeated or put in."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        if not content:
            break
        at = rng.randrange(len(content))
        match rng.randrange(6):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                content[at] ^= 1 << rng.randrange(8)
            case 2:
                del content[at : at + rng.randrange(1, 64)]
            case 3:
                content[at:at] = rng.randbytes(rng.randrange(1, 64))
            case 4:
                content[at : at + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
            case 5:
                part = bytes(content[at : at + rng.randrange(1, 256)])
                content[at:at] = part * rng.choice((1, 2, 50))
    return bytes(content) if rng.random() < 0.9 else bytes(content[: rng.randrange(len(content) + 1)])


def places(value: Any, way: tuple = ()) -> Iterator[tuple]:
    if isinstance(value, dict | list) and len(way) < 20:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*way, key)
            yield from places(value[key], (*way, key))


def alter(value: Any, rng: random.Random) -> Any:
    """A JSON value with one to three of its parts replaced, taken away, added, or nested."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        ways = list(places(value))
        if not ways:
            return rng.choice(STRANGE)
        *way, last = rng.choice(ways)
        owner = value
        for key in way:
            owner = owner[key]
        match rng.randrange(6):
            case 0 if isinstance(owner, dict):
                del owner[last]
            case 1 if isinstance(owner, dict):
                owner[rng.choice(("more", "trust_remote_code", "x" * 400, "__class__"))] = rng.choice(STRANGE)
            case 2 if isinstance(owner[last], int | float) and not isinstance(owner[last], bool):
                owner[last] = rng.choice(
                    (owner[last] * 1000, -owner[last], 10**9, 10**15, owner[last] + 0.5, str(owner[last]))
                )
            case 3:
                deep: Any = owner[last]
                for _ in range(rng.choice((2, 40, 200))):
                    deep = [deep]
                owner[last] = deep
            case _:
                owner[last] = copy.deepcopy(rng.choice(STRANGE))
    return value


def dumped(value: Any, rng: random.Random) -> str:
    """As JSON, now and then not quite."""
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):
        text = "[" * 100_000
    match rng.randrange(20):
        case 0:
            return text.replace("1", rng.choice(("Infinity", "NaN", "1e999", "1" * 5000)), 1)
        case 1:
            return "[" * rng.choice((50, 2000, 200_000)) + text
        case 2:
            return text[: rng.randrange(len(text) + 1)]
    return text


def alter_arrays(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file with its header, its metadata, its values or its arrays changed."""
    import numpy as np

    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = json.loads(header.get("__metadata__", {}).get("json", "{}"))
    names = [name for name in header if name != "__metadata__"]
    kind = rng.randrange(6)
    if kind == 0:
        return flip(content, rng)
    if kind in (1, 2):
        header["__metadata__"] = {"json": dumped(alter(metadata, rng), rng)}
    elif kind == 3:
        header = alter(header, rng)
    else:
        from safetensors.numpy import load, save

        arrays = load(content)
        for _ in range(rng.choice((1, 1, 2))):
            name = rng.choice(names)
            array = arrays.get(name)
            if array is None:
                continue
            match rng.randrange(6):
                case 0:
                    del arrays[name]
                case 1:
                    sides = [max(0, side + rng.choice((-1, 1, 5, 3000 if side < 40 else 0))) for side in array.shape]
                    arrays[name] = np.resize(array, sides if math.prod(sides) < 10**7 else [0])
                case 2:
                    with np.errstate(all="ignore"):
                        arrays[name] = array.astype(rng.choice((np.float64, np.int8, np.uint8, np.int64, np.float16)))
                case 3 if array.size:
                    flat = array.reshape(-1).copy()
                    with np.errstate(all="ignore"):
                        flat[rng.randrange(array.size)] = np.array(
                            rng.choice((float("nan"), float("inf"), 1e30, -5.0))
                        ).astype(array.dtype)
                    arrays[name] = flat.reshape(array.shape)
                case 4:
                    arrays[rng.choice(("more", "x" * 3000, name + ".x"))] = np.zeros(rng.choice((1, 1000)), np.float32)
                case _:
                    arrays[name] = array[None] if rng.random() < 0.5 else array.reshape(-1)
        return save(arrays, metadata={"json": json.dumps(metadata)})
    text = dumped(header, rng).encode()
    return struct.pack("<Q", rng.choice((len(text),) * 20 + (len(text) + 1, 2**40, 0))) + text + body


# ---------------------------------------------------------------------------------------------------- files


def pictures(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    """(what was done, file), good ones as "good"."""
    import numpy as np
    from PIL import Image

    encoded, chunk, png = bombs.encoded, bombs.chunk, bombs.png
    noise = Image.fromarray(np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    seeds = [
        encoded(noise, "JPEG"), encoded(noise, "JPEG", progressive=True, exif=exif), encoded(noise.convert("CMYK"), "JPEG"), encoded(noise, "PNG"),
        encoded(noise.convert("RGBA"), "PNG", exif=exif), encoded(noise.convert("P"), "PNG"), encoded(noise, "WEBP"), encoded(noise, "WEBP", lossless=True),
        encoded(noise, "GIF"), encoded(noise, "GIF", save_all=True, append_images=[noise.rotate(90)] * 5), encoded(noise, "BMP"),
        encoded(noise.convert("P"), "BMP"), *(encoded(noise, "TIFF", compression=name) for name in (None, "tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")),
        encoded(noise, "PNG", save_all=True, append_images=[noise] * 3), encoded(noise, "MPO", save_all=True, append_images=[noise]),
        encoded(Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64)), "PNG"),
    ]  # fmt: skip

    def bomb() -> tuple[str, bytes]:
        side = rng.choice((7000, 7071, 7072, 20_000))
        match rng.randrange(9):
            case 0:
                data = encoded(Image.new("RGB", (rng.choice((64, 2000, 6000)),) * 2), "JPEG", progressive=True)
                last = data.rfind(b"\xff\xda")
                return "scans", data[:last] + data[last:-2] * rng.choice((90, 300, 4000)) + b"\xff\xd9"
            case 1:
                return "large png", png(side, min(side, 7000), rng.choice((8, 16)), rng.choice((0, 2, 4, 6)))
            case 2:
                return "chunks", png(8, 8, extra=chunk(b"teSt", b"") * rng.choice((1000, 2_000_000)))
            case 3:
                return "texts", png(
                    8, 8, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6))) * rng.choice((2, 500))
                )
            case 4:
                tags = b"".join(
                    struct.pack("<HHII", 1000 + n, 7, rng.choice((100, 2**20)), 8)
                    for n in range(rng.choice((10, 3000)))
                )
                head = b"II*\0" + struct.pack("<IH", 8, len(tags) // 12) + tags + bytes(4 + 2**20)
                return "tags", head if rng.random() < 0.5 else png(8, 8, extra=chunk(b"eXIf", head))
            case 5:
                data = seeds[0]
                return "segments", data[:2] + rng.choice((b"\xff\xfe\0\3a", b"\xff", b"\xff\0")) * rng.choice(
                    (1000, 5_000_000)
                ) + data[2:]
            case 6:
                return "large webp", encoded(
                    Image.new("RGB", (rng.choice((4000, 7000)),) * 2, "red"), "WEBP", lossless=True, method=0
                )
            case 7:
                return "large tiff", encoded(Image.new("L", (7000, 7000)), "TIFF", compression="tiff_adobe_deflate")
            case _:
                data = bytearray(encoded(noise, rng.choice(("BMP", "GIF", "PNG"))))
                at = data.find(b"IHDR") + 4 if b"IHDR" in data else 6 if data[:3] == b"GIF" else 18
                data[at : at + 8] = rng.randbytes(8)
                return "sizes", bytes(data)

    for number in range(count):
        if number % GOOD_EVERY == 0:
            what, data = "good", rng.choice(seeds)
        elif number % 25 == 3:
            what, data = bomb()
        elif number % 10 == 7:
            what = rng.choice(sorted(bombs.PICTURES))
            data = bombs.PICTURES[what](rng)
        else:
            what, data = "flipped", flip(rng.choice(seeds), rng)
        path = folder / f"{number}.png"
        path.write_bytes(data)
        yield what, path


def class_lists(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    signs = [
        "cat",
        "dog",
        ",",
        "\n",
        "\r",
        "、",
        " ",
        "\t",
        "‮",
        "\0",
        "\ud7ff",
        "é",
        "é",
        "ß",
        "SS",
        "🐈‍⬛",
        "<script>",
        "{}",
        "%s",
        "x" * 199,
        "x" * 300,
        "﷽",
        "a\u0301" * 90,
        *bombs.NAMES,
    ]
    for number in range(count):
        path = folder / f"{number}.txt"
        if number % GOOD_EVERY == 0:
            what, data = "good", b"a cat\na dog\na bird\n"
        elif number % 40 == 7:
            what, data = (
                "bomb",
                rng.choice(
                    (
                        b"a," * 3_000_000,
                        b"\n" * 3_000_000,
                        b"a" * 5_000_000,
                        ("é" * 150 + ",").encode() * 900,
                        b"\xff" * 1000,
                        ("e" + "\u0301\u0316" * 400_000).encode(),
                        ("e" + "\u0301\u0316" * 390 + "\n").encode() * 200,
                        (" " * 3_000_000).encode(),
                        "".join(f"{n}\n" for n in range(500_000)).encode(),
                    )
                ),
            )
        else:
            text = "".join(rng.choice(signs) for _ in range(rng.choice((0, 1, 5, 200, 3000))))
            what, data = "signs", flip(text.encode(), rng) if rng.random() < 0.5 else text.encode()
        path.write_bytes(data)
        yield what, path


def replays(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    good = [path.read_bytes() for path in sorted((ROOT / "assets" / "journeys").glob("*.safetensors"))]
    for number in range(count):
        content = rng.choice(good)
        path, what = folder / f"{number}.safetensors", "good"
        if number % GOOD_EVERY:
            what = "bomb" if number % 25 == 3 else rng.choice(("altered",) * 8 + ("header",))
            if what == "bomb":
                content = bombs.replay(rng)
            else:
                content = (alter_arrays if what == "altered" else bombs.repeated_header)(content, rng)
        path.write_bytes(content)
        yield what, path


def aligners(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    from seda.storage import sha256_file

    source = ROOT / "assets" / "aligners" / "fashion-mnist"
    for number in range(count):
        path = shutil.copytree(source, folder / str(number))
        what, card = "good", json.loads((path / "card.json").read_text())
        if number % GOOD_EVERY:
            what = rng.choice(("card", "card", "card", "file", "file", "file", "bytes", "spoilt", "names"))
            if what == "file":
                name = rng.choice(sorted(card["files"]))
                change = alter_arrays if rng.random() < 0.7 else bombs.repeated_header
                (path / name).write_bytes(change((path / name).read_bytes(), rng))
                card["files"][name] = sha256_file(path / name)  # as an attacker can
            elif what == "card":
                card = alter(card, rng)
            elif what == "names":
                held = card["card"]
                held |= {
                    "class_names": [rng.choice(bombs.NAMES) for _ in held["class_names"]],
                    "name": rng.choice(bombs.NAMES),
                    "encoder_fingerprint": rng.choice(bombs.NAMES),
                }
            text = dumped(card, rng) if what == "card" else json.dumps(card)
            (path / "card.json").write_bytes(
                flip(text.encode(), rng) if what == "bytes" else text.encode("utf-8", "replace")
            )
            if what == "spoilt":
                bombs.spoil_folder(path, rng)
        yield what, path


def feature_files(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    from seda.storage import arrays_to_bytes

    values = np.random.default_rng(0)
    arrays = {
        "image_features": values.normal(size=(12, 6)).astype(np.float32), "labels": np.arange(12) % 3, "test": (np.arange(12) > 8).astype(np.int64),
        "class_text_features": values.normal(size=(3, 4)).astype(np.float32),
    }  # fmt: skip
    metadata = {"class_names": ["a", "b", "c"], "encoder": "own"}

    def table(rows: int, labels: Any, metadata: dict[str, str]) -> bytes:
        held = pa.table(
            {
                "image_features": [[1.0, float(n)] for n in range(rows)],
                "labels": labels,
                "test": [int(n >= 6) for n in range(rows)],
            }
        )
        buffer = io.BytesIO()
        parquet.write_table(held.replace_schema_metadata(metadata), buffer)
        return buffer.getvalue()

    def npz() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for name, array in arrays.items():
                held = io.BytesIO()
                np.save(held, array)
                content = held.getvalue()
                file.writestr(f"{name}.npy", flip(content, rng) if rng.random() < 0.3 else content)
            if rng.random() < 0.1:
                file.writestr("more.npy", bytes(80 * 2**20))
        return buffer.getvalue()

    text = json.dumps([[1.0, 0.0], [0.0, 1.0]])
    good = {
        "safetensors": arrays_to_bytes(arrays, metadata),
        "parquet": table(8, [n % 2 for n in range(8)], {"class_text_features": text, "class_names": '["a", "b"]'}),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    good["npz"] = buffer.getvalue()
    for number in range(count):
        kind = rng.choice(sorted(good))
        what, content = "good", good[kind]
        if number % GOOD_EVERY:
            what = "bomb" if rng.random() < 0.3 else "altered"
            if what == "bomb":
                made = {
                    "npz": bombs.npz,
                    "parquet": bombs.parquet,
                    "safetensors": lambda rng: bombs.repeated_header(good["safetensors"], rng),
                }
                content = made[kind](rng)
            elif kind == "safetensors":
                content = alter_arrays(content, rng)
            elif kind == "npz" and rng.random() < 0.6:
                content = npz()
            elif kind == "parquet" and rng.random() < 0.5:
                labels = rng.choice(
                    ([n % 2 for n in range(8)], ["x" * rng.choice((3, 10**6)), *"abcdefg"], [None] * 8, [1.5] * 8)
                )
                content = table(
                    8,
                    labels,
                    {
                        "class_text_features": dumped(alter(json.loads(text), rng), rng),
                        "class_names": dumped(alter(["a", "b"], rng), rng),
                    },
                )
            else:
                content = flip(content, rng)
        path = folder / f"{number}.{kind}"
        path.write_bytes(content)
        yield what, path


def configurations(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    from safetensors.torch import save

    from tests.encoders.test_foreign_config import LAYOUT, PREPROCESSING, write_tokenizer
    from tests.local_clip import random_weights

    weights = save({name: value.contiguous() for name, value in random_weights(LAYOUT).items()})
    for number in range(count):
        path = folder / str(number)
        path.mkdir()
        config = {"model_cfg": copy.deepcopy(LAYOUT), "preprocess_cfg": dict(PREPROCESSING)}
        with_tokenizer = rng.random() < 0.5
        if with_tokenizer:
            config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = str(path)
        write_tokenizer(path)
        marker = path.parent / f"RAN-{number}"
        for name in (
            "own.py",
            "tokenization_own.py",
            "modeling_own.py",
            "configuration_own.py",
            "__init__.py",
            "open_clip.py",
            "json.py",
        ):
            (path / name).write_text(f"open({str(marker)!r}, 'w').close()\n")
        what, content = "good", weights
        if number % GOOD_EVERY:
            what = rng.choice(
                (
                    "config",
                    "config",
                    "config",
                    "numbers",
                    "code",
                    "tokenizer",
                    "tokenizer",
                    "tokenizer bomb",
                    "weights",
                    "spoilt",
                )
            )
            if what == "config":
                config = alter(config, rng)
            elif what == "numbers":
                config = bombs.configuration(config, rng)
            elif what == "tokenizer bomb":
                config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = str(path)
                made = bombs.tokenizer(json.loads((path / "tokenizer.json").read_text()), rng)
                (path / "tokenizer.json").write_text(dumped(made, rng))
            elif what == "spoilt":
                pass
            elif what == "code":
                text = config["model_cfg"]["text_cfg"]
                text["hf_tokenizer_name"] = str(path)
                match rng.randrange(5):
                    case 0:
                        text["tokenizer_kwargs"] = {"trust_remote_code": True}
                    case 1:
                        text["hf_model_name"] = str(path)
                    case 2:
                        config["model_cfg"]["vision_cfg"]["timm_model_name"] = f"local-dir:{path}"
                    case 3:
                        text["tokenizer_kwargs"] = {"tokenizer_class": "Own", "use_fast": False}
                    case _:
                        pass
                auto = {
                    "tokenizer_class": "Own",
                    "auto_map": {
                        "AutoTokenizer": ["own.Own", "own.Own"],
                        "AutoConfig": "own.Own",
                        "AutoModel": "own.Own",
                    },
                    "pad_token": "<pad>",
                }
                (path / "tokenizer_config.json").write_text(json.dumps(auto))
                (path / "config.json").write_text(json.dumps(auto | {"model_type": "own", "architecture": "own"}))
            elif what == "tokenizer":
                config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = str(path)
                name = rng.choice(("tokenizer.json", "tokenizer_config.json"))
                (path / name).write_text(dumped(alter(json.loads((path / name).read_text()), rng), rng))
            else:
                content = alter_arrays(weights, rng) if rng.random() < 0.7 else bombs.repeated_header(weights, rng)
        (path / "open_clip_config.json").write_text(dumped(config, rng) if what == "config" else json.dumps(config))
        (path / "open_clip_model.safetensors").write_bytes(content)
        if what == "spoilt":
            bombs.spoil_folder(path, rng)
        yield what, path


def folders(folder: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    """Each has good pictures, which have to be answered."""
    for number in range(count):
        path = folder / str(number)
        bombs.picture_folder(path, rng)
        yield "good", path


# ---------------------------------------------------------------------------------------------------- readers, in a child


def read_picture(path: Path) -> None:
    from seda.images import read_image

    assert max(read_image(path, path.name).size) <= 2048


def read_class_list(path: Path) -> None:
    from seda.class_texts import parse_class_texts
    from seda.commands.shared.inputs import read_texts

    parse_class_texts(read_texts(path))


def read_replay(path: Path) -> None:
    """Opened, played and exported."""
    from seda.export import write_export
    from seda.journeys.journey import Journey
    from seda.player.payload import player_payload

    journey = Journey.from_bytes(path.read_bytes(), path.name)
    json.dumps(player_payload(journey), allow_nan=False)
    for suffix in (".csv", ".html"):
        write_export(journey, path.with_suffix(suffix)).unlink()
    journey.to_bytes()


def read_aligner(path: Path) -> None:
    """Loaded with maps and pictures, and asked."""
    import torch

    from seda.aligner import load_aligner
    from seda.config import SamplingConfig
    from seda.journeys.reference_pictures import ReferencePictures
    from seda.projection import load_maps

    loaded = load_aligner(path)
    maps = load_maps(path)
    ReferencePictures.load(path)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, loaded.card.model.image_dim, generator=generator)
    texts = torch.randn(3, loaded.card.model.dim, generator=generator)
    trajectory = loaded.trace(images, texts, ["a", "b"], ["x", "y", "z"], SamplingConfig(num_inference_steps=2))
    for frozen in maps.values():
        states = trajectory.states[0]
        frozen.place(states, __import__("numpy").linspace(0, 1, len(states), dtype="float32"))


def read_features(path: Path) -> None:
    from seda.data.feature_file import read_feature_file

    read_feature_file(path)


def read_configuration(path: Path) -> None:
    from PIL import Image

    from seda.encoders import load_encoder

    encoder = load_encoder(f"open_clip:local-dir:{path}")
    encoder.encode_texts(["a cat", "a dog " * 40, "a" * 200, *bombs.NAMES])
    encoder.encode_images([Image.new("RGB", (40, 30))])


def read_folder(path: Path) -> None:
    """As pictures to look at, and as a data set."""
    from seda.data.image_folder import ImageFolder
    from seda.images import find_images, read_images

    found = find_images(path)
    images, _ = read_images((file.name, file) for file in found)
    assert sum(one.name.startswith("good") for one in images) == 6
    held = ImageFolder(path)
    assert {"cat", "dog"} <= set(held.class_names)
    for split in ("train", "test"):
        held.fingerprint(split)
        assert len(list(held.images(split, range(held.count(split))))) == held.count(split)


KINDS: dict[str, tuple[Callable[..., Iterator[tuple[str, Path]]], Callable[[Path], None]]] = {
    "pictures": (pictures, read_picture),
    "class_lists": (class_lists, read_class_list),
    "replays": (replays, read_replay),
    "aligners": (aligners, read_aligner),
    "feature_files": (feature_files, read_features),
    "configurations": (configurations, read_configuration),
    "folders": (folders, read_folder),
}


NEEDED = {
    "pictures": ("seda.images",),
    "replays": ("seda.export", "seda.player.payload"),
    "aligners": ("seda.aligner", "seda.projection", "seda.journeys.reference_pictures"),
    "feature_files": ("seda.data.feature_file", "pyarrow.parquet", "pyarrow.compute"),
    "configurations": ("seda.encoders.openclip", "tokenizers"),
    "folders": ("seda.data.image_folder",),
}


def child(kind: str) -> None:
    """Read paths from stdin, one a line; answer each with a line of JSON."""
    import warnings

    from seda.errors import SedaError

    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for module in NEEDED.get(kind, ()):  # before anything is measured
        importlib.import_module(module)
    answers.write(json.dumps({"ready": True}) + "\n")
    read = KINDS[kind][1]
    for line in sys.stdin:
        start, used, outcome, told = time.perf_counter(), processor_seconds(), "answered", ""
        try:
            read(Path(line.rstrip("\n")))
        except SedaError as error:
            outcome, told = "refused", str(error)
        except BaseException:
            outcome, told = "traceback", traceback.format_exc()
        took = {"seconds": time.perf_counter() - start, "cpu": processor_seconds() - used}
        peak = max(own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        answers.write(json.dumps({"outcome": outcome, "told": told[-4000:], "mb": peak / 1e3, **took}) + "\n")


def processor_seconds() -> float:
    """Of this process and of the workers that it waited for."""
    return sum(time for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for time in resource.getrusage(one)[:2])


def own_peak() -> float:
    """kB; the kernel's ru_maxrss would begin with what the process had that started this one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    except (OSError, StopIteration):
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


class Child:
    """A process that reads one kind of file; ended where it hangs."""

    def __init__(self, kind: str) -> None:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).resolve()), "--child", kind]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
        )
        self.rest = b""
        self.line(600.0)

    def line(self, seconds: float) -> dict[str, Any] | None:
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            part = os.read(self.process.stdout.fileno(), 65_536)
            if not part:
                return {
                    "outcome": "crash",
                    "told": f"the process ended with {self.process.wait()}",
                    "seconds": 0.0,
                    "cpu": 0.0,
                    "mb": 0.0,
                }
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, path: Path) -> dict[str, Any]:
        self.process.stdin.write(str(path).encode() + b"\n")
        begun, used, answer = time.monotonic(), self.processor_seconds(), None
        while answer is None:
            answer, waited = self.line(HANG), time.monotonic() - begun
            if answer is None and (waited > 12 * HANG or self.processor_seconds() - used > 3 * HANG):
                return {"outcome": "hang", "told": "", "seconds": waited, "cpu": 3 * HANG, "mb": 0.0}
        return answer

    def processor_seconds(self) -> float:
        """Of the process and its workers, as the kernel counts it; 0 where it does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()  # closes what was spoken through


def attack(kind: str, count: int, seed: int, seconds: float | None, keep: Path | None) -> dict[str, Any]:
    make, _ = KINDS[kind]
    figures: dict[str, Any] = {"files": 0, "answered": 0, "refused": 0, "tracebacks": 0, "hangs": 0, "crashes": 0, "good_lost": 0,
                               "slowest_s": 0.0, "slowest_cpu_s": 0.0, "memory_mb": 0.0, "code_run": 0, "examples": []}  # fmt: skip
    end = None if seconds is None else time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="seda-attack-") as name:
        folder, reader = Path(name), Child(kind)
        warm = True  # the first answer holds the imports, and later ones the caches of them
        for what, path in make(folder, random.Random(f"{seed}-{kind}"), count):
            answer = reader.ask(path)
            outcome = answer["outcome"]
            figures["files"] += 1
            if outcome in ("answered", "refused"):
                figures[outcome] += 1
                if not warm:
                    for name, key in (("slowest_s", "seconds"), ("slowest_cpu_s", "cpu")):
                        figures[name] = max(figures[name], round(answer[key], 2))
                    outcome = "hang" if answer["cpu"] > HANG else outcome
            warm = False
            lost = what == "good" and answer["outcome"] != "answered"
            figures["good_lost"] += lost
            figures["memory_mb"] = max(figures["memory_mb"], round(answer["mb"]))
            if outcome in ("traceback", "hang", "crash") or lost:
                if outcome in ("traceback", "hang", "crash"):
                    figures[{"traceback": "tracebacks", "hang": "hangs", "crash": "crashes"}[outcome]] += 1
                if len(figures["examples"]) < 10:
                    figures["examples"].append(
                        {"file": path.name, "what": what, "outcome": outcome, "told": answer["told"][-1500:]}
                    )
                if keep is not None:
                    target = keep / kind / path.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True) if path.is_dir() else shutil.copy(
                        path, target
                    )
                if answer["outcome"] in ("hang", "crash"):
                    reader.end()
                    reader, warm = Child(kind), True
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if end is not None and time.monotonic() > end:
                break
        figures["code_run"] = len(list(folder.glob("RAN-*")))
        reader.end()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--minutes", type=float, help="stop after so long, shared among the kinds; default: until all files are read"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; default %(default)s")
    parser.add_argument("--kinds", default=",".join(KINDS), help="default %(default)s")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep files that made a hole")
    parser.add_argument("--child", choices=tuple(KINDS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return 0
    kinds = arguments.kinds.split(",")
    seconds = None if arguments.minutes is None else 60 * arguments.minutes / len(kinds)
    result = {}
    for kind in kinds:
        result[kind] = attack(kind, COUNTS[kind], arguments.seed, seconds, arguments.keep)
        print(
            f"{kind}: { {key: value for key, value in result[kind].items() if key != 'examples'} }",
            file=sys.stderr,
            flush=True,
        )
    holes = sum(
        part[key] for part in result.values() for key in ("tracebacks", "hangs", "crashes", "code_run", "good_lost")
    )
    holes += sum(part["memory_mb"] > MEMORY_MB for part in result.values())
    if arguments.json:
        print(json.dumps({"seed": arguments.seed, "holes": holes, **result}, indent=2, ensure_ascii=False))
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
