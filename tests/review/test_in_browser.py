"""The page in a browser: opens, folds, searches, follows links into what is folded, is accessible, and stays alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ops.review.page import page
from ops.review.pictures import pictures
from tests.browser import Page, browser
from tests.conftest import ROOT
from tests.unit.ops.review import samples

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"
PHONE = {"width": 390, "height": 844}
pytestmark = pytest.mark.xdist_group("review-browser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The samples as files."""
    folder = tmp_path_factory.mktemp("review")
    for make in (samples.everything, samples.nothing, samples.hostile, samples.many):
        review = make(20) if make is samples.many else make()
        drawn = replace(review, pictures=pictures(review.exposure, review.services)) if review.items else review
        (folder / f"{make.__name__}.html").write_text(page(drawn), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def chromium():
    with browser() as tab:
        yield tab


@pytest.fixture
def visit(chromium, folder):
    """Opens a sample; at the end nothing was complained about, and nothing but the file was asked for."""

    def _visit(name: str, anchor: str = "", **how) -> Page:
        # From another page, or a new anchor would be no new visit.
        chromium.open("about:blank")
        chromium.open(f"{(folder / name).as_uri()}.html{anchor}", **how)
        return chromium

    yield _visit
    asked = {url for url in chromium.requests if not url.startswith((folder.as_uri(), "about:"))}
    complaints, chromium.complaints, chromium.requests = chromium.complaints, [], []
    assert complaints == []
    assert asked == set()


def press(tab: Page, key: str) -> None:
    text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
    codes = {"Enter": 13, "Tab": 9, "Escape": 27}
    for kind in ("keyDown", "keyUp"):
        code = codes.get(key, 0)
        tab.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            windowsVirtualKeyCode=code,
            **(text if kind == "keyDown" else {}),
        )


def search(tab: Page, words: str) -> str:
    """Type into the search; what it says it found."""
    press(tab, "/")
    assert tab.run("document.activeElement.id") == "search"
    tab.run("document.getElementById('found').textContent = ''")
    tab.call("Input.insertText", text=words)
    tab.wait("document.getElementById('found').textContent")
    return str(tab.run("document.getElementById('found').textContent"))


def shown(tab: Page, selector: str) -> list[str]:
    """Ids of the elements that are drawn."""
    script = f"[...document.querySelectorAll({json.dumps(selector)})].filter(e => e.checkVisibility()).map(e => e.id)"
    found: list[str] = tab.run(script)
    return found


