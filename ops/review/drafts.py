"""Sentences about rights before they become items: what both platforms of a service get is said once."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.errors import one_line
from ops.review.iam import Place
from ops.review.iam_labels import Who
from ops.review.iam_words import MOST
from ops.review.model import Evidence, Gate, Item, Weight
from ops.review.text import listed

_LONGEST: Final = 600
_PLURAL: Final = {"has": "have", "is": "are", "gets": "get", "acts": "act"}
_SINGULAR: Final = re.compile(rf"^(also |no longer |)({'|'.join(_PLURAL)})\b")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A change of somebody's rights.

    Attributes:
        who: whose.
        predicate: the sentence without its subject.
        wider: True if more is possible than before.
        danger: True if what becomes possible has no bounds.
        quiet: True if it only goes with what other sentences say.
        content: what changes, in full; the same text gives the same id.
        place: the resource that the id names.
        evidence: what it rests on.
    """

    who: Who
    predicate: str
    wider: bool
    content: str
    place: Place
    danger: bool = False
    quiet: bool = False
    evidence: tuple[Evidence, ...] = ()


def items(drafts: Iterable[Draft]) -> tuple[Item, ...]:
    """The items, those to look at first first."""
    groups: dict[tuple[str, ...], list[Draft]] = defaultdict(list)
    for draft in drafts:
        about = draft.who.service or str(draft.place)
        groups[about, draft.predicate, str(draft.wider)].append(draft)
    found = [_item(group) for group in groups.values()]
    return tuple(sorted(found, key=lambda item: (-item.weight, item.text, item.id)))


def _item(group: list[Draft]) -> Item:
    group.sort(key=lambda draft: (draft.place, draft.content))
    first = group[0]
    evidence = tuple(dict.fromkeys(one for draft in group for one in draft.evidence))
    text = one_line(_sentence([draft.who for draft in group], first.predicate))
    weight = Weight.DANGER if any(draft.danger for draft in group) else Weight.CAUTION
    counts = first.wider and not all(draft.quiet for draft in group)
    return Item(
        id=_identifier(group),
        text=text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…",
        weight=weight if counts else Weight.NOTE,
        gate=Gate.WIDER_RIGHTS if counts else None,
        evidence=evidence,
        service=first.who.service,
    )


def _sentence(who: list[Who], predicate: str) -> str:
    platforms = sorted({one.platform for one in who if one.platform})
    helpers = sorted({one.name for one in who if not one.platform})
    service = [f"{who[0].service} on {listed(platforms)}"] if platforms else []
    subjects = [*service, *helpers]
    if len(subjects) > 1:
        predicate = _SINGULAR.sub(lambda match: f"{match[1]}{_PLURAL[match[2]]}", predicate)
    return f"{listed(subjects, most=MOST)} {predicate}"


def _identifier(group: list[Draft]) -> str:
    """`rights:<stack>/<logical id>:<hash of all that changes>`."""
    contents = sorted({f"{draft.place}{draft.wider}{draft.content}" for draft in group})
    digest = hashlib.sha256("\n".join(contents).encode(errors="backslashreplace")).hexdigest()[:10]
    stack, name = group[0].place
    return "_".join(f"rights:{stack}/{name}:{digest}".split())
