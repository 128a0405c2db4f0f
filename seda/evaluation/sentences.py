"""What happens along paths, in plain sentences. Arrays and names in, text out."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from seda.evaluation.trajectories import commitment_step, decisions, landed, straightness
from seda.journeys.trajectory import Trajectory, cosines, hand_overs

MAX_CHANGES = 12  # of the nearest class text, told for one path; chosen here: what is still read
SHOWN = 60  # characters of a class text

# told with the index of the state that it belongs to
Sentence = tuple[int, str]

# nats below the least fit. Chosen here: of photographs with their word on the list 1 to 3 in 100 lie lower, of those without 30 to 36
DOUBTFUL = -1.0


def path_sentences(trajectory: Trajectory, similarities: np.ndarray | None = None) -> list[list[Sentence]]:
    """For each item: start, changes of the nearest class text, hand-over, where it settles, end and answer.

    Without class texts: how far it goes, and how straight. Sentences are in the order of their states. Of more than MAX_CHANGES changes the first are told, and how many are not.

    Args:
        trajectory: the paths.
        similarities: float32 [n, s, k], `trajectory.class_similarities()`, where it is at hand.
    """
    if not trajectory.class_names:
        return _ways(trajectory)
    similarities = trajectory.class_similarities() if similarities is None else similarities
    decided, margins = decisions(similarities), class_margins(similarities)  # [n, s]
    passed = _hand_overs(trajectory)
    settled = commitment_step(decided)  # [n]
    arrived = arrived_at(trajectory, similarities)  # [n]
    names, last = [quoted(name) for name in trajectory.class_names], decided.shape[1] - 1
    told = []
    for item, nearest in enumerate(decided):
        cosines = similarities[item, [0, last], nearest[[0, last]]]
        start = f"Starts nearest to {names[nearest[0]]} (cosine {statistic(cosines[0])}{_margin(margins[item, 0])})."
        sentences = [(0, start), *_changes(nearest, margins[item], names), *passed[item]]
        if settled[item] == 0:
            sentences.append((0, f"{names[nearest[0]]} stays nearest all the way."))
        elif settled[item] < last:
            sentences.append((int(settled[item]), f"From step {settled[item]} on {names[nearest[-1]]} stays nearest."))
        if arrived[item]:
            end, at = f"Ends nearest to {names[nearest[-1]]} (cosine {statistic(cosines[1])}).", int(nearest[-1])
        else:
            end, at = (
                f"Ends away from all words; {names[nearest[-1]]} is nearest (cosine {statistic(cosines[1])}).",
                None,
            )
        answer = f" {_answer(trajectory.class_probabilities[item], at, names)}" if trajectory.is_answered else ""
        sentences.append((last, f"{end}{answer}"))
        if hint := trajectory.hints[item]:
            sentences.append((last, none_of_these(hint, trajectory.fits[item])))
        told.append(sorted(sentences, key=lambda sentence: sentence[0]))  # stable: at one state as they came
    return told


def none_of_these(hint: str, fit: float | None) -> str:
    """That no word of the list is what an item shows, and how sure that is.

    Args:
        hint: what it looks like most.
        fit: how far the list is above the least fit, in nats; None where nobody knows.
    """
    if fit is not None and fit > DOUBTFUL:
        return f"Perhaps none of the words fits; the picture looks most like {quoted(hint)}."
    return f"None of the words seems to fit; the picture looks most like {quoted(hint)}."


def arrived_at(trajectory: Trajectory, similarities: np.ndarray) -> np.ndarray:
    """Which paths end at the class text that is nearest, bool [n].

    Of an aligner's paths see `landed`. Of others nobody knows how near is near: a pair of encoders such as CLIP has cosines of .3 where all
    is well, so each of them is said to end nearest to its text, with the cosine.
    """
    return landed(similarities) if trajectory.is_aligned else np.ones(len(similarities), bool)


def _hand_overs(trajectory: Trajectory) -> list[list[Sentence]]:
    """For each item a sentence for each hand-over from a stage to the next."""
    told: list[list[Sentence]] = [[] for _ in trajectory.item_names]
    for stage, step in zip(trajectory.stage_names, hand_overs(trajectory.stages), strict=False):
        if len(trajectory.center_names):
            centers = decisions(cosines(trajectory.states[:, step], trajectory.class_centers))  # [n]
            what = [
                f"hand-over; the nearest category is {quoted(trajectory.center_names[center])}" for center in centers
            ]
        else:
            what = [f"end of {quoted(stage)}"] * len(told)
        for sentences, said in zip(told, what, strict=True):
            sentences.append((step, f"Step {step}: {said}."))
    return told


def _ways(trajectory: Trajectory) -> list[list[Sentence]]:
    """For each item, where there are no class texts: how long its path is, and how straight."""
    states, last = trajectory.states, trajectory.states.shape[1] - 1
    lengths = np.linalg.norm(np.diff(states, axis=1), axis=2).sum(1) / max(trajectory.feature_norm, 1e-12)  # [n]
    straight, passed = straightness(states), _hand_overs(trajectory)
    return [
        [
            *passed[item],
            (
                last,
                f"Its path is {statistic(length)} of a feature's length long, and {statistic(straight[item])} straight (1: a line).",
            ),
        ]
        for item, length in enumerate(lengths.tolist())
    ]


def cloud_sentence(ends: np.ndarray, spread: np.ndarray, class_names: Sequence[str], average: int = -1) -> str:
    """Where the seeds of one item end, and how far apart they are on the way.

    Args:
        ends: [r], the class text that each seed's path ends at, index into class_names; -1 for none of them.
        spread: [s], in units of the features' length.
        class_names: k class texts.
        average: the class text nearest to the mean of all ends; -1 where that is not known.
    """
    told, widest = cloud_ends(ends, class_names, average), int(spread.argmax())
    if len(ends) == 1:
        return f"{told}."
    apart = f"{statistic(spread[widest])} of a feature's length) and {statistic(spread[-1])} apart at the end"
    return f"{told}. The seeds are furthest apart at step {widest} ({apart}."


def cloud_ends(ends: np.ndarray, class_names: Sequence[str], average: int = -1) -> str:
    """The first part of `cloud_sentence`, without a full stop: where the seeds end, the most frequent class text first."""
    r, arrived = len(ends), ends[ends >= 0]
    counts = np.bincount(arrived, minlength=len(class_names))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].tolist()
    parts = [f"{counts[k]} at {quoted(class_names[k])}" for k in order]
    if order:
        first = order[0]
        parts[0] = (
            f"{counts[first]} of {r} end at {quoted(class_names[first])} (agreement {percent(counts[first] / r)})"
        )
    if away := r - len(arrived):
        parts.append(f"{away} away from all words" if order else f"all {r} end away from all words")
    told = f"{r} seed{'s' if r > 1 else ''}: {', '.join(parts)}"
    return (
        f"{told}; the average of their ends is nearest to {quoted(class_names[average])}"
        if average >= 0 and r > 1
        else told
    )


def class_margins(similarities: np.ndarray) -> np.ndarray:
    """Cosine to the nearest class text minus that to the second nearest: [n, s, k] to [n, s]; NaN for a single text."""
    if similarities.shape[-1] < 2:
        return np.full(similarities.shape[:-1], np.nan)
    ordered = np.partition(similarities, -2, axis=-1)
    return ordered[..., -1] - ordered[..., -2]


def statistic(value: float, digits: int = 2) -> str:
    """A number as statistics are printed: .93, 1.20, with a real minus sign; zero has no sign."""
    text = f"{abs(value):.{digits}f}"
    sign = "−" if value < 0 and float(text) > 0 else ""
    return sign + text.removeprefix("0")


def percent(share: float) -> str:
    """A share as whole percent; what is not all and not nothing does not become so by rounding."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def fine_percent(share: float) -> str:
    """The same with tenths and hundredths below 1 %: among a thousand words even the best may have less."""
    if 0 < share < 0.00005:
        return "under .01 %"
    return f"{statistic(100 * share)} %" if 0 < share < 0.01 else percent(share)


