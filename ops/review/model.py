"""The words of a review: what its sections say, and what the page, the Markdown and the JSON are made of."""

# Over 300 lines: every type of a review, each with the meaning of its fields.
from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Weight(IntEnum):
    """How closely a reviewer should look, from the least to the most."""

    ROUTINE = 0
    """Every deployment of a new version does it."""
    NOTE = 1
    """Worth knowing; nothing is lost, opened or refused."""
    CAUTION = 2
    """More is allowed, reachable, paid or interrupted than before."""
    DANGER = 3
    """Data is lost, or CloudFormation refuses."""

    @property
    def word(self) -> str:
        return self.name.lower()


class Gate(StrEnum):
    """What `--fail-on` can name, besides a cost."""

    DATA_LOSS = "data-loss"
    REFUSED = "refused"
    WIDER_RIGHTS = "wider-rights"
    NEW_EXPOSURE = "new-exposure"


class Status(StrEnum):
    """What becomes of anything that exists on either side."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a sentence rests on: a resource, and the part of it that counts, then and now.

    Attributes:
        stack: id of its stack, e.g. Ecs-web.
        name: its logical id; empty for a stack as a whole.
        before: the part that counts, as readable text (YAML or a few words); empty if it was not there.
        after: the same of the new side.
    """

    stack: str
    name: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to know.

    Attributes:
        id: stays the same as long as the change does, without spaces; `.review.yaml` names it.
        text: a sentence of plain English without markup or full stop.
        weight: how closely to look.
        gate: what it counts as for `--fail-on`, if anything.
        evidence: what the sentence rests on.
        remedy: what to do instead, or first; empty if there is nothing.
        service: the service that it is about, if it is about one.
        accepted: the reason with which `.review.yaml` accepts it; empty if it does not.
    """

    id: str
    text: str
    weight: Weight
    gate: Gate | None = None
    evidence: tuple[Evidence, ...] = ()
    remedy: str = ""
    service: str = ""
    accepted: str = ""


# --- what can reach what ---------------------------------------------------------------------------------------------


class NodeKind(StrEnum):
    """What a node of the picture stands for."""

    INTERNET = "internet"
    PRIVATE = "private network"
    """Addresses in private ranges outside the VPC: the company's network."""
    PEOPLE = "people"
    """Who may use kubectl."""
    AWS = "aws"
    """AWS's own APIs, through endpoints or the internet."""
    LOAD_BALANCER = "load balancer"
    CLUSTER = "cluster"
    SERVICE = "service"
    TABLE = "table"
    BUCKET = "bucket"
    QUEUE = "queue"
    SECRET = "secret"  # noqa: S105 - a kind, not a secret
    OTHER = "other"
    """An address, a security group or a resource that none of the above describes."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A place in the picture.

    Attributes:
        id: unique on both sides of a comparison and the same on both, e.g. ecs/web or table/tracking.
        kind: what it stands for.
        label: what people call it, e.g. web.
        platform: ecs, eks or empty where both share it.
    """

    id: str
    kind: NodeKind
    label: str
    platform: str = ""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """That one node can reach another.

    Attributes:
        source: id of the node that begins.
        target: id of the node that it reaches.
        what: ports, paths or verbs, sorted, e.g. ("tcp 8080",) or ("reads", "writes") or ("https /tracking",).
        evidence: the resources that allow it, as (stack, logical id).
    """

    source: str
    target: str
    what: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reach:
    """Everything that can reach something, on one side of a comparison."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A cell of the matrix: what a source can reach a target with.

    Attributes:
        source: id of a node.
        target: id of a node.
        before: what it could reach it with; empty if it could not.
        after: what it can reach it with.
        status: what becomes of it.
    """

    source: str
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    status: Status


@dataclass(frozen=True)
class Exposure:
    """What can reach what, then and now.

    Attributes:
        before: the reach of the old side.
        after: the reach of the new side.
        crossings: every pair of nodes with an edge on either side, those that change first.
        items: the sentences about what changes.
    """

    before: Reach
    after: Reach
    crossings: tuple[Crossing, ...]
    items: tuple[Item, ...]


