"""A foreign tokenizer as data: the tokenizer.json beside the weights, read by the library `tokenizers`, which runs no code of it.

transformers' AutoTokenizer would look for a class by the names in tokenizer_config.json and may import one from a file beside
it. Here tokenizer_config.json gives special tokens and the side of the padding, nothing else.

Data can still stall: a regular expression that takes for ever, a replacement that grows a text to gigabytes. Both are
bounded before the first text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from open_clip.tokenizer import get_clean_fn
from torch import Tensor

from seda.errors import FileFormatError, WeightsError
from seda.storage import parse_json, read_plain_file

FILE, SETTINGS = "tokenizer.json", ("special_tokens_map.json", "tokenizer_config.json")  # the later one counts
FILE_BYTES = 64 * 2**20  # chosen here: Gemma's, with 256,000 entries, has 34 MB
SETTINGS_BYTES = 16 * 2**20  # Gemma's names thousands of tokens
MAX_PATTERN = 2000  # characters of a regular expression
MAX_REPEATS, MAX_OPTIONS = 2, 4  # in one of its alternatives: signs such as + and *, and question marks
MAX_GROWTH = 256  # times that replacements may lengthen a text
MAX_ADDED = 1000  # characters or tokens that are put around it
SPECIAL = ("pad_token", "bos_token", "eos_token", "cls_token", "sep_token")

_REMEDY = "Weights with another tokenizer cannot be used; take some whose tokenizer is plain data."


class JsonTokenizer:
    """Texts to token ids int64 [n, context_length], cut and padded as open_clip's HFTokenizer does.

    Args:
        folder: where tokenizer.json lies.
        context_length: tokens of every text.
        clean: open_clip's name of what is done to a text first.
        strip_sep_token: whether separators become 0.
        mode: "clips" for CLIPS' own order of special tokens.
    Raises:
        WeightsError: the file is missing, damaged, or asks for what is not bounded.
    """

    def __init__(
        self,
        folder: Path,
        context_length: int,
        *,
        clean: Literal["lower", "whitespace", "canonicalize"] = "whitespace",
        strip_sep_token: bool = False,
        mode: Literal["", "clips"] = "",
    ) -> None:
        self.context_length, self._mode, self._strip = context_length, mode, strip_sep_token
        self._clean: Callable[[str], str] = get_clean_fn(clean)
        settings = _settings(folder)
        path = self._path = folder / FILE
        self._tokenizer = _read(path)
        self._ids = {name: self._tokenizer.token_to_id(_name(settings[name])) for name in SPECIAL if name in settings}
        if self._ids.get("pad_token") is None:
            raise WeightsError(f"{path} has no token for padding.", remedy=_REMEDY)
        needed = (
            {"bos_token", "eos_token", "cls_token"} if mode == "clips" else {"sep_token"} if strip_sep_token else set()
        )
        if missing := sorted(name for name in needed if self._ids.get(name) is None):
            raise WeightsError(f"{path} has no {', '.join(missing)}.", remedy=_REMEDY)
        _check_agrees(self._tokenizer, settings, path)
        if not mode:
            self._tokenizer.enable_truncation(context_length, direction=_side(settings, "truncation_side"))
            self._tokenizer.enable_padding(
                direction=_side(settings, "padding_side"), pad_id=self._ids["pad_token"],
                pad_token=_name(settings["pad_token"]), length=context_length,
            )  # fmt: skip

    @property
    def vocab_size(self) -> int:
        """Ids are below it."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0) + 1

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """
        Raises:
            WeightsError: a text asks for what the file lacks, such as a token for unknown words.
        """
        texts = [self._clean(text) for text in texts]
        with _said_of(self._path):
            if self._mode == "clips":
                return torch.tensor([self._clips(text) for text in texts])
            tokens = torch.tensor([encoded.ids for encoded in self._tokenizer.encode_batch(texts)])
        return tokens.masked_fill(tokens == self._ids["sep_token"], 0) if self._strip else tokens

    def _clips(self, text: str) -> list[int]:
        """Text between its first and last token, padding, and the class token at the end."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids[: self.context_length - 3]
        ids = [self._ids["bos_token"], *ids, self._ids["eos_token"]]
        return [*ids, *[self._ids["pad_token"]] * (self.context_length - 1 - len(ids)), self._ids["cls_token"]]


def _read(path: Path) -> Any:
    """The tokenizers.Tokenizer of a file, with nothing of it cut or padded yet."""
    from tokenizers import Tokenizer

    content = read_plain_file(path, FILE_BYTES)
    with _said_of(path):
        # the depth of our own files does not hold here: normalizers and templates are nested lists
        check_bounded(parse_json(content, str(path), max_bytes=FILE_BYTES), path)
        tokenizer = Tokenizer.from_str(content.decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode("a")
    return tokenizer


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """What the library raises as a WeightsError that names the file."""
    try:
        yield
    except (WeightsError, FileFormatError):
        raise
    except BaseException as error:  # plain Exceptions, and PanicException, which is none
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise WeightsError(f"{path} is no tokenizer that can be used ({error!s:.200}).", remedy=_REMEDY) from error
        raise


def check_bounded(values: Any, path: Path) -> None:
    """Refuse a tokenizer.json that could take for ever, fill the memory or give other tokens each time.

    Raises:
        WeightsError: says what and where.
    """
    if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
        raise WeightsError(f"{path} is no tokenizer.", remedy=_REMEDY)
    if values["model"].get("dropout"):
        raise WeightsError(
            f"{path}: model.dropout is {values['model']['dropout']!r:.40}; tokens would be drawn at random."
        )
    growth = 1.0
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        for key, value, owner in _walk(values.get(part), part):
            if key.endswith(".Regex") and not is_bounded_pattern(value):
                raise WeightsError(f"{path}: the pattern {key}, {value!r:.80}, could take too long.", remedy=_REMEDY)
            if owner.get("type") == "Replace" and key.endswith(".content"):
                growth *= max(len(value), 1) if isinstance(value, str) else math.inf
            if owner.get("type") == "Prepend" and key.endswith(".prepend") and len(str(value)) > MAX_ADDED:
                growth = math.inf
        if part == "post_processor" and sum(1 for _ in _walk(values.get(part), part)) > MAX_ADDED:
            raise WeightsError(f"{path}: post_processor puts too much around a text.", remedy=_REMEDY)
    if _repeats_text(values.get("post_processor")):
        raise WeightsError(f"{path}: post_processor puts a text in several times.", remedy=_REMEDY)
    if growth > MAX_GROWTH:
        raise WeightsError(f"{path}: its replacements could lengthen a text too much.", remedy=_REMEDY)


def _repeats_text(post_processor: Any) -> bool:
    """Whether a template has a text more than once: of texts that are cut, every part is then combined with every other."""
    times = Counter(id(owner) for key, _, owner in _walk(post_processor, "") if key.endswith("single.Sequence.id"))
    return max(times.values(), default=0) > 1 or any(key.endswith(".single") for key, _, _ in _walk(post_processor, ""))


def is_bounded_pattern(pattern: Any) -> bool:
    """Whether a regular expression can only take polynomial time of a low degree: no repeated groups, no references back, and few
    repeats and options after one another. GPT-2's, CLIP's and Llama's are such."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return False
    plain = re.sub(r"\\[pPx](\{[^}]*\})?|\\[^1-9kg]", "x", pattern)  # escapes stand for one character
    plain = re.sub(r"\[(?:[^\[\]]|\[[^\]]*\])*\]", "x", plain)  # classes too
    if "\\" in plain or "[" in plain or re.search(r"\)[*+{]", plain):
        return False
    plain = re.sub(r"\(\?(?:<?[=!]|[a-z-]*:)", "(", plain)  # what a group is for does not matter
    depth, repeats, options = 0, 0, 0
    for part in re.findall(r"[()|*+?]|\{\d*,\d*\}|.", plain, re.DOTALL):
        depth += (part == "(") - (part == ")")
        if part == "|" and depth == 0:
            repeats = options = 0
        repeats += part in "*+" or (part[0] == "{" and len(part) > 1)
        options += part == "?"
        if repeats > MAX_REPEATS or options > MAX_OPTIONS:
            return False
    return True


