"""What would mend it: the same labelled items with other wordings and settings, one changed at a time, in one table.

Half of the items choose, the other half judge: what is best on some items looks better there than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seda.aligner import PretrainedAligner
from seda.class_texts import PHRASINGS, fill_template, quoted
from seda.config import PATH_FAMILIES, SAMPLERS, ModelConfig, SamplingConfig
from seda.data.truth import plain_label
from seda.data.wordnet import WordNet
from seda.diffusion.sampling import item_seed_under
from seda.errors import ConfigError, DataError, ShapeError, Stopped
from seda.evaluation.paired import paired_difference, stratified_halves
from seda.evaluation.trajectories import AT

BASE, WORDING, TEMPLATE, GUIDANCE, STRENGTH, STEPS, SAMPLER, SEED = (
    "base", "wording", "template", "guidance", "strength", "steps", "sampler", "seed",
)  # fmt: skip
KINDS = {
    TEMPLATE: "the phrase around each class text",
    WORDING: "one class text in another word",
    GUIDANCE: "how strongly a path is led",
    STRENGTH: "how much noise each stage begins from",
    STEPS: "steps of each stage",
    SAMPLER: "how one step follows from the last",
    SEED: "the noise",
}
# Tried where they are not the base's; chosen here: within what the trajectories page offers
GUIDANCES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
STEP_COUNTS = (5, 10, 25, 50)
SEEDS = 4  # after the base's
MAX_WORDINGS = 20
WORDS_A_TEXT = 4  # of the words for one class text, the nearest; chosen here: beyond lie other meanings
SENSES = 2  # of a word, the most usual
BATCH = 256  # rows that travel at a time, as in `seda.journeys.diagnosing`

_Found = tuple[np.ndarray, np.ndarray | None, float | None]


@dataclass(frozen=True)
class Variant:
    """One way to run labelled items.

    Attributes:
        name: for people, such as "guidance 5".
        kind: BASE or a key of KINDS: what it changes.
        template: put around each class text.
        sampling: how the paths are drawn.
        class_texts: k texts in the order of the labels; None for the base's own.
    """

    name: str
    kind: str
    template: str
    sampling: SamplingConfig
    class_texts: tuple[str, ...] | None = None


def base_variant(class_texts: Sequence[str], template: str, sampling: SamplingConfig, model: ModelConfig) -> Variant:
    """The settings as they are, which every variant changes in one thing."""
    return Variant("as it is", BASE, template, sampling.settled(model), tuple(class_texts))


def template_variants(base: Variant) -> list[Variant]:
    """Every phrasing of `seda.class_texts.PHRASINGS` but the base's."""
    return [replace(base, name=one, kind=TEMPLATE, template=one) for one in PHRASINGS if one != base.template]


def guidance_variants(base: Variant) -> list[Variant]:
    """Every one of GUIDANCES but the base's."""
    return _sampled(base, GUIDANCE, "guidance", GUIDANCES)


def strength_variants(base: Variant, model: ModelConfig) -> list[Variant]:
    """Every one of STRENGTHS that holds the base's steps; none on paths that know no strength."""
    return [] if STRENGTH in PATH_FAMILIES[model.path].ignores else _sampled(base, STRENGTH, "strength", STRENGTHS)


def step_variants(base: Variant) -> list[Variant]:
    """Every one of STEP_COUNTS that fits into the base's strength."""
    return _sampled(base, STEPS, "num_inference_steps", STEP_COUNTS)


def sampler_variants(base: Variant, model: ModelConfig) -> list[Variant]:
    """Every other sampler; none on paths that know no sampler."""
    return [] if SAMPLER in PATH_FAMILIES[model.path].ignores else _sampled(base, SAMPLER, "sampler", SAMPLERS)


def seed_variants(base: Variant, count: int = SEEDS) -> list[Variant]:
    """The seeds after the base's."""
    numbers = [(base.sampling.seed + step) % (SamplingConfig.MAX_SEED + 1) for step in range(1, count + 1)]
    return _sampled(base, SEED, "seed", numbers)


