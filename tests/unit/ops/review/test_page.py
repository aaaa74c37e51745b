"""The page as text: what it says, that it is one inert file, and that its links lead somewhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.model import Card, Evidence, Item, Review, Status, TemplateDiff, Weight
from ops.review.page import diff, page, said
from tests.unit.ops.review.samples import ATTACK, everything, fresh, hostile, many, nothing

# https://html.spec.whatwg.org/multipage/syntax.html#void-elements
VOID = {"meta", "input", "br", "link", "img"}
SECTIONS = ["data", "rights", "exposure", "services", "cost", "limits", "findings", "pictures", "raw"]


class Elements(HTMLParser):
    """Every start tag of a page, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.found: list[str] = []
        self.inner = {"script": "", "style": ""}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in self.inner:
            self.inner[self.open[-1]] += data
        else:
            self.found.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        return "".join(self.found)

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


@pytest.fixture(scope="module", params=[everything, nothing, hostile, fresh, many], ids=lambda make: make.__name__)
def elements(request):
    return Elements(page(request.param(4) if request.param in {fresh, many} else request.param()))


def test_every_element_is_closed(elements):
    assert elements.open == []


def test_ids_are_unique_and_links_lead_to_them(elements):
    assert len(elements.ids) == len(set(elements.ids))
    links = {link["href"] for link in elements.all("a")}
    assert {href for href in links if not href.startswith("#")} == set()
    assert {href[1:] for href in links} <= set(elements.ids)
    labels = {attributes.get("aria-labelledby") for _, attributes in elements.tags} - {None}
    assert {key for label in labels for key in label.split()} <= set(elements.ids)


def test_it_loads_nothing_and_no_element_runs_anything(elements):
    for tag, attributes in elements.tags:
        assert tag not in {"img", "iframe", "link", "object", "embed", "base", "form", "audio", "video", "use", "image"}
        assert {name for name in attributes if name.startswith("on") or name in {"src", "srcset", "style"}} == set()
    assert "url(" not in elements.inner["style"]
    assert "@import" not in elements.inner["style"]


def test_its_policy_allows_its_own_script_and_style_and_nothing_else(elements):
    [policy] = [meta["content"] for meta in elements.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    digests = {
        tag: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for tag, text in elements.inner.items()
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [len(elements.all(tag)) for tag in ("script", "style")] == [1, 1]


def test_headings_have_an_order_without_gaps(elements):
    levels = [int(tag[1]) for tag, _ in elements.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in itertools.pairwise(levels) if pair[1] > pair[0] + 1] == []


def test_sections_come_in_the_order_of_danger(elements):
    found = [attributes.get("id") for attributes in elements.all("section")]
    assert found == ["summary", *SECTIONS]


def test_hostile_text_is_shown_as_text_with_every_hidden_character_visible():
    found = Elements(page(hostile()))
    assert ATTACK[:95] in found.words
    assert "⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+0000⟩⟨U+001B⟩[31m⟨U+D800⟩⟨U+FFFE⟩" in found.words
    assert not re.search("[\u202e\u200b\x00\x1b\ud800\ufffe]", found.words)
    page(hostile()).encode("utf-8")


def test_a_huge_value_is_cut_and_says_by_how_much():
    text = page(hostile())
    assert "199,000 more characters" in text
    assert len(text) < 20 * len(page(everything()))


@settings(max_examples=40)
@given(st.text(), st.text(), st.text())
def test_any_text_in_any_place_leaves_the_page_whole(one, two, three):
    item = Item(
        id=one, text=two, weight=Weight.NOTE, service=three, evidence=(Evidence(stack=one, name=two, after=three),)
    )
    card = Card(service=three, kind=one, status=Status.ADDED, platforms=(two,))
    review = Review(environment=one, before=two, after=three, data=(item, item), services=(card,))
    review = replace(review, templates=(TemplateDiff(stack=one, status=Status.CHANGED, moved=1),) * 2)
    found = Elements(page(review))
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    page(review).encode("utf-8")


def test_each_section_without_anything_says_so():
    words = Elements(page(nothing())).words
    for line in (
        "Nothing changes",
        "No data is lost, nothing is interrupted, and CloudFormation refuses nothing.",
        "No rights change.",
        "Nothing becomes reachable, and nothing stops being so.",
        "No service changes.",
        "The bill stays the same.",
        "No quota counts.",
        "No finding is new or gone.",
        "The templates are the same.",
        "The gate passes",
    ):
        assert line in words


def test_the_summary_counts_what_is_not_accepted_and_gives_the_gates_reasons():
    words = " ".join(" ".join(Elements(page(everything())).found).split())
    assert (
        "The gate fails data-loss: the table tracking would be replaced cost: 14.45 USD a month more, over 10" in words
    )
    assert "Data and downtime 3 to look at, 1 accepted ◆ Danger" in words
    assert "Services 3 of 5 changed" in words
    assert "Accepted: The environment is empty until March; see OPS-112" in words


def test_evidence_leads_to_the_raw_difference_of_its_resource_or_else_of_its_stack():
    item = Item(
        id="x",
        text="x",
        weight=Weight.NOTE,
        evidence=(
            Evidence(stack="State", name="TrackingTable"),
            Evidence(stack="State", name="Gone"),
            Evidence(stack="Elsewhere", name="Role"),
        ),
    )
    text = page(replace(everything(), data=(item,)))
    assert '<a href="#raw-State-TrackingTable"><bdi>State</bdi> / <bdi>TrackingTable</bdi></a>' in text
    assert '<a href="#raw-State-"><bdi>State</bdi> / <bdi>Gone</bdi></a>' in text
    assert "<bdi>Elsewhere</bdi> / <bdi>Role</bdi></p>" in text


def test_a_small_matrix_has_every_row_and_a_large_one_only_what_changes():
    small, large = (Elements(page(replace(make(), templates=()))) for make in (everything, many))
    assert "Show rows and columns that do not change" in small.words
    assert "the internet" in small.words
    assert "Only rows and columns with a change; all connections are in the list below." in large.words
    assert "All 570 connections as a list" in large.words


def test_quotas_far_from_full_that_are_used_as_before_are_folded():
    words = Elements(page(everything())).words
    assert "1 more, each less than half full and used as before" in words
    assert words.index("listener rules") < words.index("1 more, each") < words.index("500,000")


def test_lines_of_a_difference_carry_their_sign_and_none_can_pose_as_two():
    lines = (("-", "a<"), ("+", "b\n+ c"), (" ", "d"), ("…", "9 lines"), ("<x>", "e"))
    assert diff(lines) == "− a&lt;\n+ b⏎+ c\n  d\n… 9 lines\n  e"  # noqa: RUF001 - a minus
    assert diff([("+", "x")] * 2_500).endswith("\n… 500 more lines")


def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_name():
    assert said("the table goes") == "The table goes."
    assert said("tracking may write") == "tracking may write."


def test_what_is_not_compared_is_not_said_to_stay_the_same():
    shown = page(replace(nothing(), deploys=False, checked=False))
    assert "No data is lost" not in shown
    assert "No finding is new or gone" not in shown
    assert shown.count("Not compared") == 4
