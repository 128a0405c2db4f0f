"""Moving pictures of a journey: MP4 (H.264), WebM (VP9) and GIF, in the time of the player's own clock."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from seda.errors import ConfigError, Stopped
from seda.export.drawing.needs import need
from seda.export.drawing.skia_canvas import Painter
from seda.export.encoded import Encoded
from seda.export.options import MOST_FILM_PIXELS, MOST_GIF_FPS, MOST_GIF_PIXELS, ExportOptions, OnProgress, check_pixels
from seda.export.stills import notes_of, staged
from seda.journeys.journey import Journey

FILM_SIZE, FILM_FPS = (1920, 1080), 30.0
GIF_SIZE, GIF_FPS = (960, 540), 12.5  # chosen here: six megabytes hold ten seconds of it
STOPS_AFTER = 5.0  # seconds that the encoder has to end once it has all frames and has been asked to stop

# Colours as of high definition, and said so: without, players guess.
_COLORS = (
    "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
)  # fmt: skip
_MP4 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", *_COLORS, "-movflags", "+faststart")
_WEBM = (
    "-c:v",
    "libvpx-vp9",
    "-crf",
    "30",
    "-b:v",
    "0",
    "-deadline",
    "realtime",
    "-cpu-used",
    "6",
    "-row-mt",
    "1",
    *_COLORS,
)
# One palette for all frames; of each only the part that has changed is written.
_GIF = ("-lavfi", "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a:diff_mode=rectangle")


def to_mp4(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """A film that every program plays."""
    return _film(journey, options, on_progress, ".mp4", _MP4, FILM_SIZE, FILM_FPS, MOST_FILM_PIXELS)


def to_webm(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """A film in a form without patents."""
    return _film(journey, options, on_progress, ".webm", _WEBM, FILM_SIZE, FILM_FPS, MOST_FILM_PIXELS)


def to_gif(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """A film that stands in a page like a picture."""
    if options.fps is not None and options.fps > MOST_GIF_FPS:
        raise ConfigError(
            f"A GIF has at most {MOST_GIF_FPS:g} frames a second; {options.fps:g} were asked for.",
            remedy="Choose fewer.",
        )
    loop = ("-loop", "0" if options.loop else "-1")
    return _film(journey, options, on_progress, ".gif", (*_GIF, *loop), GIF_SIZE, GIF_FPS, MOST_GIF_PIXELS)


def _film(
    journey: Journey, options: ExportOptions, on_progress: OnProgress, suffix: str, codec: Sequence[str],
    default_size: tuple[int, int], default_fps: float, most: int,
) -> Encoded:  # fmt: skip
    width, height = options.size or default_size
    size = (width // 2 * 2, height // 2 * 2)  # colours are kept for two by two pixels
    check_pixels(size, most, "A film")
    fps = options.fps or default_fps
    encoder = _encoder()
    with staged(journey, options, size) as (stage, letters), tempfile.TemporaryDirectory(prefix="seda-film-") as folder:
        positions = stage.positions(fps, options.seconds or 0)
        file = Path(folder) / f"film{suffix}"
        command = [
            encoder, "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{size[0]}x{size[1]}",
            "-r", f"{fps:g}", "-i", "-", "-an", *codec, str(file),
        ]  # fmt: skip
        with (
            open(Path(folder) / "said", "w+b") as said,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said) as process,
        ):
            assert process.stdin is not None
            try:
                _send_frames(
                    process.stdin, stage, Painter(letters, stage.pictures, keep=True), size, positions, on_progress
                )
                process.stdin.close()
                process.wait()
            except (
                BaseException
            ) as error:  # also Streamlit's, which is no Exception: nobody waits for the film any more
                process.kill()
                if not isinstance(error, BrokenPipeError):
                    raise
            said.seek(0)
            if process.wait() != 0 or not file.is_file():
                raise ConfigError(
                    f"The film could not be encoded: {said.read(400).decode(errors='replace').strip() or 'the encoder ended'}",
                    remedy="Choose another size or form.",
                )
        return Encoded(file.read_bytes(), notes_of(letters))


def _encoder() -> str:
    try:
        path: str = need("imageio_ffmpeg").get_ffmpeg_exe()
    except RuntimeError as error:
        raise ConfigError(
            "There is no ffmpeg for this machine, which films are encoded with.",
            remedy="Install ffmpeg, and name it by the environment variable IMAGEIO_FFMPEG_EXE.",
        ) from error
    return path


def _send_frames(
    pipe: IO[bytes], stage: Any, painter: Painter, size: tuple[int, int], positions: Sequence[float], on_progress: OnProgress
) -> None:  # fmt: skip
    """Every frame as RGBA; one that equals the frame before is sent again without being drawn."""
    skia = need("skia")
    surface = skia.Surface(*size)
    before, frame = None, b""
    for number, position in enumerate(positions):
        if on_progress(number, len(positions)):
            raise Stopped
        if position != before:
            drawn = stage.draw(position)
            painter.paint(surface.getCanvas(), drawn, size[0] / drawn.page.width)
            frame = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType).tobytes()
            before = position
        pipe.write(frame)
    with suppress(BrokenPipeError):
        pipe.flush()
    on_progress(len(positions), len(positions))
