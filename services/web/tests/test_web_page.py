"""What can be said of the page and the configuration without running them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

SERVICE = Path(__file__).resolve().parents[1]
SITE = SERVICE / "site"
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, for text of normal size
CONTROL_CONTRAST = 3.0  # WCAG 2.2, 1.4.11, for the border of a field


class Page(HTMLParser):
    """Every element of index.html with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed((SITE / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


PAGE = Page()
IDS = [attributes["id"] for _, attributes in PAGE.elements if "id" in attributes]


def test_every_address_is_relative_so_that_the_page_lives_under_any_prefix() -> None:
    addresses = [a[name] for _, a in PAGE.elements for name in ("href", "src", "action") if name in a]
    assert addresses
    assert all(address.startswith(("./", "#")) for address in addresses), addresses
    script = (SITE / "app.js").read_text(encoding="utf-8")
    assert script.count("fetch(") == script.count("fetch(`./${path}`") == 1
    assert "url(" not in (SITE / "style.css").read_text(encoding="utf-8")


def test_every_file_that_the_page_names_is_there() -> None:
    for attributes in PAGE.all("link", "script", "img"):
        assert (SITE / (attributes.get("href") or attributes["src"])).is_file()


def test_nothing_inline_that_the_security_policy_forbids() -> None:
    assert not PAGE.all("style")
    assert all("src" in script for script in PAGE.all("script"))
    assert not [name for _, a in PAGE.elements for name in a if name == "style" or name.startswith("on")]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|eval\(|\.style\b", (SITE / "app.js").read_text())


def test_ids_are_unique_and_every_reference_to_one_is_right() -> None:
    assert len(IDS) == len(set(IDS))
    for _, attributes in PAGE.elements:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= set(IDS), attributes
    for wanted in re.findall(r'\$\("([\w-]+)"\)', (SITE / "app.js").read_text(encoding="utf-8")):
        assert wanted in IDS


def test_every_field_has_a_label_and_a_place_for_its_error() -> None:
    labels = {label["for"] for label in PAGE.all("label")}
    for field in PAGE.all("input", "select"):
        assert field["id"] in labels
        assert f"{field['id']}-error" in field["aria-describedby"].split()


def test_the_page_has_landmarks_a_language_one_title_and_live_regions() -> None:
    tags = [tag for tag, _ in PAGE.elements]
    assert [tags.count(tag) for tag in ("header", "main", "footer", "h1", "title")] == [1] * 5
    assert PAGE.all("html") == [{"lang": "en"}]
    assert all("aria-labelledby" in section for section in PAGE.all("section"))
    assert len([a for _, a in PAGE.elements if a.get("aria-live") == "polite"]) >= 2
    assert PAGE.all("a")[0]["href"] == "#shipments", "the first link skips to the content"


def test_motion_only_for_those_who_want_it() -> None:
    style = (SITE / "style.css").read_text(encoding="utf-8")
    calm = style.split("@media (prefers-reduced-motion: no-preference)")[0]
    assert "animation" not in calm
    assert "transition" not in calm


def _colours(dark: bool) -> dict[str, tuple[int, int, int]]:
    blocks = re.findall(r":root \{(.*?)\}", (SITE / "style.css").read_text(encoding="utf-8"), re.DOTALL)
    found = re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", blocks[0] + (blocks[1] if dark else ""))
    whole = {name: value if len(value) == 7 else "#" + "".join(c * 2 for c in value[1:]) for name, value in found}
    return {name: (int(v[1:3], 16), int(v[3:5], 16), int(v[5:7], 16)) for name, v in whole.items()}


def _luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *[(text, ground, TEXT_CONTRAST) for text in ("text", "quiet", "accent") for ground in ("page", "card", "soft")],
        ("bad", "card", TEXT_CONTRAST),
        ("bad", "bad-soft", TEXT_CONTRAST),
        ("text", "warn-soft", TEXT_CONTRAST),
        ("warn", "warn-soft", TEXT_CONTRAST),
        ("good", "good-soft", TEXT_CONTRAST),
        ("accent-text", "accent", TEXT_CONTRAST),
        ("field", "card", CONTROL_CONTRAST),
        ("bad", "card", CONTROL_CONTRAST),
    ],
)
def test_contrast_is_enough_to_read(front: str, back: str, least: float, dark: bool) -> None:
    colours = _colours(dark)
    high, low = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= least


def test_the_script_is_good_javascript() -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("no node on PATH to parse the script with")
    module = (SITE / "app.js").read_bytes()
    checked = subprocess.run(
        [node, "--check", "--input-type=module", "-"], input=module, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("2026-03-01 10:00:00.123456 +0000\terror\t7\tAH1: plain", "error", "AH1: plain"),
        ('2026-03-01 10:00:00.123456 +0000\twarn\t7\tsaid "no" and \\"yes\\\\', "warn", None),
        (
            "2026-03-01 10:00:00.123456 +0000\terror\t7\tbytes \\xe9\\x01 \\v \\n end",
            "error",
            "bytes \xe9\x01 \x0b \n end",
        ),
        ("AH00526: no fields at all", "error", "AH00526: no fields at all"),
    ],
)
def test_every_line_of_the_error_log_becomes_json(line: str, level: str, message: str | None) -> None:
    sed = shutil.which("sed")
    if not sed:
        pytest.skip("no sed")
    done = subprocess.run(
        [sed, "-u", "-E", "-f", str(SERVICE / "httpd/error-log.sed")],
        input=line + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    entry = json.loads(done.stdout)
    assert entry["level"] == level
    assert entry["service"] == "web"
    assert message is None or entry["message"] == message


def test_what_stands_for_an_absent_service_is_a_problem_with_status_503() -> None:
    for service in ("tracking", "quotes"):
        headers, body = (SITE / "away" / f"{service}.asis").read_text(encoding="utf-8").split("\n\n", 1)
        assert headers.startswith("Status: 503 ")
        assert "Content-Type: application/problem+json" in headers
        problem = json.loads(body)
        assert (problem["status"], problem["service"], problem["away"]) == (503, service, True)
