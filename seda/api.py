"""The public interface: what `import seda` offers. The app and the command line call the same functions below it.

import seda

journey = seda.trace("photos/", ["cat", "dog"])         # SeDA's own paths, by a stored aligner
journey = seda.journey(states, texts={"cat": vector})    # any features that move, [n, s, d]
journey.save("it.safetensors"); journey.to_html("it.html"); journey.to_pandas()
"""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seda import _notebook
from seda.class_texts import parse_class_texts
from seda.config import SamplingConfig
from seda.errors import ConfigError, DataError, ImageError
from seda.images import NamedImage, find_images, read_image
from seda.journeys.given_journey import compared, journey_of
from seda.journeys.given_paths import as_array, check_paths
from seda.journeys.journey import Journey
from seda.journeys.labels import match_labels
from seda.storage import write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from seda.diffusion.sampling import StepEvent
    from seda.journeys.tracing import Workbench

__all__ = ["compare", "journey", "load_aligner", "open_journey", "trace"]


def load_aligner(name: str | Path = "open-vocabulary", device: str = "") -> Workbench:
    """An aligner with its encoder and its maps, for any number of calls of `trace`.

    Args:
        name: of one that is on this machine (`python -m seda list`), or its folder.
        device: of torch, such as "cuda"; empty for the fastest that is there.
    Raises:
        SedaError: it cannot be loaded; says what to do.
    """
    from seda.journeys.tracing import load_workbench

    return load_workbench(name, device)


def trace(
    images_or_features: Any,
    classes: str | Sequence[str],
    *,
    aligner: str | Path | Workbench = "open-vocabulary",
    sampling: SamplingConfig | Mapping[str, Any] | None = None,
    template: str | None = None,
    labels: Sequence[str] | None = None,
    item_names: Sequence[str] | None = None,
    thumbnails: Sequence[Any] | None = None,
    title: str = "",
    on_step: Callable[[StepEvent], object] | None = None,
) -> Journey:
    """How items travel to class texts, by an aligner.

    Args:
        images_or_features: a picture (of Pillow, a file's path or its bytes), a folder of pictures, a sequence of them; or features
            [n, D] of the aligner's own encoder, as an array or a tensor.
        classes: class texts, as a sequence, whose texts may hold commas, or in one string, separated by commas.
        aligner: from `load_aligner`, which is faster for several calls; or its name or folder.
        sampling: how paths are drawn; a mapping of its settings, such as {"num_inference_steps": 50}, does too.
        template: put around each class text, "{}" stands for it; None for the aligner's own.
        labels: the right class text of each item, "" where nobody knows.
        item_names: of the items; file names where there are files.
        thumbnails: of features' items, n pictures of Pillow or PNG bytes.
        title: a line for the screen.
        on_step: told of each denoising step; return True to stop.
    Raises:
        SedaError: something of this cannot be used; says what came and what to do.
    """
    from seda.journeys.tracing import Workbench, feature_seed, trace_features, trace_images

    workbench = aligner if isinstance(aligner, Workbench) else load_aligner(aligner)
    texts = parse_class_texts(classes)
    how = sampling if isinstance(sampling, SamplingConfig) else SamplingConfig.from_dict(dict(sampling or {}))
    if _is_array(images_or_features):
        given = check_paths(_as_states(images_or_features), item_names=item_names, thumbnails=thumbnails)
        import torch

        own = workbench.aligner.card.template if template is None else template
        features = given.states[:, 0]
        made = trace_features(
            torch.from_numpy(features), workbench.encode_class_texts(texts.names, own), given.item_names, texts.names, workbench, how,
            item_seeds=[feature_seed(feature) for feature in features], thumbnails=given.thumbnails, template=own, title=title, on_step=on_step,
        )  # fmt: skip
    else:
        items = _items(images_or_features, item_names)
        made = trace_images(items, texts.names, workbench, how, template=template, title=title, on_step=on_step)
    if labels is None:
        return made
    if len(labels) != len(made.thumbnails):
        raise DataError(
            f"{len(labels)} labels came for {len(made.thumbnails)} items.",
            remedy='Give one each, "" where nobody knows.',
        )
    return replace(made, labels=match_labels(list(labels), texts.names))


