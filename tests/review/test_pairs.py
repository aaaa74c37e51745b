"""Reviews of real assemblies: each kind of change has its sentence, and nothing else is said."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from ops.review.document import document
from ops.review.markdown import LONGEST, markdown
from ops.review.model import Gate, Review, Status, Weight
from ops.review.page import page

# Tests of one group share what they compare, so they run on one worker.
pytestmark = pytest.mark.xdist_group("reviews")

PAIRS = [
    ("sandbox", "sandbox"), ("sandbox", "changed"), ("changed", "sandbox"), ("sandbox", "edited"), ("sandbox", "added"),
    ("sandbox", "extended"), ("production", "production-domain"), ("production", "production-data"),
    ("production", "production-bare"), ("production-bare", "production"), ("sandbox", "production"),
    ("sandbox", "corners"), ("corners", "borrowed"), ("ecs-alone", "eks-alone"),
]  # fmt: skip


def texts(items) -> list[str]:
    return [item.text for item in items]


def cards(review: Review) -> dict[str, Status]:
    return {card.service: card.status for card in review.services}


@pytest.mark.parametrize("name", ["sandbox", "production", "corners"])
def test_an_environment_against_itself_has_no_change(reviewed, name):
    review = reviewed(name, name)
    assert review.is_empty
    assert review.items == review.templates == review.verdict.reasons == ()
    assert set(cards(review).values()) == {Status.SAME}
    assert "Nothing changes." in markdown(review)


def test_a_changed_table_key_loses_data(reviewed):
    (item,) = (item for item in reviewed("sandbox", "changed").data if "Tabletracking" in item.id)
    assert item.text == "State: DynamoDB Table tracking is replaced, and its items are deleted"
    assert (item.weight, item.gate) == (Weight.DANGER, Gate.DATA_LOSS)
    assert "AttributeName: sk" in item.evidence[0].before
    assert "AttributeName: at" in item.evidence[0].after


def test_a_widened_policy_says_who_may_do_what_on_what(reviewed):
    wider = [item for item in reviewed("sandbox", "changed").rights if item.gate is Gate.WIDER_RIGHTS]
    assert texts(wider) == ["quotes on ECS and EKS may read objects of the bucket prices/list.csv (s3:GetObject)"]


def test_a_new_public_path_and_a_new_way_out_are_exposure(reviewed):
    opened = [item for item in reviewed("sandbox", "changed").exposure.items if item.gate is Gate.NEW_EXPOSURE]
    assert texts(opened) == [
        "everybody on the internet can now reach quotes on ECS and EKS at /prices over http (port 80)",
        "quotes on ECS and EKS can now connect to 10.90.0.0/16 (ledger) on port 5432 (tcp)",
    ]


def test_a_new_image_is_routine_and_names_the_files_that_changed(reviewed):
    review = reviewed("sandbox", "changed")
    (web,) = (card for card in review.services if card.service == "web")
    ((_, image),) = web.images
    assert image.tag_before != image.tag_after
    assert image.files == ((Status.CHANGED, "Dockerfile"),)
    assert not any(item.service == "web" for item in review.items)
    assert ("Ecs-web", "2 updated") in review.routine


def test_a_removed_service_is_said_to_keep_running(reviewed):
    review = reviewed("sandbox", "changed")
    assert cards(review)["notices"] is Status.REMOVED
    assert "Ecs-notices: the stack harbour-sandbox-Ecs-notices is no longer in the app and keeps running" in texts(
        review.data
    )
    assert Decimal(review.cost.difference) < 0


def test_new_code_alone_is_only_routine(reviewed):
    review = reviewed("sandbox", "edited")
    assert review.items == ()
    assert cards(review)["quotes"] is Status.CHANGED
    assert review.routine
    assert not review.verdict.reasons


def test_a_new_service_adds_its_own_rights_and_no_exposure_but_its_way_out(reviewed):
    review = reviewed("sandbox", "added")
    assert cards(review)["hello2"] is Status.ADDED
    assert {item.service for item in review.rights if item.gate} == {"hello2"}
    assert texts(item for item in review.exposure.items if item.gate) == [
        "hello2 on ECS and EKS can now connect to any address on the internet on port 443 (tcp)"
    ]


def test_two_environments_are_compared_without_data_and_downtime(reviewed):
    review = reviewed("sandbox", "production")
    assert review.data == ()
    assert any(note.startswith("two environments are compared") for note in review.notes)
    assert Decimal(review.cost.difference) > 0
    assert set(cards(review)) == {"hello", "notices", "quotes", "tracking", "web"}


def test_the_way_back_mirrors_the_way_there(reviewed):
    there, back = reviewed("sandbox", "changed"), reviewed("changed", "sandbox")
    assert there.cost.before == back.cost.after
    assert Decimal(there.cost.difference) == -Decimal(back.cost.difference)
    flipped = {Status.ADDED: Status.REMOVED, Status.REMOVED: Status.ADDED}
    assert cards(back) == {name: flipped.get(status, status) for name, status in cards(there).items()}
    crossed = {(c.source, c.target): (c.before, c.after) for c in there.exposure.crossings}
    assert {(c.source, c.target): (c.after, c.before) for c in back.exposure.crossings} == crossed
    wider = {"may read objects of the bucket prices", "may no longer read objects of the bucket prices"}
    assert all(any(words in text for text in texts((*there.rights, *back.rights))) for words in wider)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_no_pair_of_environments_breaks_it_and_the_markdown_stays_short(reviewed, before, after):
    review = reviewed(before, after)
    assert len(markdown(review).splitlines()) < LONGEST
    assert document(review)
    assert "<script" in page(review)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_every_id_is_used_once_and_has_no_space(reviewed, before, after):
    ids = [item.id for item in reviewed(before, after).items]
    assert len(ids) == len(set(ids))
    assert not [one for one in ids if re.search(r"\s", one)]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_every_danger_and_caution_shows_its_evidence(reviewed, before, after):
    bare = [item.id for item in reviewed(before, after).items if item.weight >= Weight.CAUTION and not item.evidence]
    assert bare == []
