"""Options that several commands have, and the numbers that options take.

A number that is not allowed raises argparse.ArgumentTypeError with what is allowed; argparse then ends the call with status 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from seda.card import DEFAULT_ALIGNER
from seda.config import DENOISERS, SAMPLERS, SamplingConfig

MOST = 10**9  # of what is counted in a call
MOST_SEEDS = 1000  # chosen here: a table of medians is not better with more

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # what add_subparsers returns


def add_inputs(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Items, class texts, and what answers with what; `more` says what else a path may be."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help=f"an image, or a folder of images{more}")
    add_classes(parser, "class texts")
    add_aligner(parser)
    add_device(parser)


def add_classes(parser: argparse.ArgumentParser, what: str) -> None:
    """--classes and --classes-file; `what` says in the help what they are for."""
    parser.add_argument("--classes", metavar="A,B,C", help=f"{what}; separated by commas")
    parser.add_argument("--classes-file", metavar="FILE", type=Path, help="the same from a file, one a line")


def add_aligner(parser: argparse.ArgumentParser, default: str = DEFAULT_ALIGNER) -> None:
    """--aligner, the name or folder of an aligner."""
    parser.add_argument("--aligner", default=default, metavar="NAME_OR_DIR", help="see `list`; default %(default)s")


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """--encoder, for what is made anew; a finished aligner's card names its encoder."""
    parser.add_argument("--encoder", default="bundled", help="see `list`; default %(default)s")


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device, None for the fastest one."""
    parser.add_argument("--device", help="cpu, cuda or mps; default: the fastest that is there")


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json, for an answer that programs read."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """The settings of SamplingConfig; see sampling_config()."""
    default = SamplingConfig()
    parser.add_argument("--sampler", choices=SAMPLERS, default=default.sampler, help="default %(default)s")
    parser.add_argument("--steps", type=int, default=default.num_inference_steps, help="per stage; default %(default)s")
    parser.add_argument(
        "--strength", type=number, default=default.strength, help="of the noise, .05 to 1; default %(default)s"
    )
    parser.add_argument(
        "--eta", type=number, default=default.eta, help="fresh noise in DDIM, 0 to 1; default %(default)s"
    )
    parser.add_argument("--guidance", type=number, help="0 to 20; default: the denoiser's own")
    parser.add_argument("--denoiser", choices=DENOISERS, default="", help="default: the aligner's own, see `list`")
    parser.add_argument("--seed", type=seed, default=default.seed, help="of the noise; default %(default)s")


def sampling_config(arguments: argparse.Namespace) -> SamplingConfig:
    """What add_sampling()'s options came to.

    Raises:
        ConfigError: a setting is out of range.
    """
    return SamplingConfig(
        arguments.sampler,
        arguments.steps,
        arguments.strength,
        arguments.eta,
        arguments.guidance,
        arguments.seed,
        arguments.denoiser,
    )


def positive(text: str) -> int:
    """1 to MOST."""
    return _whole(text, 1, MOST)


def seed(text: str) -> int:
    """0 to SamplingConfig.MAX_SEED."""
    return _whole(text, 0, SamplingConfig.MAX_SEED)


def seed_count(text: str) -> int:
    """1 to MOST_SEEDS."""
    if (count := positive(text)) > MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{count:,} seeds are more than the {MOST_SEEDS:,} allowed")
    return count


def number(text: str) -> float:
    """Of any size; the settings that it is for say which."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not a number") from None


def split_names(text: str | None) -> tuple[str, ...] | None:
    """ "a, b" to names without repetitions; None where nothing came."""
    return None if text is None else tuple(dict.fromkeys(part.strip() for part in text.split(",")))


def _whole(text: str, least: int, most: int) -> int:
    try:
        whole = int(text)
    except ValueError:  # also of thousands of digits
        whole = least - 1
    if not least <= whole <= most:
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not {least} to {most:,}")
    return whole
