"""Who may do what, on what and when: what changes in policies of IAM and of resources, and inside the cluster."""

from __future__ import annotations

from ops.review.drafts import items
from ops.review.iam import policies
from ops.review.iam_attached import attached
from ops.review.iam_changes import changes
from ops.review.iam_labels import Labels
from ops.review.model import Item
from ops.review.pair import Pair
from ops.review.rbac import cluster_changes


def rights(pair: Pair) -> tuple[Item, ...]:
    """Each right that somebody gets, loses, or has under other conditions, those to look at first first.

    Statements are compared by what they mean: one that is split, merged, reordered or moved to another policy of the same role
    is no change. What cannot be read is left out.
    """
    sides = [(pair.sides.before, pair.sides.was), (pair.sides.after, pair.sides.will_be)]
    labels = Labels([*sides])
    before, after = (policies(stacks, values) for stacks, values in sides)
    of_roles = [*changes(before, after, labels), *attached(before, after, labels)]
    return items([*of_roles, *cluster_changes(sides[0], sides[1], labels)])