def _sampled(base: Variant, kind: str, setting: str, values: Iterable[float | str]) -> list[Variant]:
    """The base with other values of one setting; those that do not fit its other settings are passed over."""
    found = []
    for value in values:
        if value == getattr(base.sampling, setting):
            continue
        shown = SAMPLERS[value].label if isinstance(value, str) else f"{value:g}" if kind != SEED else str(value)
        try:
            sampling = replace(base.sampling, **{setting: value})  # type: ignore[arg-type]
        except ConfigError:  # more steps than the strength holds
            continue
        found.append(replace(base, name=f"{kind} {shown}", kind=kind, sampling=sampling))
    return found


def wording_variants(base: Variant, wordnet: WordNet, *, most: int = MAX_WORDINGS) -> list[Variant]:
    """The base with one class text in another word: a synonym, or what it is a kind of, by WordNet's usual senses.

    Of a text that WordNet does not know its last word is changed ("leather sofa" to "leather couch"). The texts take turns, so that
    each has its nearest words among the `most`. A word that is another class text already is passed over.
    """
    texts = base.class_texts or ()
    others = [_other_words(text, wordnet)[:WORDS_A_TEXT] for text in texts]
    taken = {plain_label(text) for text in texts}
    found: list[Variant] = []
    for turn in range(WORDS_A_TEXT):
        for place, words in enumerate(others):
            if turn >= len(words) or plain_label(words[turn]) in taken or len(found) == most:
                continue
            changed = (*texts[:place], words[turn], *texts[place + 1 :])
            name = f"{texts[place]}: {words[turn]}"
            found.append(replace(base, name=name, kind=WORDING, class_texts=changed))
    return found


def _other_words(text: str, wordnet: WordNet) -> list[str]:
    """For each of its most usual senses the synonyms, then what it is a kind of, without the text itself."""
    front, head, senses = "", text, wordnet.senses(text)
    if not senses and " " in text:
        before, _, head = text.rpartition(" ")
        front, senses = f"{before} ", wordnet.senses(head)
    if not senses and head.endswith("s"):  # a plural
        head = head[:-1]
        senses = wordnet.senses(head)
    if text == text.lower():  # nobody's name: "crane" is no "Stephen Crane"
        senses = [offset for offset in senses if head in wordnet.synsets[offset].lemmas]
    words = []
    for offset in senses[:SENSES]:
        near = [(synset, steps) for synset, steps in wordnet.kinds(offset) if steps <= 1]
        words += [lemma for synset, steps in near for lemma in (synset.lemmas if steps == 0 else synset.lemmas[:1])]
    if text == text.lower():  # and no Latin
        words = [word for word in words if word == word.lower()]
    known = {plain_label(text)}
    found = []
    for word in (f"{front}{lemma}" for lemma in words):
        if plain_label(word) not in known:
            known.add(plain_label(word))
            found.append(word)
    return found


def make_variants(
    kinds: Iterable[str], base: Variant, model: ModelConfig, wordnet: WordNet | None = None
) -> tuple[list[Variant], tuple[str, ...]]:
    """Variants of these kinds, and a sentence for each kind that there is nothing to try of.

    Args:
        kinds: keys of KINDS.
        model: of the aligner: what its paths do not know is not tried.
        wordnet: for wordings; None looks for it where it usually is, and says so where it is not installed.
    Raises:
        ConfigError: a kind is not known.
    """
    made: list[Variant] = []
    notes = []
    for kind in kinds:
        found, why = _of_kind(kind, base, model, wordnet)
        made += found
        if not found:
            notes.append(f"{kind}: nothing to try. {why}")
    return made, tuple(notes)


