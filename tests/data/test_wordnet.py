import pytest

from seda.data import wordnet
from seda.data.wordnet import CategoryWord, WordNet, imagenet_words
from seda.errors import DataError

# the form of Princeton's data.noun: two lines of licence begin with blanks
NOUNS = """  1 This software and database is being provided
  2 to you, the LICENSEE
00000001 03 n 01 entity 0 000 | what is
00000002 05 n 02 dog 0 domestic_dog 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | a dog
00000003 05 n 02 retriever 0 Gun_Dog 0 002 @ 00000002 n 0000 + 00000009 v 0101 | fetches; "it | fetches"
"""


@pytest.fixture
def nouns(tmp_path):
    (tmp_path / "data.noun").write_text(NOUNS, encoding="latin-1")
    return WordNet(tmp_path)


def test_kinds_are_found_nearest_first(nouns):
    found = [(synset.lemmas[0], steps) for synset, steps in nouns.kinds("00000003")]
    assert found == [("retriever", 0), ("dog", 1), ("entity", 2)]
    assert {"gun dog", "domestic dog"} <= nouns.words


def test_a_category_has_its_name_its_synonyms_and_its_kinds(nouns, monkeypatch):
    monkeypatch.setattr(wordnet, "_imagenet_offsets", lambda: ["00000003"])
    (words,) = imagenet_words(["Golden Retriever"], nouns)
    assert words == [
        CategoryWord("golden retriever", 0),
        CategoryWord("retriever", 0),
        CategoryWord("gun dog", 0),
        CategoryWord("dog", 1),
        CategoryWord("entity", 2),
    ]


def test_a_category_is_known_by_what_it_is_shown_with(nouns, monkeypatch):
    monkeypatch.setattr(wordnet, "_imagenet_offsets", lambda: ["00000003"])
    monkeypatch.setattr(wordnet, "ALSO_SHOWN", {"person": ("dog",), "house": ("cat",), "entity": ("dog",)})
    monkeypatch.setattr(wordnet, "WORDS_PER_CATEGORY", 4)
    (words,) = imagenet_words(["Golden Retriever"], nouns)
    # the widest kinds make room; a word that is there already is not there twice
    assert [word.text for word in words] == ["golden retriever", "retriever", "gun dog", "person"]
    assert words[-1].steps == wordnet.MAX_STEPS


def test_senses_of_a_word_come_in_the_order_of_use(nouns, tmp_path):
    assert nouns.senses("DOMESTIC dog") == ["00000002"] and nouns.senses("wug") == []
    index = tmp_path / "index.noun"
    index.write_text(
        "  1 licence\ndog n 2 2 @ ~ 2 1 00000003 00000002\ngun_dog n 1 1 @ 1 0 00000003\n", encoding="latin-1"
    )
    ordered = WordNet(tmp_path)
    assert ordered.senses("dog") == ["00000003", "00000002"] and ordered.senses("Gun Dog") == ["00000003"]
    index.write_text("dog n 1 1 @ 1 0 00000009\n", encoding="latin-1")
    with pytest.raises(DataError, match="does not fit data"):
        WordNet(tmp_path).senses("dog")
    index.write_text("dog n\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"index\.noun is damaged"):
        WordNet(tmp_path).senses("dog")


def test_the_list_of_imagenet_is_that_of_its_classifiers():
    offsets = wordnet._imagenet_offsets()
    assert (offsets[0], offsets[207], len(offsets)) == ("01440764", "02099601", 1000)  # tench, golden retriever


def test_missing_or_damaged_nouns_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match="apt-get install wordnet-base"):
        WordNet(tmp_path)
    (tmp_path / "data.noun").write_text("00000001 03 n\n")
    with pytest.raises(DataError, match="damaged"):
        _ = WordNet(tmp_path).synsets
