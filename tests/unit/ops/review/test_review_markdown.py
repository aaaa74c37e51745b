"""The Markdown: the most dangerous first, short, and every text in it inert."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.markdown import LONGEST, escaped, markdown
from ops.review.model import (
    Card,
    Cost,
    CostLine,
    Exposure,
    Fact,
    Gate,
    ImageChange,
    Item,
    Reach,
    Review,
    Status,
    Usage,
    Verdict,
    Weight,
)

NAT = CostLine(what="NAT gateway", before="", after="1 for 4.50", difference="+4.50")
ROLES = Usage(quota="roles", where="the account", before=80, after=90, limit=100)
TABLES = Usage(quota="tables", where="the account", before=1, after=2, limit=100)


def item(text="something happens", weight=Weight.CAUTION, **more):
    return Item(id=f"x:{text.replace(' ', '-')}", text=text, weight=weight, **more)


def review(**more):
    return Review(environment="sandbox", before="main at 1234567", after="this checkout", **more)


def test_a_review_without_a_change_says_that_nothing_changes():
    assert markdown(review()) == "### Review of sandbox: main at 1234567 → this checkout\n\nNothing changes.\n"


def test_the_most_dangerous_comes_first_and_accepted_findings_last():
    data = (item("note", Weight.NOTE), item("accepted", Weight.DANGER, accepted="known"), item("danger", Weight.DANGER))
    lines = markdown(review(data=data)).splitlines()
    assert [line[2] for line in lines if line.startswith("- ")] == ["🔴", "🔵", "✅"]
    assert lines[2] == "🔴 1 danger · 🔵 1 note · 0 of 0 services change · 1 accepted."


def test_each_section_has_its_lines():
    card = Card(
        service="web",
        kind="http",
        status=Status.CHANGED,
        platforms=("ecs", "eks"),
        images=(("web", ImageChange(tag_before="ecs-" + "a" * 64, tag_after="ecs-" + "b" * 64, files=((Status.CHANGED, "x"),))),),
        facts=(Fact(name="memory", before="512", after="1024", platform="ecs"), Fact(name="port", before="80", after="80")),
    )  # fmt: skip
    text = markdown(
        review(
            services=(card,),
            routine=(("Ecs-web", "2 updated"),),
            cost=Cost(before="40.00", after="44.50", difference="+4.50", lines=(NAT,)),
            limits=(ROLES, TABLES),
            verdict=Verdict(fail_on=("cost>1",), reasons=("cost: too much",)),
        )
    )  # fmt: skip
    said = "changed: image of web ecs-aaaaaaaa → ecs-bbbbbbbb, 1 file changed; memory on ECS 512 → 1024"
    assert f"- **web** (http on ECS and EKS) {said}\n" in text
    assert "- NAT gateway: none → 1 for 4.50 (+4.50 USD)\n" in text
    assert "- the account: 80 → 90 of 100 roles\n" in text
    assert "tables" not in text
    assert "- ⚪ routine: Ecs-web: 2 updated\n" in text
    assert "- ❌ cost: too much\n" in text


def test_it_stays_short_however_much_there_is_and_says_what_is_left_out():
    many = tuple(item(f"thing {number}", gate=Gate.WIDER_RIGHTS) for number in range(500))
    cards = tuple(Card(service=f"s{n}", kind="job", status=Status.ADDED, platforms=("ecs",)) for n in range(100))
    full = review(
        notes=tuple(f"note {n}" for n in range(50)), data=many, rights=many, findings=many, services=cards,
        exposure=Exposure(Reach((), ()), Reach((), ()), (), many),
        routine=(("Ecs", "1 updated"),),
        cost=Cost(difference="+1.00", lines=(NAT,) * 50),
        limits=(ROLES,) * 50,
        verdict=Verdict(reasons=tuple("abcde")),
    )  # fmt: skip
    text = markdown(full)
    assert len(text.splitlines()) < LONGEST
    shown = len(re.findall(r"^- 🟠 thing", text, re.MULTILINE))
    left = sum(int(count) for count in re.findall(r"… and (\d+) more, in the page", text))
    assert shown + left > 4 * 500
    assert text.count("\n#### ") == 7


@settings(max_examples=200)
@given(st.text())
def test_no_text_becomes_markup_a_mention_a_link_or_another_line(text):
    shown = escaped(text)
    assert "\n" not in shown
    assert "\r" not in shown
    assert not re.search(r"[<>@#$](?!\d+;)", shown.replace("&#", ""))
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]~]", shown)
    assert "://" not in shown
    assert "www." not in shown.lower()


def test_what_nobody_can_see_is_written_out():
    assert escaped("a\u202eb\x00") == r"a\\u202eb\\x00"
