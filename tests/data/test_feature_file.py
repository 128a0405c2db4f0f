"""Files of features: both forms read alike, and what does not fit is said with its place."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from seda.data.datasets import load_dataset
from seda.data.feature_file import FileTexts, read_feature_file
from seda.errors import DataError, EncoderError, FileFormatError
from seda.storage import write_arrays

RNG = np.random.default_rng(0)
GOOD = {
    "image_features": RNG.normal(size=(12, 5)).astype(np.float32),
    "labels": np.arange(12) % 3,
    "test": np.arange(12) >= 6,
    "class_text_features": RNG.normal(size=(3, 4)).astype(np.float32),
}
NAMES = ("cat", "dog", "猫")


def test_npz_and_safetensors_are_read_alike(tmp_path):
    np.savez(tmp_path / "f.npz", **GOOD, class_names=np.array(NAMES))
    save_file(GOOD, tmp_path / "f.safetensors", metadata={"class_names": json.dumps(NAMES)})
    write_arrays(tmp_path / "ours.safetensors", GOOD, {"class_names": NAMES})
    for name in ("f.npz", "f.safetensors", "ours.safetensors"):
        found = read_feature_file(tmp_path / name)
        np.testing.assert_array_equal(found.train.image_features, GOOD["image_features"][:6])
        np.testing.assert_array_equal(found.test.labels, GOOD["labels"][6:])
        np.testing.assert_array_equal(found.class_text_features[:, 0], GOOD["class_text_features"])
        assert found.train.class_names == NAMES and not found.shared_space
        assert (found.train.split, found.test.split, found.train.image_text_features) == ("train", "test", None)
    fewer = {
        **GOOD,
        "labels": GOOD["labels"].astype(np.uint8),
        "image_features": GOOD["image_features"].astype(np.float16),
    }
    np.savez(tmp_path / "g.npz", **fewer)
    found = read_feature_file(tmp_path / "g.npz")
    assert found.train.image_features.dtype == np.float32 and found.train.class_names == (
        "class 0",
        "class 1",
        "class 2",
    )
    assert found.train.data_fingerprint != read_feature_file(tmp_path / "f.npz").train.data_fingerprint


def test_what_may_come_beside(tmp_path):
    texts = RNG.normal(size=(12, 4))
    phrasings = RNG.normal(size=(3, 2, 4))
    np.savez(
        tmp_path / "f.npz", **{**GOOD, "class_text_features": phrasings}, image_text_features=texts, shared_space=True
    )
    found = read_feature_file(tmp_path / "f.npz")
    assert found.class_text_features.shape == (3, 2, 4) and found.shared_space
    np.testing.assert_allclose(found.test.image_text_features, texts[6:], rtol=1e-6)
    names_only = {name: array for name, array in GOOD.items() if name != "class_text_features"}
    np.savez(tmp_path / "g.npz", **names_only, class_names=np.array(NAMES))
    assert read_feature_file(tmp_path / "g.npz").class_text_features is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "has no labels; there are class_text_features, image_features, test"),
        ({"class_text_features": None}, "neither class_text_features nor class_names"),
        ({"image_features": np.zeros(12)}, r"image_features is float64 \[12\]; floats with 2 dimensions"),
        ({"image_features": np.zeros((12, 5), int)}, "image_features is int64"),
        (
            {"image_features": np.where(np.arange(60).reshape(12, 5) == 7, np.nan, 1)},
            r"not finite at \[1, 2\], in 1 places",
        ),
        ({"labels": np.arange(11) % 3}, r"labels is int64 \[11\]; whole numbers \[12\]"),
        ({"labels": np.arange(12) / 3}, "labels is float64"),
        ({"labels": np.arange(12) % 4}, "label at position 3 is 3; 3 classes allow 0 to 2"),
        ({"labels": np.arange(12) % 3 - 1}, "label at position 0 is -1"),
        ({"test": np.arange(12)}, "test holds 2 in row 2; allowed are 0 and 1"),
        ({"test": np.zeros(12, int)}, "no image belongs to the test split"),
        ({"test": np.arange(12) % 3 == 1}, r"'class 1' \(label 1\) has no training image"),
        ({"class_text_features": np.zeros((1, 4))}, "has 1 class; at least 2"),
        ({"class_names": np.array(["a", "b"])}, "2 class names, 2 of them different, came with 3 class text features"),
        ({"class_names": np.array(["a", "b", "b"])}, "3 class names, 2 of them different"),
        ({"class_names": np.array([1, 2, 3])}, "class_names is int64"),
        ({"image_text_features": np.zeros((12, 9))}, r"image_text_features are \[12, 9\]; \[12, 4\] is needed"),
    ],
)
def test_what_does_not_fit(tmp_path, changes, message):
    arrays = {name: array for name, array in {**GOOD, **changes}.items() if array is not None}
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_feature_file(tmp_path / "f.npz")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_feature_file(tmp_path / "none.npz")
    (tmp_path / "f.pkl").touch()
    with pytest.raises(FileFormatError, match=r"'\.pkl'; feature files end with \.safetensors, \.npz or \.parquet"):
        read_feature_file(tmp_path / "f.pkl")
    np.savez(tmp_path / "pickle.npz", **GOOD, class_names=np.array(["a", object()], dtype=object))
    (tmp_path / "f.npz").write_bytes(b"PK")
    (tmp_path / "f.safetensors").write_bytes(b"x" * 20)
    save_file(GOOD, tmp_path / "g.safetensors", metadata={"class_names": "{"})
    (tmp_path / "f.parquet").write_bytes(b"PAR1" * 9)
    for name in ("pickle.npz", "f.npz", "f.safetensors", "g.safetensors", "f.parquet"):
        with pytest.raises(FileFormatError, match="damaged"):
            read_feature_file(tmp_path / name)
    with pytest.raises(DataError, match=r"features without pictures, which train, evaluate and benchmark take"):
        load_dataset("features:f.npz")


def parquet(path, columns, **metadata):
    table = pa.table(columns).replace_schema_metadata(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    )
    pq.write_table(table, path, row_group_size=5)  # several chunks
    return path


def columns(**changes):
    rows = {"image_features": GOOD["image_features"].tolist(), "labels": GOOD["labels"], "test": GOOD["test"]}
    return {name: column for name, column in {**rows, **changes}.items() if column is not None}


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 5)])
def test_parquet_holds_an_image_a_row(tmp_path, kind):
    features = pa.array(columns()["image_features"], type=kind)
    own = RNG.normal(size=(12, 4))
    path = parquet(
        tmp_path / "f.parquet", columns(image_features=features, image_text_features=own.tolist(), other=["x"] * 12),
        class_names=NAMES, class_text_features=GOOD["class_text_features"].tolist(), shared_space=True, encoder="mine",
    )  # fmt: skip
    found = read_feature_file(path)
    np.testing.assert_array_equal(found.train.image_features, GOOD["image_features"][:6])
    np.testing.assert_array_equal(found.test.labels, GOOD["labels"][6:])
    np.testing.assert_allclose(found.class_text_features[:, 0], GOOD["class_text_features"], rtol=1e-6)
    np.testing.assert_allclose(found.train.image_text_features, own[:6], rtol=1e-6)
    assert (found.train.class_names, found.shared_space, found.encoder) == (NAMES, True, "mine")


def test_parquet_labels_may_be_texts(tmp_path):
    words = np.array(["dog", "cat", "bird"])[GOOD["labels"]]
    found = read_feature_file(parquet(tmp_path / "f.parquet", columns(labels=words)))
    assert found.train.class_names == ("bird", "cat", "dog") and found.train.labels.tolist() == [2, 1, 0] * 2
    ordered = ("dog", "cat", "bird", "fish")
    found = read_feature_file(
        parquet(tmp_path / "g.parquet", columns(labels=pa.array(words).dictionary_encode()), class_names=ordered[:3])
    )
    assert found.train.class_names == ordered[:3] and found.train.labels.tolist() == [0, 1, 2] * 2
    with pytest.raises(DataError, match=r"label of row 2 is 'bird', which is not among the class names"):
        read_feature_file(parquet(tmp_path / "h.parquet", columns(labels=words), class_names=["dog", "cat"]))


def test_parquet_names_the_row(tmp_path):
    rows = GOOD["image_features"].tolist()
    cases = [
        (columns(image_features=[*rows[:7], rows[7][:3], *rows[8:]]), "image_features of row 7 has 3 numbers, .* 5"),
        (columns(image_features=[*rows[:9], None, *rows[10:]]), "image_features of row 9 is missing"),
        (columns(image_features=[None, *rows[1:]]), "image_features of row 0 is missing"),
        (columns(image_features=[*rows[:8], [1.0, None, 2.0, 3.0, 4.0], *rows[9:]]), r"not finite at \[8, 1\]"),
        (columns(image_features=[1.0] * 12), "image_features holds double; lists of numbers"),
        (columns(labels=[0, 1, 2] * 3 + [0, None, 2]), "labels of row 10 is missing, 1 in all"),
        (columns(labels=[0, 1, 2] * 3 + [0, 7, 2]), "label at position 10 is 7; 3 classes"),
        (columns(test=[0] * 6 + [1] * 5 + [4]), "test holds 4 in row 11"),
        (columns(image_features=None), "has no image_features; there are class_names, labels, test"),
    ]
    for case, message in cases:
        with pytest.raises(DataError, match=message):
            read_feature_file(parquet(tmp_path / "f.parquet", case, class_names=NAMES))


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    np.savez(
        tmp_path / "f.npz", image_features=np.full((12, 5), np.nan), labels=GOOD["labels"] + 1,
        test=np.full(12, 2), class_text_features=np.zeros(3), encoder=np.array(["a", "b"]),
    )  # fmt: skip
    with pytest.raises(DataError) as error:
        read_feature_file(tmp_path / "f.npz")
    for part in ("(1) image_features is not finite at [0, 0], in 60 places in all, in 12 of 12 rows",
                 "(2) test holds 2 in row 0", "(3) class_text_features is float64 [3]", "(4) encoder is"):  # fmt: skip
        assert part in error.value.message


def test_training_alone_needs_no_test_split(tmp_path):
    np.savez(tmp_path / "f.npz", **{name: array for name, array in GOOD.items() if name != "test"})
    found = read_feature_file(tmp_path / "f.npz", needs_test=False)
    assert (len(found.train), len(found.test)) == (12, 0)
    with pytest.raises(DataError, match="has no test"):
        read_feature_file(tmp_path / "f.npz")


def test_the_encoder_is_known_by_name_and_version_or_by_the_file(tmp_path):
    def version(name, **beside):
        np.savez(tmp_path / f"{name}.npz", **GOOD, **beside)
        found = read_feature_file(tmp_path / f"{name}.npz")
        assert found.train.encoder_fingerprint == found.test.encoder_fingerprint
        return found.encoder, found.train.encoder_fingerprint

    unnamed, named, other = version("a"), version("b", encoder="clip"), version("c", encoder="siglip")
    assert (unnamed[0], named[0]) == ("features:a.npz", "clip")
    assert len({unnamed[1], named[1], other[1]}) == 3
    more = {**GOOD, "image_features": GOOD["image_features"] + 1}
    np.savez(tmp_path / "d.npz", **more, encoder="clip")
    assert read_feature_file(tmp_path / "d.npz").train.encoder_fingerprint == named[1]  # other images, same encoder
    np.savez(tmp_path / "e.npz", **more)
    assert read_feature_file(tmp_path / "e.npz").train.encoder_fingerprint != unnamed[1]
    assert version("f", encoder="clip", encoder_fingerprint="0123") == ("clip", "0123")
    save_file(GOOD, tmp_path / "g.safetensors", metadata={"encoder": "clip"})
    assert read_feature_file(tmp_path / "g.safetensors").train.encoder_fingerprint == named[1]


def test_the_class_texts_of_a_file_stand_in_for_an_encoder(tmp_path):
    np.savez(tmp_path / "f.npz", **GOOD, class_names=np.array(NAMES), encoder="clip")
    texts = FileTexts(read_feature_file(tmp_path / "f.npz"))
    np.testing.assert_array_equal(texts.encode_texts(["猫", "cat"]).numpy(), GOOD["class_text_features"][[2, 0]])
    assert (texts.name, texts.image_dim, texts.text_dim) == ("clip", 5, 4)
    with pytest.raises(EncoderError, match="no features of the text 'bird'"):
        texts.encode_texts(["cat", "bird"])
    with pytest.raises(EncoderError, match="features of clip came in a file"):
        texts.encode_images([])


def test_who_trains_nothing_needs_no_rows_to_train_on(tmp_path):
    np.savez(tmp_path / "f.npz", **{**GOOD, "test": np.ones(12, int)})
    with pytest.raises(DataError, match="no training image"):
        read_feature_file(tmp_path / "f.npz")
    found = read_feature_file(tmp_path / "f.npz", needs_train=False)
    assert len(found.train) == 0 and len(found.test) == 12