# --- services --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A value of a service, then and now.

    Attributes:
        name: what a person calls it: memory, health, LOG_LEVEL; or the path of a field, spec/replicas.
        before: the old value as text; empty if there was none.
        after: the new one.
        platform: ecs or eks; empty if both have the same values.
    """

    name: str
    before: str
    after: str
    platform: str = ""

    @property
    def status(self) -> Status:
        return status(self.before, self.after)


def status(before: object, after: object) -> Status:
    """What becomes of a value; an empty one is not there."""
    if before == after:
        return Status.SAME
    if not before:
        return Status.ADDED
    return Status.REMOVED if not after else Status.CHANGED


@dataclass(frozen=True, kw_only=True)
class ImageChange:
    """An image then and now.

    Attributes:
        tag_before: the old tag; empty if there was no image.
        tag_after: the new one.
        base_before: the image that it is built from, e.g. docker/library/debian:12-slim; empty if unknown.
        base_after: the same of the new side.
        files: the files of its build context that changed, as (status, path); empty if they are unknown or the same.
        files_known: False where only the tags are known, as of what is deployed.
    """

    tag_before: str
    tag_after: str
    base_before: str = ""
    base_after: str = ""
    files: tuple[tuple[Status, str], ...] = ()
    files_known: bool = True


@dataclass(frozen=True, kw_only=True)
class ObjectDiff:
    """A Kubernetes object, field by field.

    Attributes:
        object: kind and name, e.g. Deployment web.
        status: what becomes of it.
        fields: the fields that differ, by path; empty for an object that is added or removed.
    """

    object: str
    status: Status
    fields: tuple[Fact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Card:
    """A service.

    Attributes:
        service: its name.
        kind: http, worker or job.
        status: what becomes of it.
        platforms: where it runs, on either side: ecs, eks.
        images: its image and those of its sidecars, by container.
        facts: what describes it; those that change first.
        objects: its Kubernetes objects that change.
    """

    service: str
    kind: str
    status: Status
    platforms: tuple[str, ...]
    images: tuple[tuple[str, ImageChange], ...] = ()
    facts: tuple[Fact, ...] = ()
    objects: tuple[ObjectDiff, ...] = ()


# --- money, limits, pictures, templates ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """A line of the idle bill: how many for how much, in USD a month. Empty where there is none."""

    what: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The idle bill of a month in USD, then and now, and the lines that differ first."""

    before: str = "0.00"
    after: str = "0.00"
    difference: str = "0.00"
    lines: tuple[CostLine, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How full a quota is.

    Attributes:
        quota: its name.
        where: what it is counted in.
        before: how many there were.
        after: how many there are.
        limit: how many AWS allows.
        source: the page that says so.
    """

    quota: str
    where: str
    before: int
    after: int
    limit: int
    source: str = ""

    @property
    def share(self) -> float:
        """Of the limit, from 0 to 1 and beyond."""
        return self.after / self.limit if self.limit else 1.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing.

    Attributes:
        id: an anchor.
        title: what it shows.
        description: the same in words, for whoever cannot see it.
        svg: the drawing; every text in it is escaped.
    """

    id: str
    title: str
    description: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class ResourceDiff:
    """A resource of a template, line by line.

    Attributes:
        name: its logical id, or the section's name for what is not a resource: Outputs.
        type: its type; empty for what is not a resource.
        status: what becomes of it.
        lines: what differs with three lines around it, as ("+", "-", " " or "…", text).
    """

    name: str
    type: str
    status: Status
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateDiff:
    """A template, resource by resource.

    Attributes:
        stack: id of its stack.
        status: what becomes of it.
        resources: what differs.
        moved: how many resources differ in nothing but hashes or order.
    """

    stack: str
    status: Status
    resources: tuple[ResourceDiff, ...] = ()
    moved: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says.

    Attributes:
        fail_on: what it was asked to fail on.
        reasons: why it fails, one line each; empty if it passes.
    """

    fail_on: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything that a review says.

    Attributes:
        environment: the environment's name.
        before: what the base is, e.g. main at 2fba35c.
        after: what is compared with it, e.g. this checkout.
        notes: what a reader has to know about the comparison itself.
        data: data and downtime, the greatest danger first.
        routine: how many resources change as with every new version, by stack.
        rights: who may do more or less.
        exposure: what can reach what.
        services: a card for each service, those that change first.
        objects: the Kubernetes objects that all services share, as far as they change.
        cost: the idle bill.
        limits: the quotas that count, the fullest first.
        findings: of the checkers, and what is acknowledged.
        pictures: drawn from the templates.
        templates: the raw difference.
        verdict: what the gate says.
        deploys: whether the new side is deployed over the old one; else nothing is known about data and downtime.
        checked: whether the findings of both sides are known.
    """

    environment: str
    before: str
    after: str
    notes: tuple[str, ...] = ()
    data: tuple[Item, ...] = ()
    routine: tuple[tuple[str, str], ...] = ()
    rights: tuple[Item, ...] = ()
    exposure: Exposure = field(default_factory=lambda: Exposure(Reach((), ()), Reach((), ()), (), ()))
    services: tuple[Card, ...] = ()
    objects: tuple[ObjectDiff, ...] = ()
    cost: Cost = field(default_factory=Cost)
    limits: tuple[Usage, ...] = ()
    findings: tuple[Item, ...] = ()
    pictures: tuple[Picture, ...] = ()
    templates: tuple[TemplateDiff, ...] = ()
    verdict: Verdict = field(default_factory=Verdict)
    deploys: bool = True
    checked: bool = True

    @property
    def items(self) -> tuple[Item, ...]:
        """Every sentence of every section."""
        return (*self.data, *self.rights, *self.exposure.items, *self.findings)

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to say."""
        changed = any(card.status is not Status.SAME for card in self.services)
        return not (self.items or self.templates or changed or self.routine)
