from __future__ import annotations

import unicodedata

import pytest

from seda.class_texts import MAX_LENGTH, MAX_TEXTS, TEMPLATE, fill_template, parse_class_texts, unread_notes
from seda.errors import ClassTextError

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # an emoji of three joined by U+200D
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def test_commas_and_line_ends():
    texts = parse_class_texts("cat, dog\nred  panda,\n ankle boot\r\nbag\n")
    assert texts.names == ("cat", "dog", "red panda", "ankle boot", "bag")
    assert texts.notes == ()


def test_commas_of_other_keyboards():
    assert parse_class_texts("猫、犬，鳥").names == ("猫", "犬", "鳥")
    assert parse_class_texts("قطة، كلب").names == ("قطة", "كلب")


def test_a_list_is_not_split():
    assert parse_class_texts(["a cat, asleep", "a\ndog"]).names == ("a cat, asleep", "a dog")


def test_repetitions_and_blanks_are_noted():
    texts = parse_class_texts("Cat, dog,, cat ,  DOG,\u200d,Straße,STRASSE")
    assert texts.names == ("Cat", "dog", "Straße")
    assert texts.notes == (
        'Repeated class texts were left out: "cat", "DOG", "STRASSE".',
        "Empty class texts were left out: 2.",
    )


def test_what_an_encoder_cannot_read_is_noted():
    assert unread_notes([]) == ()
    (note,) = unread_notes(["猫"])
    assert '"猫"' in note and "for it means little: use English words" in note
    (note,) = unread_notes([f"猫{i}" for i in range(9)])
    assert '"猫4", …' in note and "猫5" not in note


def test_equal_after_normalisation():
    assert parse_class_texts(["café", unicodedata.normalize("NFD", "café"), "tea"]).names == ("café", "tea")


def test_a_flood_of_accents_is_refused_before_they_are_composed():
    with pytest.raises(ClassTextError, match=r"Class text 2, .* has 1000001 characters"):
        parse_class_texts(["dog", "a" + "\u0301\u0316" * 500_000])
    with pytest.raises(ClassTextError, match="at most 1,000,000 are read"):
        parse_class_texts("a" + "\u0301\u0316" * 600_000)
    assert parse_class_texts(["e\u0301" * 150, " " * 5000 + "dog"]).names == ("\u00e9" * 150, "dog")


def test_control_and_bidi_override_characters_are_removed():
    texts = parse_class_texts(["\u202eevil\u202c", "a\x00b\x1b[31m", "\u200bplain\ufeff", "lone \ud800"])
    assert texts.names == ("evil", "ab[31m", "plain", "lone")
    assert texts.notes == ("Invisible control characters were removed from 4 of the class texts.",)


def test_words_of_all_scripts_and_emoji_stay():
    names = ("שלום", "می\u200cخواهم", FAMILY, ENGLAND, "❤️", "नमस्ते", "日本")
    texts = parse_class_texts(names)
    assert texts.names == names and texts.notes == ()


def test_html_stays_plain_text():
    assert parse_class_texts("<b>cat</b>, <i onclick=x>").names == ("<b>cat</b>", "<i onclick=x>")


@pytest.mark.parametrize(
    ("source", "came"), [("", "none came"), (" ,, \n", "none came"), ("cat, Cat", 'only "cat" came')]
)
def test_too_few(source, came):
    with pytest.raises(ClassTextError, match=f"(?i)At least 2 different class texts are needed; {came}.*such as: cat"):
        parse_class_texts(source)


def test_too_many():
    assert len(parse_class_texts([f"class {i}" for i in range(MAX_TEXTS)]).names) == MAX_TEXTS
    with pytest.raises(ClassTextError, match="1,001 class texts came; at most 1,000"):
        parse_class_texts(",".join(f"class {i}" for i in range(MAX_TEXTS + 1)))


def test_too_long():
    assert len(parse_class_texts(["a" * MAX_LENGTH, "b"]).names) == 2
    with pytest.raises(ClassTextError, match=r'text 2, "b{40}…", has 201 characters; at most 200'):
        parse_class_texts(["a", "b" * (MAX_LENGTH + 1)])


def test_not_text():
    with pytest.raises(ClassTextError, match="A class text is 3, not a string"):
        parse_class_texts(["cat", 3])


def test_template():
    assert fill_template(TEMPLATE, ["cat", "dog"]) == ["cat", "dog"]
    assert fill_template("a {}.", ["cat", "{x}", "{}"]) == ["a cat.", "a {x}.", "a {}."]
    assert fill_template("{a} {}", ["cat"]) == ["{a} cat"]
    for template, times in (("a photo", 0), ("{} and {}", 2), ("", 0)):
        with pytest.raises(ClassTextError, match=rf"holds \{{\}} {times} times"):
            fill_template(template, ["cat"])


def test_fewer_may_be_asked_for():
    assert parse_class_texts("", at_least=0).names == ()
    assert parse_class_texts(" sofa, Sofa ", at_least=0).names == ("sofa",)
    with pytest.raises(ClassTextError, match="at most 200"):
        parse_class_texts("x" * 201, at_least=0)