def journey(
    states: Any,
    *,
    texts: Any = None,
    class_names: Sequence[str] | None = None,
    probabilities: Any = None,
    labels: Sequence[Any] | None = None,
    thumbnails: Sequence[Any] | None = None,
    stages: Sequence[tuple[str, int]] | None = None,
    item_names: Sequence[str] | None = None,
    timesteps: Any = None,
    reference: Any = None,
    coordinates: Any = None,
    text_coordinates: Any = None,
    maps: Sequence[str] | None = None,
    title: str = "",
    note: str = "",
    on_progress: Callable[[str, int, int], object] | None = None,
) -> Journey:
    """A journey of any features that move: of another diffusion, a flow, the layers of a network, the epochs of a training.

    Args:
        states: [n, s, d], n items through s states of d numbers; arrays, nested lists, or tensors on any device.
        texts: what the paths lead to: features [k, d] in the same space, or a mapping of names to them; None for nothing in particular.
        class_names: k names of the texts.
        probabilities: [n, k], the answers, where there are any; else an item is answered with the text that its end is nearest to.
        labels: n names or numbers of the right texts, None or "" where nobody knows; without texts what items are told apart by.
        thumbnails: n pictures of Pillow or PNG bytes, None for a dot.
        stages: names and numbers of states, such as [("noise", 1), ("denoise", 50)]; they sum to s - 1, the states behind the first, or
            to s. None for a single stage.
        item_names: n names.
        timesteps: [s], of a noise schedule.
        reference: [m, d], features that the maps show beside the paths.
        coordinates: [n, s, 2] or [n, s, 3], a map of your own; no other is fitted then unless `maps` says so.
        text_coordinates: [k, 2] or [k, 3], where the texts are on it.
        maps: of "umap-2d", "umap-3d", "timeline", "pca-2d", "pca-3d", "words-2d", "words-3d" and "given-2d" or "given-3d", in the order of
            the screen; None for those that suit.
        title: a line for the screen.
        note: a sentence on what to look at.
        on_progress: told (name of a map, steps done, of how many) while maps are fitted; return True to stop.
    Raises:
        DataError: everything that does not fit, with its row.
        ConfigError: these paths cannot have one of the maps.
        Stopped: on_progress returned True.
    """
    paths = check_paths(
        states, texts=texts, class_names=class_names, probabilities=probabilities, labels=labels, thumbnails=thumbnails, stages=stages,
        item_names=item_names, timesteps=timesteps, reference=reference, coordinates=coordinates, text_coordinates=text_coordinates,
    )  # fmt: skip
    return journey_of(paths, maps=maps, title=title, note=note, on_progress=on_progress)


def compare(now: Journey, before: Journey) -> Journey:
    """A journey with another one of the same items laid under it, dashed: what they do otherwise, step by step.

    Journeys of one aligner are matched by their items' features, others by the names of their items; maps of the latter are fitted anew, to both.

    Raises:
        ConfigError: they have no item or no space in common.
    """
    if now.trajectory.is_aligned != before.trajectory.is_aligned:
        raise ConfigError(
            "A journey of an aligner and one that was made elsewhere have no space in common.",
            remedy="Compare two of a kind.",
        )
    if not now.trajectory.is_aligned:
        return compared(now, before)
    from seda.journeys.ghosts import with_ghost

    both = with_ghost(now, before)
    if both.ghost is None:
        raise ConfigError(
            "The two journeys cannot be laid over one another: no picture is in both, they are of different aligners, or nothing differs.",
            remedy="Trace the same pictures twice by one aligner, with other words or settings.",
        )
    return both


def open_journey(
    path: str | Path, *, maps: Sequence[str] | None = None, on_progress: Callable[[str, int, int], object] | None = None
) -> Journey:
    """A journey from a file: a replay, or paths as docs/paths.md has them (.npz, .safetensors, .parquet), whose maps are fitted then.

    Raises:
        FileFormatError: the file is missing, damaged or of another kind.
        DataError: everything in it that does not fit, with its row.
    """
    from seda.journeys.path_file import read_journey

    return read_journey(Path(path), maps=maps, on_progress=on_progress)


def show(made: Journey) -> Path | None:
    """Play it: in the notebook's cell; elsewhere in the browser, from a page that is written for it.

    Returns:
        the page; None in a notebook.
    """
    if _notebook() is not None:
        from IPython.display import display

        display(made)
        return None
    page = Path(tempfile.mkdtemp(prefix="seda-")) / "journey.html"
    to_html(made, page)
    webbrowser.open(page.as_uri())
    return page


def to_html(made: Journey, path: str | Path | None = None, *, loop: bool = False) -> str:
    """The journey's player as one page; written beside and renamed where a path is given.

    Raises:
        ConfigError: more items or states than the player can animate.
        StorageError: the disk is full or the folder cannot be written.
    """
    from seda.player import to_html as page_of

    page = page_of(made, loop=loop)
    if path is not None:
        write_bytes(path, page.encode())
    return page


def to_pandas(made: Journey) -> pd.DataFrame:
    """A row for each item and state, see `seda.export.csv.to_table`."""
    from seda.export.csv import to_table

    return to_table(made)


def _as_states(features: Any) -> np.ndarray:
    """Features [n, D] as paths of two equal states, which `check_paths` looks at."""
    array = as_array(features)
    if array.ndim != 2:
        raise DataError(
            f"features are {list(array.shape)}; [n, D] is needed.", remedy="Paths [n, s, d] are for seda.journey."
        )
    return array[:, None].repeat(2, 1)


def _is_array(given: Any) -> bool:
    return hasattr(given, "detach") or isinstance(given, np.ndarray)


def _items(given: Any, item_names: Sequence[str] | None) -> list[NamedImage]:
    found: list[NamedImage] = []
    for one in given if isinstance(given, list | tuple) else [given]:
        if isinstance(one, str | Path):
            found += [NamedImage(path.name, read_image(path, path.name)) for path in find_images(one)]
        elif isinstance(one, NamedImage):
            found.append(one)
        elif isinstance(one, bytes | bytearray):
            found.append(NamedImage(f"item {len(found)}", read_image(bytes(one), f"item {len(found)}")))
        elif hasattr(one, "convert"):
            found.append(NamedImage(f"item {len(found)}", one.convert("RGB")))
        else:
            raise ImageError(
                f"Item {len(found)} is {type(one).__name__}; a picture of Pillow, a file's path or its bytes is needed.",
                remedy="Features [n, D] come as one array or tensor.",
            )
    if item_names is None:
        return found
    if len(item_names) != len(found):
        raise DataError(f"{len(item_names)} item_names came for {len(found)} pictures.", remedy="Give one each.")
    return [NamedImage(str(name), item.image) for name, item in zip(item_names, found, strict=True)]