def overflow(tab: Page) -> int:
    return int(tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_a_click_on_a_fold_opens_it_and_the_keyboard_does_too(visit):
    tab = visit("everything")
    first = "document.querySelector('#data .item details')"
    tab.run(f"{first}.querySelector('summary').click()")
    assert tab.run(f"{first}.open")
    tab.run(f"{first}.querySelector('summary').focus()")
    press(tab, "Enter")
    assert not tab.run(f"{first}.open")


def test_the_first_tab_stop_skips_to_the_review(visit):
    tab = visit("everything")
    press(tab, "Tab")
    assert tab.run("document.activeElement.className") == "skip"
    press(tab, "Enter")
    tab.wait("document.activeElement.id === 'main'")


def test_search_leaves_only_what_matches_opens_it_and_says_how_much_it_found(visit):
    tab = visit("everything")
    assert search(tab, "KeyType") == "2 matches"
    assert shown(tab, ".resource") == ["raw-State-TrackingTable"]
    assert shown(tab, "main > section") == ["data", "raw"]
    press(tab, "Escape")
    tab.wait("document.getElementById('found').textContent === ''")
    assert shown(tab, ".resource") == []
    assert len(shown(tab, "main > section")) == 10


def test_search_says_when_it_finds_nothing(visit):
    assert search(visit("everything"), "no such word") == "Nothing found"


def test_a_link_from_evidence_opens_what_the_raw_difference_is_folded_in_and_focuses_it(visit):
    tab = visit("everything")
    assert shown(tab, "#raw-State-TrackingTable") == []
    tab.run("document.querySelector('a[href=\"#raw-State-TrackingTable\"]').click()")
    tab.wait("document.activeElement.parentElement.id === 'raw-State-TrackingTable'")
    assert shown(tab, "#raw-State-TrackingTable") == ["raw-State-TrackingTable"]
    assert tab.run("document.getElementById('raw-State-TrackingTable').getBoundingClientRect().top < innerHeight")


def test_lines_of_a_raw_difference_get_their_colours_when_it_is_unfolded(visit):
    tab = visit("everything")
    kinds = "[...document.querySelectorAll('#raw-State-TrackingTable .diff span')].map(line => line.className)"
    assert tab.run(kinds) == []
    text = tab.run("document.querySelector('#raw-State-TrackingTable .diff').textContent")
    tab.run("location.hash = 'raw-State-TrackingTable'")
    tab.wait(f"{kinds}.length")
    assert tab.run(kinds) == ["kept", "removed", "added", "kept", "gap", "kept"]
    assert tab.run("document.querySelector('#raw-State-TrackingTable .diff').textContent.length") == len(text) - 5


def test_the_same_link_works_again_and_clears_a_search_that_hides_its_target(visit):
    tab = visit("everything", "#raw-Ecs-tracking-Rule")
    assert shown(tab, "#raw-Ecs-tracking-Rule") == ["raw-Ecs-tracking-Rule"]
    search(tab, "unrelated")
    tab.run("document.querySelector('a[href=\"#raw-Ecs-tracking-Rule\"]').click()")
    tab.wait("document.getElementById('search').value === ''")
    assert shown(tab, "#raw-Ecs-tracking-Rule") == ["raw-Ecs-tracking-Rule"]


def test_an_address_with_an_anchor_opens_an_unchanged_service(visit):
    assert shown(visit("everything", "#service-web"), "#service-web") == ["service-web"]


def test_every_link_leads_to_something_that_can_be_seen(visit):
    tab = visit("everything")
    for target in tab.run("[...new Set([...document.querySelectorAll('a')].map(a => a.hash))]"):
        tab.run(f"location.hash = {json.dumps(target)}")
        tab.wait(f"document.querySelector({json.dumps(target)}).checkVisibility()")


def test_a_picture_shows_either_side(visit):
    tab = visit("everything")
    pick = "document.querySelector('#picture-environment input[value={}]').click()"
    seen = "[...document.querySelectorAll('#picture-environment .{}')].some(e => e.getBoundingClientRect().width)"
    for side, expected in (("then", [False, True]), ("now", [True, False]), ("both", [True, True])):
        tab.run(pick.format(side))
        assert [tab.run(seen.format(f"edge.{status}")) for status in ("added", "removed")] == expected


def test_the_matrix_shows_every_row_when_asked(visit):
    tab = visit("everything")
    rows = "[...document.querySelectorAll('.matrix tbody tr')].filter(e => e.checkVisibility()).length"
    before = tab.run(rows)
    tab.run("document.getElementById('all-rows').click()")
    assert tab.run(rows) > before


def test_on_paper_everything_is_open_and_afterwards_as_before(visit):
    tab = visit("everything")
    closed = "document.querySelectorAll('details:not([open])').length"
    before = tab.run(closed)
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run(closed) == 0
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert tab.run(closed) == before > 0


@pytest.mark.parametrize(
    ("name", "how", "rules"),
    [
        ("everything", {}, []),
        ("everything", PHONE, []),
        ("everything", {"dark": True}, ["color-contrast"]),
        ("nothing", {}, []),
        ("nothing", {"dark": True}, ["color-contrast"]),
    ],
    ids=["light", "phone", "dark", "empty", "empty and dark"],
)
def test_axe_finds_no_violation(visit, name, how, rules):
    tab = visit(name, **how)
    tab.run(OPEN_ALL)
    tab.run(f"{AXE.read_text('utf-8')}; 0")
    only = f"runOnly: {json.dumps(rules)}," if rules else ""
    violations = tab.run(f"""axe.run({{{only} preload: false, resultTypes: ['violations']}}).then(found =>
        found.violations.map(one => [one.id, ...one.nodes.map(node => node.html.slice(0, 200) + node.failureSummary)]))""")
    assert violations == []


@pytest.mark.parametrize("name", ["everything", "nothing", "hostile", "many"])
def test_a_phone_never_scrolls_sideways(visit, name):
    tab = visit(name, **PHONE)
    tab.run(OPEN_ALL)
    assert overflow(tab) <= 0


def test_hostile_text_runs_nothing_and_adds_no_element(visit):
    tab = visit("hostile")
    tab.run(OPEN_ALL)
    assert tab.run("window.attacked") is None
    assert tab.run("document.querySelectorAll('img, [onmouseover], [onerror]').length") == 0
    assert tab.run("document.scripts.length") == 1
    assert search(tab, "<script>").endswith(" matches")


def test_script_that_got_in_would_not_run(visit, chromium):
    tab = visit("everything")
    tab.run("""(() => {
        const script = document.createElement('script');
        script.textContent = 'window.attacked = 1';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<b id="bait" onclick="window.attacked = 1">x</b>');
        document.getElementById('bait').click();
    })()""")
    assert tab.run("window.attacked") is None
    tab.call("Page.navigate", url="about:blank")
    assert any("Content Security Policy" in complaint for complaint in chromium.complaints)
    chromium.complaints = []
