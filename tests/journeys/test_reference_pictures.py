"""Pictures of reference features: reduced, on a sheet, saved and loaded."""

import io

import numpy as np
import pytest
from PIL import Image

from seda.errors import FileFormatError
from seda.journeys.reference_pictures import FILE, ReferencePictures
from seda.storage import read_arrays, write_arrays

RNG = np.random.default_rng(0)
GREY = ReferencePictures(RNG.integers(0, 256, (23, 28, 28), dtype=np.uint8))
COLOURED = ReferencePictures(RNG.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize("pictures", [GREY, COLOURED])
def test_save_then_load(tmp_path, pictures):
    assert ReferencePictures.load(tmp_path) is None
    pictures.save(tmp_path)
    np.testing.assert_array_equal(ReferencePictures.load(tmp_path).tiles, pictures.tiles)
    metadata = read_arrays(tmp_path / FILE)[1]
    assert (metadata["tile"], metadata["count"]) == (pictures.side, len(pictures.tiles))


@pytest.mark.parametrize(("pictures", "kind", "error"), [(GREY, "PNG", 0), (COLOURED, "WEBP", 90)])
def test_a_sheet_shows_the_chosen_pictures_row_by_row(pictures, kind, error):
    chosen = np.array([6, 0, 3, 5, 1])
    content, columns = pictures.sheet(chosen)
    image = Image.open(io.BytesIO(content))
    assert image.format == kind and columns == 3 and image.size == (3 * pictures.side, 2 * pictures.side)
    pixels = np.asarray(image).astype(int)
    for place, index in enumerate(chosen):
        row, column = divmod(place, columns)
        top, left = row * pictures.side, column * pictures.side
        cell = pixels[top : top + pictures.side, left : left + pictures.side]
        assert np.abs(cell - pictures.tiles[index]).mean() <= error  # noise is what WebP keeps worst


def test_pictures_are_reduced_and_cut_to_squares_never_enlarged():
    photos = [Image.new("RGB", (200, 100), "red"), Image.new("L", (64, 64), 200), Image.new("RGBA", (40, 90), "blue")]
    tiles = ReferencePictures.from_images(photos).tiles
    assert tiles.shape == (3, 32, 32, 3)
    assert tiles[0, 16, 16].tolist() == [255, 0, 0] and tiles[1, 0, 0].tolist() == [200] * 3
    small = ReferencePictures.from_images([Image.new("L", (28, 28), 7)] * 2)
    assert small.tiles.shape == (2, 28, 28) and (small.tiles == 7).all()


def test_files_that_cannot_be_used(tmp_path):
    arrays, metadata = read_arrays(GREY.save(tmp_path))
    write_arrays(tmp_path / FILE, arrays, metadata | {"version": 9})
    with pytest.raises(FileFormatError, match="does not hold pictures of version 1"):
        ReferencePictures.load(tmp_path)
    for change in ({"count": 99}, {"tile": 27}, {"columns": None}):
        write_arrays(tmp_path / FILE, arrays, metadata | change)
        with pytest.raises(FileFormatError, match="is incomplete"):
            ReferencePictures.load(tmp_path)
    write_arrays(tmp_path / FILE, {"sheet": arrays["sheet"][:50]}, metadata)
    with pytest.raises(FileFormatError, match="is incomplete"):
        ReferencePictures.load(tmp_path)