def _of_kind(kind: str, base: Variant, model: ModelConfig, wordnet: WordNet | None) -> tuple[list[Variant], str]:
    """The variants of one kind, and why there are none where there are none."""
    path = f"The paths of this aligner ({PATH_FAMILIES[model.path].label}) know no {kind}."
    if kind == WORDING:
        try:
            return wording_variants(base, wordnet or WordNet()), "WordNet has no other words for these class texts."
        except DataError as error:
            return [], str(error)
    makers: dict[str, Callable[[], list[Variant]]] = {
        TEMPLATE: lambda: template_variants(base),
        GUIDANCE: lambda: guidance_variants(base),
        STRENGTH: lambda: strength_variants(base, model),
        STEPS: lambda: step_variants(base),
        SAMPLER: lambda: sampler_variants(base, model),
        SEED: lambda: seed_variants(base),
    }
    if kind not in makers:
        raise ConfigError(f"{kind!r:.40} cannot be swept over; allowed are {', '.join(KINDS)}.")
    return makers[kind](), path if kind in PATH_FAMILIES[model.path].ignores else "No other value fits."


@dataclass(frozen=True)
class Accuracy:
    """How often one place (the answer, or the path's end) is right with a variant.

    Attributes:
        chosen_on, judged_on, all: shares of the items of each half, and of all.
        difference: judged_on minus the base's, with the ends of its paired 95 % interval.
    """

    chosen_on: float
    judged_on: float
    all: float
    difference: tuple[float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        difference, low, high = (round(value, 6) for value in self.difference)
        return {
            "chosen_on": round(self.chosen_on, 6), "judged_on": round(self.judged_on, 6), "all": round(self.all, 6),
            "judged_difference": difference, "low": low, "high": high,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class SweepRow:
    """One variant and what came of it.

    Attributes:
        right_answer: bool [n].
        right_end: bool [n], whether the path ends at the right class text; not where it ends away from all. None, as the next,
            where the paths were not walked.
        landed: share of paths that end at a class text at all.
        answer, end: accuracies of the two.
    """

    variant: Variant
    right_answer: np.ndarray
    answer: Accuracy
    right_end: np.ndarray | None = None
    landed: float | None = None
    end: Accuracy | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        variant = self.variant
        return {
            "name": variant.name, "kind": variant.kind, "template": variant.template, "class_texts": None if variant.class_texts is None else list(variant.class_texts),
            "sampling": variant.sampling.to_dict(), "answer": self.answer.to_dict(),
            "end": None if self.end is None else self.end.to_dict(),
            "landed": None if self.landed is None else round(self.landed, 6),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class SweepTable:
    """All variants on the same labelled items.

    Attributes:
        base: the settings as they are.
        rows: the variants, in the order they came.
        chosen_on, judged_on: positions of the items of the two halves.
        answer_ignores: kinds that have no part in this aligner's answers, only in its paths.
    """

    base: SweepRow
    rows: tuple[SweepRow, ...]
    chosen_on: np.ndarray
    judged_on: np.ndarray
    answer_ignores: tuple[str, ...]

    def best(self, of: str = "answer") -> SweepRow:
        """The row with most right on the choosing half, by the "answer" or the path's "end"; of equal ones the base, then the first.

        Nothing of the judging half is looked at. Rows without what is asked for cannot be best, and no seed: what is luck on some items
        is luck on others.
        """
        return max((self.base, *self._candidates(of)), key=lambda row: getattr(row, of).chosen_on)

    def _candidates(self, of: str) -> list[SweepRow]:
        return [row for row in self.rows if getattr(row, of) is not None and row.variant.kind != SEED]

    def sentences(self) -> list[str]:
        """For people: which half does what, what is best, and what the answers do not depend on."""
        a, b = len(self.chosen_on), len(self.judged_on)
        told = [
            f"{a} of the {a + b} labelled items choose, the other {b} judge; each half has its share of every word."
        ]
        told += [self._sentence(of, what) for of, what in (("answer", "answers"), ("end", "paths' ends"))]
        ends = [row.end.all for row in (self.base, *self.rows) if row.end and row.variant.kind in (BASE, SEED)]
        if len(ends) > 1:
            told.append(
                f"With the noise of {len(ends)} seeds {_percent(min(ends))} to {_percent(max(ends))} of all paths end at the right word: a smaller "
                "difference of ends may be luck, and no seed is chosen."
            )
        if tried := [kind for kind in self.answer_ignores if any(row.variant.kind == kind for row in self.rows)]:
            told.append(f"The answers of this aligner do not depend on {_listed(tried)}: these move its paths alone.")
        return told

    def _sentence(self, of: str, what: str) -> str:
        best = self.best(of)
        now, figures = getattr(self.base, of), getattr(best, of)
        if best is self.base:
            return (
                f"By their {what} nothing of {len(self._candidates(of))} is better on the choosing half than what there is: "
                f"{_percent(now.chosen_on)} right there, {_percent(now.judged_on)} on the judging half."
            )
        change, low, high = figures.difference
        clear = "a clear gain" if low > 0 else "a clear loss" if high < 0 else "no clear difference"
        return (
            f"By their {what} {quoted(best.variant.name)} is best on the choosing half: {_percent(figures.chosen_on)} right, against "
            f"{_percent(now.chosen_on)} as it is. On the judging half, which had no part in the choice, it has {_percent(figures.judged_on)} against "
            f"{_percent(now.judged_on)}: {100 * change:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), {clear}."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values: both halves, every row, and the best ones with what they do on the judging half."""
        return {
            "count": len(self.chosen_on) + len(self.judged_on),
            "chosen_on": self.chosen_on.tolist(),
            "judged_on": self.judged_on.tolist(),
            "base": self.base.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
            "best": {of: {"name": (row := self.best(of)).variant.name, **getattr(row, of).to_dict()} for of in ("answer", "end")},
            "answer_ignores": list(self.answer_ignores),
            "sentences": self.sentences(),
        }  # fmt: skip


def sweep(
    aligner: PretrainedAligner,
    image_features: Tensor,
    labels: np.ndarray,
    encode_texts: Callable[[Sequence[str]], Tensor],
    variants: Sequence[Variant],
    base: Variant,
    *,
    item_seeds: Sequence[int] | None = None,
    halves: tuple[np.ndarray, np.ndarray] | None = None,
    walk: Collection[str] = (BASE, *KINDS),
    on_progress: Callable[[int, int], object] | None = None,
    seed: int = 0,
) -> SweepTable:
    """Let labelled items travel with every variant, and compare each with the base.

    Args:
        image_features: as the encoder gives them [n, D].
        labels: int [n], index of the right one of the base's class texts.
        encode_texts: filled templates to features [m, d]; asked once, for all that is needed.
        variants: of `make_variants`.
        base: of `base_variant`, with class texts.
        item_seeds: one number an item for its noise; 0 .. n - 1 where None.
        halves: positions of the items that choose and of those that judge; None draws them, with a share of each class.
        walk: kinds whose paths are walked; of the others there is the answer alone, which is found much faster. The base's are.
        on_progress: told of rows done (items times variants), of how many; return True to stop.
        seed: of the halves and of the intervals.
    Raises:
        ShapeError: labels, features and class texts do not fit, or there are fewer than two items.
        Stopped: on_progress returned True.
    """
    n = len(image_features)
    _check(labels, n, len(base.class_texts or ()))
    chosen_on, judged_on = stratified_halves(labels, seed=seed) if halves is None else halves
    item_seeds = list(range(n)) if item_seeds is None else list(item_seeds)
    every = (base, *variants)
    texts = _encoded([_filled(one, base) for one in every], encode_texts)
    groups: dict[tuple[tuple[str, ...], SamplingConfig, bool], list[Variant]] = {}
    for one in every:  # the same but for the seed: one batch holds all of them
        walks = one is base or one.kind in walk
        groups.setdefault((_filled(one, base), replace(one.sampling, seed=0), walks), []).append(one)
    found: dict[int, _Found] = {}
    done, total = 0, n * len(every)
    for (filled, _, walks), group in groups.items():
        parts = []
        for part in _run(aligner, image_features, texts[filled], group, item_seeds, walks):
            parts.append(part)
            done += part[0].size
            if on_progress is not None and on_progress(done, total):
                raise Stopped
        answers, ends, landed = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))  # [variants, n]
        for place, one in enumerate(group):
            end = (ends[place] == labels) & landed[place] if walks else None
            found[id(one)] = answers[place] == labels, end, float(landed[place].mean()) if walks else None
    rows = [_row(one, found[id(one)], found[id(base)], chosen_on, judged_on, seed) for one in every]
    ignores = () if _answers_walk(aligner) else (GUIDANCE, STRENGTH, STEPS, SAMPLER, SEED)
    return SweepTable(rows[0], tuple(rows[1:]), chosen_on, judged_on, ignores)


def _check(labels: np.ndarray, n: int, k: int) -> None:
    if labels.shape != (n,) or n < 2 or labels.min() < 0 or labels.max() >= k:
        raise ShapeError(
            f"Labels of shape {labels.shape} came for {n} items and {k} class texts; two labelled items or more are needed, each with "
            "the index of a class text."
        )


def _answers_walk(aligner: PretrainedAligner) -> bool:
    """Whether stage 1's path has a part in the answers, see `Aligner.align`: else no setting of the sampling has."""
    inner = aligner.aligner
    return inner.config.semantic_space and float(inner.translator.prior.residual_share) > 0


def _filled(variant: Variant, base: Variant) -> tuple[str, ...]:
    """The texts that an encoder reads."""
    return tuple(fill_template(variant.template, variant.class_texts or base.class_texts or ()))


def _encoded(
    lists: Sequence[tuple[str, ...]], encode_texts: Callable[[Sequence[str]], Tensor]
) -> dict[tuple[str, ...], Tensor]:
    """Features [k, d] of each list of texts; a text that is in many lists is encoded once."""
    places = {text: place for place, text in enumerate(dict.fromkeys(text for texts in lists for text in texts))}
    features = encode_texts(list(places))
    return {texts: features[[places[text] for text in texts]] for texts in lists}


def _run(
    aligner: PretrainedAligner,
    features: Tensor,
    texts: Tensor,
    group: Sequence[Variant],
    item_seeds: Sequence[int],
    walks: bool,
) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Answers, ends and whether these are at a word, [variants, items] each, of variants that differ in the seed alone; batch by batch.

    Where the paths are not walked the last two say nothing.
    """
    sampling, m = group[0].sampling, len(group)
    size = max(BATCH // m, 1)
    for first in range(0, len(features), size):
        part, own = features[first : first + size], item_seeds[first : first + size]
        seeds = [item_seed_under(number, sampling.seed, one.sampling.seed) for one in group for number in own]
        run = aligner.aligner.align(
            part.repeat(m, 1), texts, sampling, item_seeds=seeds, answer_only=not walks, tell_fit=False
        )
        normalize = torch.nn.functional.normalize
        cosines = normalize(run.translator.states[:, -1], dim=1) @ normalize(run.class_texts, dim=1).T  # [m b, k]
        nearest, end = cosines.max(1)
        found = (run.class_probabilities.argmax(1), end, nearest >= AT)
        answers, ends, landed = (one.cpu().numpy().reshape(m, len(part)) for one in found)
        yield answers, ends, landed


def _row(
    variant: Variant, found: _Found, base: _Found, chosen_on: np.ndarray, judged_on: np.ndarray, seed: int
) -> SweepRow:
    """The accuracies of what was found of a variant: right answers, right ends, share of ends at a word."""

    def accuracy(right: np.ndarray, before: np.ndarray) -> Accuracy:
        difference = paired_difference(right[judged_on], before[judged_on], seed=seed)
        return Accuracy(float(right[chosen_on].mean()), float(right[judged_on].mean()), float(right.mean()), difference)

    (answers, ends, landed), (answers_before, ends_before, _) = found, base
    end = None if ends is None or ends_before is None else accuracy(ends, ends_before)
    return SweepRow(variant, answers, accuracy(answers, answers_before), ends, landed, end)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