def _walk(value: Any, key: str, owner: dict[str, Any] | None = None) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every plain value below a JSON value: its key, itself, and the nearest object around it that has a type."""
    owner = owner or {}
    if isinstance(value, dict):
        owner = value if "type" in value else owner
        for name, part in value.items():
            yield from _walk(part, f"{key}.{name}", owner)
    elif isinstance(value, list):
        for part in value:
            yield from _walk(part, key, owner)
    else:
        yield key, value, owner


def _settings(folder: Path) -> dict[str, Any]:
    """What the files beside it say of special tokens and padding; they may be missing."""
    found: dict[str, Any] = {}
    for name in SETTINGS:
        if (folder / name).is_file():
            values = parse_json(read_plain_file(folder / name, SETTINGS_BYTES), name, max_bytes=SETTINGS_BYTES)
            if not isinstance(values, dict):
                raise WeightsError(f"{folder / name} is no object of settings.", remedy=_REMEDY)
            found |= {key: value for key, value in values.items() if value is not None}
    for name in SPECIAL:
        if name in found and not isinstance(_name(found[name]), str):
            raise WeightsError(f"{folder}: {name} is {found[name]!r:.60}, not a token.", remedy=_REMEDY)
    return found


def _name(token: Any) -> Any:
    """A token is a text, or an object with its text and flags."""
    return token.get("content") if isinstance(token, dict) else token


def _side(settings: dict[str, Any], name: str) -> str:
    return "left" if settings.get(name) == "left" else "right"


def _check_agrees(tokenizer: Any, settings: dict[str, Any], path: Path) -> None:
    """transformers' classes follow these three settings, tokenizer.json alone counts here: where both differ, every feature would
    be wrong without a word.

    Raises:
        WeightsError: names the setting.
    """
    ids = tokenizer.encode("a").ids
    ends = {"add_bos_token": ("bos_token", ids[:1]), "add_eos_token": ("eos_token", ids[-1:])}
    agrees = {
        key: ([tokenizer.token_to_id(_name(settings[token]))] == end) == settings[key]
        for key, (token, end) in ends.items() if isinstance(settings.get(key), bool) and token in settings
    }  # fmt: skip
    if settings.get("do_lower_case") is False:
        agrees["do_lower_case"] = tokenizer.encode("A").ids != ids
    if wrong := sorted(key for key, same in agrees.items() if not same):
        raise WeightsError(f"{path} does not do what tokenizer_config.json says of {', '.join(wrong)}.", remedy=_REMEDY)
