"""TrainState: what a visitor has chosen and been shown on the train page; in the session, never in a cache."""

from __future__ import annotations

from dataclasses import dataclass, field

from seda.card import AlignerCard
from seda.data.uploaded_pictures import UploadedClass, UploadedPictures
from seda.encoders.families import FAMILIES
from seda.errors import SedaError
from seda.images import ImageFailure
from seda.journeys.reference_pictures import ReferencePictures
from seda.training.history import Epoch
from seda.training.unfinished import TrainingRecord
from seda.ui.pictures import ReadPicture
from seda.ui.state import begin_widget, read_widget

OPEN_CLIP = "open_clip"
LOCAL, HUB = "Local file", "Hugging Face hub"
FOLDER = "folder"  # beside UPLOADS, DATASET and WORDS: where pictures come from, on the screen
_KEY = "train.state"


@dataclass
class ClassDraft:
    """A class that is being put together.

    Attributes:
        key: of its widgets.
        name: as typed.
        kept: pictures of earlier visits to the page, whose uploader is gone.
        uploaded: pictures in the uploader.
    """

    key: int
    name: str = ""
    kept: tuple[ReadPicture, ...] = ()
    uploaded: tuple[ReadPicture, ...] = ()

    @property
    def pictures(self) -> tuple[ReadPicture, ...]:
        """All of the class, those from before first."""
        return self.kept + self.uploaded

    @property
    def readable(self) -> tuple[ReadPicture, ...]:
        """Those that can be trained on; copies count once."""
        return tuple({picture.file.sha256: picture for picture in self.pictures if not picture.problem}.values())

    @property
    def upload(self) -> UploadedClass:
        """As the training takes it."""
        read = [one for one in self.pictures if not one.problem]
        pictures = tuple((one.file.name, one.file.content) for one in read)
        unreadable = tuple(
            ImageFailure(one.file.name, f"{one.problem} {one.remedy}".strip()) for one in self.pictures if one.problem
        )
        return UploadedClass(self.name, pictures, tuple(one.reduced for one in read), unreadable)


@dataclass
class EncoderChoice:
    """Which encoder, as chosen.

    Attributes:
        kind: label of a form of seda/encoders/families.py, OPEN_CLIP, LOCAL or HUB.
        family, model, tag: of open_clip; "" until they are first looked at.
        path: of a local file or folder, as typed.
        repository: ORG/REPO, as typed.
    """

    kind: str = FAMILIES["bundled"].forms[0].label
    family: str = ""
    model: str = ""
    tag: str = ""
    path: str = ""
    repository: str = ""


@dataclass(frozen=True)
class EncoderFacts:
    """What is shown of an encoder that was loaded."""

    name: str
    fingerprint: str
    description: str
    image_dim: int
    text_dim: int


@dataclass(frozen=True)
class LoadRequest:
    """What "Load it now" was pressed with: an encoder's name."""

    encoder: str


@dataclass(frozen=True, eq=False)
class TrainRequest:
    """What "Train" or "Go on" was pressed with; uploads lie here and nowhere else."""

    record: TrainingRecord
    uploads: UploadedPictures | None = None


@dataclass(frozen=True, eq=False)
class Finished:
    """A training that is done.

    Attributes:
        request: what it was asked with.
        card: the aligner's.
        history: all its epochs.
        seconds: how long the last part of it took.
        kept: whether it is an aligner that other pages can use.
        pictures: small ones of its uploads, in memory until it is kept; None where it has none, or where they are on the disk.
    """

    request: TrainRequest
    card: AlignerCard
    history: tuple[Epoch, ...]
    seconds: float = 0.0
    kept: bool = False
    pictures: ReferencePictures | None = None


@dataclass
class TrainState:
    """One visitor's.

    Attributes:
        encoder: as chosen.
        facts: of the encoder that was loaded last; None until one was.
        source: UPLOADS, FOLDER, DATASET or WORDS; None while the visitor leaves it to the page.
        classes: of uploads.
        next_key: of the next class.
        folder: on the server, as typed.
        dataset: name of a data set.
        limit: its first so many images; 0 for all.
        words: as typed.
        name: of the aligner, as typed.
        epochs: at most; 0 leaves it to the number of pictures.
        seed: of everything random.
        path: what kind of paths, a name of PATH_FAMILIES.
        denoiser: what shall walk the paths, a name of DENOISERS.
        pending: what was asked for and is not finished; a rerun from elsewhere starts it again.
        new: whether that was asked just now, and not begun yet.
        stopped: a training that was stopped and can go on.
        finished: one that is done.
        again: an unfinished training whose pictures have to be uploaded again.
        shared: whether a kept aligner shall be everybody's.
        confirm: name of the training that "Discard" was pressed for once.
        problem: the last error.
        encoder_problem: name of the encoder that could not be loaded last, and why.
        said: a sentence on what was just done.
    """

    encoder: EncoderChoice = field(default_factory=EncoderChoice)
    facts: EncoderFacts | None = None
    source: str | None = None
    classes: list[ClassDraft] = field(default_factory=lambda: [ClassDraft(0), ClassDraft(1)])
    next_key: int = 2
    folder: str = ""
    dataset: str = "digits"
    limit: int = 0
    words: str = ""
    name: str = ""
    epochs: int = 0
    seed: int = 0
    path: str = "conditional"
    denoiser: str = "closed-form"
    pending: LoadRequest | TrainRequest | None = None
    new: bool = False
    stopped: TrainRequest | None = None
    finished: Finished | None = None
    again: TrainingRecord | None = None
    shared: bool = False
    confirm: str = ""
    problem: SedaError | None = None
    encoder_problem: tuple[str, SedaError] | None = None
    said: str = ""

    def ask(self, request: LoadRequest | TrainRequest) -> None:
        """Leave a request, which the page's next run does; what was said of the last one goes."""
        self.pending, self.stopped, self.finished = request, None, None
        self.problem = self.encoder_problem = None
        self.new = True
        self.confirm = self.said = ""

    def stop(self) -> None:
        """What was pending waits to be gone on with."""
        if isinstance(self.pending, TrainRequest):
            self.stopped = self.pending
        self.pending, self.confirm = None, ""

    def clear(self, said: str = "") -> None:
        """Back to choosing; what was chosen stays."""
        self.pending = self.stopped = self.finished = self.again = self.problem = None
        self.confirm, self.said = "", said

    def add_class(self, name: str = "", kept: tuple[ReadPicture, ...] = ()) -> None:
        """Begin another class."""
        self.classes.append(ClassDraft(self.next_key, name, kept))
        self.next_key += 1

    def remove_class(self, key: int) -> None:
        """Take a class away, with its pictures."""
        self.classes = [draft for draft in self.classes if draft.key != key]


def train_state() -> TrainState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, TrainState()))
