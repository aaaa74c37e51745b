"""What changes in the managed policies and permissions boundaries that roles, users and groups have."""

from __future__ import annotations

from collections.abc import Iterator

from ops.review.drafts import Draft
from ops.review.iam import Policies
from ops.review.iam_labels import Labels
from ops.review.model import Evidence


def attached(before: Policies, after: Policies, labels: Labels) -> Iterator[Draft]:
    """A draft for each."""
    yield from _managed(before, after, labels)
    yield from _boundaries(before, after, labels)


def _managed(before: Policies, after: Policies, labels: Labels) -> Iterator[Draft]:
    """Policies that AWS or somebody else maintains."""
    for holder in sorted({*before.managed, *after.managed}):
        old, new = before.managed.get(holder, {}), after.managed.get(holder, {})
        for policy in sorted(old.keys() ^ new.keys()):
            wider = policy in new
            name = policy.rpartition("/")[2]
            verb = ("also has" if old or holder in before.places else "has") if wider else "no longer has"
            place = (new if wider else old)[policy]
            evidence = Evidence(
                stack=place[0], name=place[1], before="" if wider else policy, after=policy if wider else ""
            )
            yield Draft(
                who=labels.holder(holder.key),
                predicate=f"{verb} the rights of {_owner(policy)} {name}",
                wider=wider,
                danger=wider and name.startswith(("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")),
                content=f"managed {wider} {holder.key} {policy}",
                place=place,
                evidence=(evidence,),
            )


def _boundaries(before: Policies, after: Policies, labels: Labels) -> Iterator[Draft]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    for holder in sorted({*before.boundaries, *after.boundaries}):
        old, new = before.boundaries.get(holder, ""), after.boundaries.get(holder, "")
        kept = holder in before.places and holder in after.places
        if old == new or not kept:
            continue
        place = after.places[holder]
        then, now = labels.thing(old), labels.thing(new)
        text = f"may do no more than its boundary, {now}, allows" if new else f"is no longer bound by {then}"
        yield Draft(
            who=labels.holder(holder.key),
            predicate=text + (f", before {then}" if old and new else ""),
            wider=bool(old),
            content=f"boundary {holder.key} {old} {new}",
            place=place,
            evidence=(Evidence(stack=place[0], name=place[1], before=old, after=new),),
        )


def _owner(policy: str) -> str:
    return "AWS's policy" if ":aws:policy/" in policy else "the policy"
