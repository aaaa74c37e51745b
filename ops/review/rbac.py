"""Rights inside the cluster: who acts as which role of IAM, who may use the cluster, and RBAC."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from ops.review.drafts import Draft
from ops.review.iam import place_of
from ops.review.iam_coverage import difference
from ops.review.iam_labels import Labels, Who, belongs
from ops.review.iam_statements import EVERYTHING, Statement
from ops.review.iam_words import MOST
from ops.review.model import Evidence
from ops.review.rbac_rights import ADMIN, BUILT_IN, Cluster, Side, Subject
from ops.review.text import listed

# With these, somebody can give himself any other right. https://kubernetes.io/docs/concepts/security/rbac-good-practices/
_ESCALATING: Final = {"*", "bind", "escalate", "impersonate"}
_EVERYWHERE: Final = "every namespace"


def cluster_changes(before: Side, after: Side, labels: Labels) -> Iterator[Draft]:
    """A draft for each change of a right inside the cluster."""
    old, new = Cluster(before), Cluster(after)
    writer = _Writer(old, new, labels)
    for link in sorted(old.roles ^ new.roles):
        yield writer.acts(link)
    for account in sorted(old.tokens ^ new.tokens):
        yield writer.token(account)
    for principal in sorted(old.access.keys() | new.access.keys()):
        yield from writer.differences(
            principal, old.access.get(principal, set()), new.access.get(principal, set()), writer.access
        )
    # A role that is bound on one side only is told by those who are bound to it.
    passed = (old.bound ^ new.bound) & old.defined & new.defined
    for subject in sorted((old.rules.keys() | new.rules.keys()) - passed):
        yield from writer.differences(
            subject, old.rules.get(subject, set()), new.rules.get(subject, set()), writer.rule
        )


class _Writer:
    def __init__(self, old: Cluster, new: Cluster, labels: Labels) -> None:
        self._old, self._new, self._labels = old, new, labels

    def acts(self, link: tuple[str, str, str]) -> Draft:
        namespace, account, role = link
        wider = link in self._new.roles
        place = place_of(role)
        thing = self._labels.thing(f"<{place[0]}/{place[1]}>" if place else role)
        who = self._account(namespace, account)
        if thing == f"the role of {who.name}":
            predicate = "gets a role of its own" if wider else "no longer has a role of its own"
            # What may be done with it is said of the role, whose rights are new with it.
            return replace(self._draft(who, predicate, link, wider=wider, content=f"acts {link}"), quiet=True)
        verb = "acts as" if wider else "no longer acts as"
        return self._draft(who, f"{verb} {thing}", link, wider=wider, content=f"acts {link}")

    def token(self, account: tuple[str, str]) -> Draft:
        wider = account in self._new.tokens
        verb = "gets" if wider else "no longer gets"
        place = (self._new if wider else self._old).accounts[account]
        values = [
            "automountServiceAccountToken: true\n" if account in side.tokens else "" for side in (self._old, self._new)
        ]
        return Draft(
            who=self._account(*account),
            predicate=f"{verb} a token for the cluster's API in its pods",
            wider=wider,
            content=f"token {account}",
            place=place,
            evidence=(Evidence(stack=place[0], name=place[1], before=values[0], after=values[1]),),
        )

    def differences(
        self,
        subject: Any,
        old: set[Statement],
        new: set[Statement],
        written: Callable[[Any, list[str], str, bool, bool], tuple[Who, str]],
    ) -> Iterator[Draft]:
        """Drafts for what one subject gets and loses: the rights on one thing make one."""
        found = difference(sorted(old, key=str), sorted(new, key=str))
        for wider, pieces in ((True, found.allowed), (False, found.disallowed)):
            for resource, actions in _by_resource(pieces).items():
                who, predicate = written(subject, actions, resource, wider, bool(old))
                content = json.dumps([*map(str, _flat(subject)), resource, *actions])
                danger = wider and _is_danger(actions, resource)
                yield self._draft(who, predicate, subject, wider=wider, content=content, danger=danger)

    def access(self, principal: str, actions: list[str], resource: str, wider: bool, known: bool) -> tuple[Who, str]:
        cluster, _, space = resource.rpartition("|")
        where = _EVERYWHERE if space == EVERYTHING else f"the namespace {space}"
        place = place_of(principal)
        who = self._labels.holder(f"<{place[0]}/{place[1]}>") if place else Who(self._labels.thing(principal))
        verb = ("also has" if known else "has") if wider else "no longer has"
        groups = [action for action in actions if action.startswith("group ")]
        what = "the rights of " + listed(
            [*(f"the {one}" for one in groups), *(one for one in actions if one not in groups)], most=MOST
        )
        return who, f"{verb} {what} in {where} of {self._labels.thing(cluster)}"

    def rule(self, subject: Subject, actions: list[str], resource: str, wider: bool, known: bool) -> tuple[Who, str]:
        space, _, what = resource.partition("|")
        where = f"in {_EVERYWHERE if space == EVERYTHING else f'the namespace {space}'}"
        may = ("may also" if known else "may") if wider else "may no longer"
        if what == "role":
            verb = ("also has" if known else "has") if wider else "no longer has"
            return self._subject(
                subject
            ), f"{verb} the rights of {listed((f'the {one}' for one in actions), most=MOST)} {where}"
        verbs = "do everything with" if EVERYTHING in actions else listed(actions, most=MOST)
        # An address is in no namespace.
        on = _thing(what) if what.startswith("url|") else f"{_thing(what)} {where}"
        return self._subject(subject), f"{may} {verbs} {on}"

    def _subject(self, subject: Subject) -> Who:
        if subject.kind == "ServiceAccount":
            return self._account(subject.namespace, subject.name)
        if subject.kind in BUILT_IN:
            return Who(f"whoever is given the {subject.kind} {subject.name}")
        return Who(f"the {subject.kind.lower() or 'subject'} {subject.name}")

    def _account(self, namespace: str, name: str) -> Who:
        """A service account of a service's stack is the service."""
        place = self._new.accounts.get((namespace, name)) or self._old.accounts.get((namespace, name))
        service, platform = belongs(place[0]) if place else ("", "")
        if service and service == name:
            return Who(f"{service} on {platform}", service, platform)
        return Who(f"the service account {name} of the namespace {namespace}", service)

    def _draft(self, who: Who, predicate: str, key: Any, *, wider: bool, content: str, danger: bool = False) -> Draft:
        place = self._new.written.get(key) or self._old.written[key]
        before, after = ("\n".join(dict.fromkeys(side.texts.get(key, ()))) for side in (self._old, self._new))
        evidence = Evidence(stack=place[0], name=place[1], before=before, after=after)
        return Draft(
            who=who, predicate=predicate, wider=wider, danger=danger, content=content, place=place, evidence=(evidence,)
        )


def _thing(what: str) -> str:
    """`group|resource|name` in words."""
    group, _, rest = what.partition("|")
    if group == "url":
        return f"the address {rest}"
    kind, _, name = rest.partition("|")
    if kind == EVERYTHING:
        kind = "every kind of object"
    inside = f" ({group})" if group not in {"", EVERYTHING} else ""
    return f"{kind}{inside}" if name == EVERYTHING else f"{kind}{inside} named {name}"


def _is_danger(actions: list[str], resource: str) -> bool:
    if not ADMIN.isdisjoint(action.removeprefix("group ") for action in actions):
        return True
    parts = resource.split("|")
    return not _ESCALATING.isdisjoint(actions) or (len(parts) == 4 and parts[2] == EVERYTHING)


def _by_resource(pieces: Iterable[Statement]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for piece in pieces:
        found[str(piece.resources)].append(str(piece.actions))
    return {resource: sorted(actions) for resource, actions in sorted(found.items())}


def _flat(subject: Any) -> tuple[Any, ...]:
    return tuple(subject) if isinstance(subject, tuple) else (subject,)
