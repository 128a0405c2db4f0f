"""An aligner's card on the screen, by how the aligner was made."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from seda.card import EVALUATION, OWN_PICTURES, SAMPLE_PICTURES, WORDS_ALONE, read_card
from seda.data.uploaded_pictures import UploadedPictures
from seda.ui.aligner import card as page


def screen(card):
    from seda.ui.aligner.card import show_classes, show_data, show_provenance

    show_classes(card)
    show_data(card)
    show_provenance(card)


@pytest.fixture
def words_card():
    data = {
        WORDS_ALONE: ["sofa", "grandmother's cat"], "source": "names of ImageNet's categories", "count": 1000,
        "measured_pictures": 76, "measured_on": SAMPLE_PICTURES, "encoder_description": "ViT-B-32, 224 x 224 px.",
    }  # fmt: skip
    return replace(read_card("fashion-mnist"), encoder="open_clip:ViT-B-32/openai", data=data)


def test_an_aligner_of_words_alone(words_card):
    shown = AppTest.from_function(screen, args=(words_card,)).run()
    assert not shown.exception
    assert {"Made of words alone", "The 10 words it was made of", "Train it again"} <= {
        h.value for h in shown.subheader
    }
    tables = "\n".join(markdown.value for markdown in shown.markdown).replace("\\", "")
    assert "grandmother's cat" in tables and "ViT-B-32, 224 x 224 px." in tables and "words alone" not in tables
    assert not shown.expander  # nothing was trained: there are no settings of it
    assert shown.code[0].value == (
        "python -m seda pretrain open-vocabulary --encoder open_clip:ViT-B-32/openai "
        """--words 'sofa, grandmother'"'"'s cat' --out FOLDER"""
    )


def test_commands_that_make_it_again(words_card):
    def command(words, pictures=SAMPLE_PICTURES):
        return page._command(replace(words_card, data={WORDS_ALONE: words, "measured_on": pictures})).partition(
            "openai"
        )[2]

    assert command([]) == " --out FOLDER"
    assert command(["sofa"], OWN_PICTURES) == " --words sofa --pictures FOLDER_OF_THE_PICTURES --out FOLDER"
    for words in (["a cat, asleep"], ["@home"], [f"word {number}" for number in range(41)]):
        assert command(words) == " --words @FILE_OF_THE_WORDS --out FOLDER"
    assert page._shortened([str(number) for number in range(42)])[-1] == "and 2 more"
    assert (
        page._command(replace(words_card, data={EVALUATION: {}}))
        == "python -m seda pretrain open-vocabulary --out FOLDER"
    )
    trained = read_card("fashion-mnist")
    again = page._command(trained)
    assert (
        again.startswith("python -m seda train --dataset fashion-mnist")
        and "--path conditional --denoiser learned" in again
    )
    uploaded = replace(
        trained, data={"dataset": UploadedPictures.name, "count": 6}, encoder="open_clip:local-dir:/my clip"
    )
    assert page._command(uploaded).startswith(
        "python -m seda train --dataset folder:FOLDER_OF_THE_PICTURES --limit 6 --encoder 'open_clip:local-dir:/my clip' "
    )