def quoted(name: str) -> str:
    """A class text in quotation marks; cut, and a right-to-left one kept from turning the sentence around."""
    name = name if len(name) <= SHOWN else name[: SHOWN - 1] + "…"
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        name = f"\u2068{name}\u2069"
    return f"“{name}”"


def _changes(nearest: np.ndarray, margins: np.ndarray, names: Sequence[str]) -> list[Sentence]:
    steps = np.flatnonzero(nearest[1:] != nearest[:-1]) + 1
    sentences = []
    for step in steps[:MAX_CHANGES].tolist():
        change = f"from {names[nearest[step - 1]]} to {names[nearest[step]]}"
        sentences.append((step, f"Step {step}: the nearest word changes {change}{_margin(margins[step])}."))
    if (left_out := len(steps) - MAX_CHANGES) > 0:
        changes = "1 more change is" if left_out == 1 else f"{left_out} more changes are"
        sentences.append((int(steps[MAX_CHANGES]), f"{changes} left out here, the last at step {steps[-1]}."))
    return sentences


def _margin(margin: float) -> str:
    return "" if np.isnan(margin) else f", margin {statistic(margin)}"


def _answer(probabilities: np.ndarray, end: int | None, names: Sequence[str]) -> str:
    """The answer, and where it differs from the word that the path ends at, if there is one."""
    best = np.argsort(-probabilities, kind="stable")[:2]
    parts = [f"{names[k]} with {percent(float(probabilities[k]))}" for k in best]
    answer = f"The answer is {', then '.join(parts)}."
    if end is None:
        answer += " The path is one draw of what the picture may be called, and that is none of these words."
    elif best[0] != end:
        answer += f" So the path ends at another word than the answer: it is one draw, and {names[end]} has "
        answer += f"{percent(float(probabilities[end]))}."
    return answer
