"""What makes a review fail, and what .review.yaml accepts."""

from datetime import date
from decimal import Decimal

import pytest

from config.errors import ConfigError
from ops.errors import OpsError
from ops.review.accepted import AcceptedFinding, accepted_in
from ops.review.gate import Rules, judged, rules_from
from ops.review.model import Cost, Gate, Item, Review, Weight

TODAY = date(2026, 11, 26)
LOST = Item(id="data:lost", text="a table is lost", weight=Weight.DANGER, gate=Gate.DATA_LOSS)
WIDER = Item(id="rights:wider", text="more is allowed", weight=Weight.CAUTION, gate=Gate.WIDER_RIGHTS)
REVIEW = Review(
    environment="sandbox", before="main", after="this", data=(LOST,), rights=(WIDER,), cost=Cost(difference="+12.50")
)


def accepted(identifier="rights:wider", expires="2026-11-26", **more):
    return AcceptedFinding(id=identifier, reason="Needed until the migration ends", expires=expires, **more)


@pytest.mark.parametrize(
    ("words", "reasons"),
    [
        ("", ()),
        ("refused,new-exposure", ()),
        ("data-loss", ("data-loss: 1 finding that .review.yaml does not accept",)),
        (
            "data-loss, wider-rights",
            (
                "data-loss: 1 finding that .review.yaml does not accept",
                "wider-rights: 1 finding that .review.yaml does not accept",
            ),
        ),
        ("cost>12.50", ()),
        ("cost>12.49", ("cost: +12.50 USD a month more, and 12.49 is the bound",)),
    ],
)
def test_it_fails_on_what_it_is_asked_to_fail_on_and_nothing_else(words, reasons):
    assert judged(REVIEW, rules_from(words), (), TODAY).verdict.reasons == reasons


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("data-los", "--fail-on data-los: is nothing a review can fail on; did you mean data-loss?"),
        (
            "cost>ten",
            "--fail-on cost>ten: is nothing a review can fail on; "
            "write data-loss, refused, wider-rights, new-exposure, cost>10",
        ),
        ("cost>-1", None),
    ],
)
def test_a_word_that_is_none_is_one_line(words, line):
    with pytest.raises(OpsError) as refused:
        rules_from(words)
    assert refused.value.exit_code == 2
    assert line is None or str(refused.value) == line


def test_an_accepted_finding_is_shown_and_does_not_fail():
    found = judged(REVIEW, rules_from("wider-rights"), [accepted()], TODAY)
    assert not found.verdict.reasons
    assert found.rights[0].accepted == "Needed until the migration ends"
    assert not found.data[0].accepted


def test_it_is_accepted_up_to_its_last_day_and_no_longer():
    found = judged(REVIEW, rules_from("wider-rights"), [accepted(expires="2026-11-25")], TODAY)
    assert found.verdict.reasons
    assert found.notes == (".review.yaml accepted rights:wider until 2026-11-25; that day has passed",)


def test_it_is_accepted_only_where_the_file_says_so():
    found = judged(REVIEW, rules_from("wider-rights"), [accepted(environment="production")], TODAY)
    assert found.verdict.reasons
    assert found.notes == ()


def test_an_id_that_accepts_nothing_is_named():
    found = judged(REVIEW, Rules(), [accepted("rights:other")], TODAY)
    assert "accepts rights:other, which is no finding of this review" in found.notes[0]


def test_the_rules_say_themselves_as_they_were_written():
    assert rules_from("cost>10,refused,data-loss").words == ("data-loss", "refused", "cost>10")
    assert rules_from("cost>10").cost == Decimal(10)


def test_the_file_is_read(tmp_path):
    assert accepted_in(tmp_path) == ()
    (tmp_path / ".review.yaml").write_text(
        "accepted:\n  - {id: 'rights:wider', reason: Needed until the migration ends, expires: 2026-11-26}\n"
    )
    assert accepted_in(tmp_path) == (accepted(),)


ONE = "id: a, reason: Because it is needed, expires: 2027-01-31"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("accepted: [{id: a, reason: Because it is needed}]", "accepted[0].expires: is missing"),
        (
            "accepted: [{id: a, reason: Because it is needed, expires: 2027-02-30}]",
            "accepted[0].expires: '2027-02-30' is in no calendar; write a day, e.g. 2027-01-31",
        ),
        ("accepted: [{id: a, reason: no, expires: 2027-01-31}]", "accepted[0].reason: is 'no', which is not valid"),
        ("acepted: []", "acepted: is unknown; did you mean accepted?"),
        (f"accepted: [{{{ONE}}}, {{{ONE}}}]", "accepted[1].id: 'a' is accepted twice; remove one"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, line):
    (tmp_path / ".review.yaml").write_text(f"{text}\n")
    with pytest.raises(ConfigError) as refused:
        accepted_in(tmp_path)
    assert str(refused.value).startswith(f".review.yaml: {line}")
