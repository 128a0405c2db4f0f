"""The house stays as it is kept: see tests/house.py."""

from tests.house import largest, longest, undocumented


def test_what_is_public_says_what_it_is():
    bare, share = undocumented()
    assert share >= 0.99, bare


def test_functions_fit_on_a_screen():
    assert [(lines, name) for lines, name in longest() if lines > 60] == []


def test_files_stay_of_a_size():
    assert [(lines, name) for lines, name in largest() if lines > 660] == []
