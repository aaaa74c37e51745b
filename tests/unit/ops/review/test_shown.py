"""Text of templates as the page shows it."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ops.review.shown import cut, shortened, slug, visible


@given(st.text(st.characters(codec=None)))
def test_what_is_shown_has_no_character_that_is_unseen_and_fits_utf_8(text):
    shown = visible(text)
    unseen = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}}
    assert unseen <= {" ", "\n", "\t"}
    shown.encode("utf-8")


def test_letters_of_any_language_stay():
    assert visible("Größe 港口 שלום\n\ttab") == "Größe 港口 שלום\n\ttab"
    assert visible("a\u202eb\xa0c\u3164d\ufe0f") == "a⟨U+202E⟩b⟨U+00A0⟩c⟨U+3164⟩d⟨U+FE0F⟩"


@given(st.text(), st.integers(3, 40))
def test_a_shortened_text_fits_and_is_one_line(text, longest):
    assert len(shortened(text, longest)) <= longest
    assert "\n" not in shortened(text, longest)


def test_shortening_keeps_both_ends_and_cutting_says_how_much_is_gone():
    assert shortened("harbour/quotes/carrier-api-key", 15) == "harbour…api-key"
    assert cut("x" * 1_200, 200) == "x" * 200 + "… (1,000 more characters)"


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_ids_differ_where_names_do_and_have_no_odd_character(one, two):
    assert slug("raw", *one).replace("-", "").replace("_", "").isalnum()
    assert slug("raw", *one).isascii()
    if "-".join(one) != "-".join(two):
        assert slug("raw", *one) != slug("raw", *two)


def test_an_ordinary_id_stays_readable():
    assert slug("raw", "Ecs-web", "TaskRole1A2B") == "raw-Ecs-web-TaskRole1A2B"
