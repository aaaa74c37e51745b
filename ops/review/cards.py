"""A card for each service: what runs, with what, then and now, on both platforms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from config.names import stack_id
from config.settings import Platform
from ops.review.ecs_workload import cron_days
from ops.review.images import Images, unchanged
from ops.review.model import Card, Fact, ImageChange, ObjectDiff, Status, status
from ops.review.object_diffs import object_diffs
from ops.review.pair import Pair
from ops.review.readings import Readings, readings
from ops.review.workload import Workload

# Shown only if they change: the kind is the card's own, and the numbers differ between the platforms.
_QUIET: Final = frozenset({"kind", "platforms", "priority"})
_ORDER: Final = (
    "kind",
    "platforms",
    "cpu",
    "memory",
    "storage",
    "architecture",
    "capacity",
    "scaling.min",
    "scaling.max",
    "scaling.cpu_target",
    "scaling.memory_target",
    "scaling.requests_target",
    "scaling.backlog_target",
    "scaling.cooldowns",
    "scaling.schedule",
    "schedule",
    "timezone",
    "timeout",
    "retries",
    "port",
    "private_port",
    "protocol",
    "path",
    "hosts",
    "load balancer",
    "priority",
    "sticky",
    "call_timeout",
    "health",
    "health.liveness",
    "health.codes",
    "health.interval",
    "health.timeout",
    "health.healthy",
    "health.unhealthy",
    "health.retries",
    "health.start",
    "health_grace",
    "entrypoint",
    "command",
    "user",
    "init",
    "read-only root",
    "writable",
    "tmp_size",
    "stop_timeout",
    "before_deploy",
    "sidecars",
    "calls",
    "egress",
    "alarms",
    "logs kept",
)
_PLACES: Final = {name: place for place, name in enumerate(_ORDER)}


def cards(pair: Pair) -> tuple[Card, ...]:
    """A card for each service of either side: those that change first, then by name. Never fails: what cannot be read of a
    service is left out.
    """
    before, after = readings(pair)
    images = Images(pair.before, pair.after)
    found = [_card(name, before, after, images) for name in sorted({*before.services, *after.services})]
    return tuple(sorted(found, key=lambda card: (card.status is Status.SAME, card.service)))


def shared_objects(pair: Pair) -> tuple[ObjectDiff, ...]:
    """The Kubernetes objects of the stack that all services on EKS share, as far as they differ."""
    before, after = readings(pair)
    shared = stack_id(Platform.EKS)
    return object_diffs(before.objects(shared), after.objects(shared))


Workloads = Mapping[Platform, Workload]


def _card(service: str, before: Readings, after: Readings, images: Images) -> Card:
    old, new = before.workloads(service), after.workloads(service)
    facts = tuple(sorted(_facts(old, new), key=_place))
    eks = stack_id(Platform.EKS, service)
    pictures = tuple(_images(old, new, images))
    objects = object_diffs(before.objects(eks), after.objects(eks))
    changed = any(fact.status is not Status.SAME for fact in facts) or any(not unchanged(i) for _, i in pictures)
    becomes = Status.CHANGED if changed or objects else Status.SAME
    if not old or not new:
        becomes = Status.ADDED if new else Status.REMOVED
    return Card(
        service=service,
        kind=_kind(new) or _kind(old),
        status=becomes,
        platforms=tuple(platform.value for platform in Platform if platform in old or platform in new),
        images=pictures,
        facts=facts,
        objects=objects,
    )


def _kind(workloads: Workloads) -> str:
    return next((workload.kind for workload in workloads.values() if workload.kind), "")


def _place(fact: Fact) -> tuple[bool, int, str, str]:
    return fact.status is Status.SAME, _PLACES.get(fact.name, len(_PLACES)), fact.name, fact.platform


def _facts(old: Workloads, new: Workloads) -> Iterator[Fact]:
    platforms = [platform for platform in Platform if platform in old or platform in new]
    if old and new:
        yield from _moves(old, new)
    names = dict.fromkeys(name for side in (old, new) for w in side.values() for name in w.facts)
    for name in names:
        pairs = {platform: (_of(old, platform, name), _of(new, platform, name)) for platform in platforms}
        for fact in _merged(name, pairs, old, new):
            if not (fact.before or fact.after) or (fact.name in _QUIET and fact.status is Status.SAME):
                continue
            yield fact


def _moves(old: Workloads, new: Workloads) -> Iterator[Fact]:
    was, will_be = (", ".join(platform.value for platform in Platform if platform in side) for side in (old, new))
    if was != will_be:
        yield Fact(name="platforms", before=was, after=will_be)


def _of(side: Workloads, platform: Platform, name: str) -> str:
    return side[platform].facts.get(name, "") if platform in side else ""


_Values = tuple[str, str]


def _merged(name: str, pairs: dict[Platform, _Values], old: Workloads, new: Workloads) -> Iterator[Fact]:
    """One fact if all platforms agree, else one for each. A platform that a service leaves or joins says only what differs from
    the other one.
    """
    staying = {p: values for p, values in pairs.items() if (p in old and p in new) or not old or not new}
    moving = {p: values for p, values in pairs.items() if p not in staying}
    if not staying:
        staying, moving = _moved_over(pairs), {}
    values = list(staying.values())
    if len(values) == 2 and _agree(name, *values):
        yield Fact(name=name, before=values[-1][0], after=values[-1][1])
    else:
        alone = len(pairs) == 1 or (len(staying) == 1 and not moving)
        for platform, (was, will_be) in staying.items():
            yield Fact(name=name, before=was, after=will_be, platform="" if alone else platform.value)
    for platform, (was, will_be) in moving.items():
        others = {other for both in staying.values() for other in both}
        if (was or will_be) not in others:
            yield Fact(name=name, before=was, after=will_be, platform=platform.value)


def _moved_over(pairs: Mapping[Platform, _Values]) -> dict[Platform, _Values]:
    """The values of a service that leaves one platform for the other, as those of the one where it is now."""
    was = next((values[0] for values in pairs.values() if values[0]), "")
    last = list(pairs)[-1]
    will_be = next((values[1] for values in pairs.values() if values[1]), "")
    return {last: (was, will_be)}


def _agree(name: str, ecs: _Values, eks: _Values) -> bool:
    """Whether both platforms have the same values; their schedules are written in two ways."""
    if name != "schedule":
        return ecs == eks
    return ecs == eks or ecs == (cron_days(eks[0]), cron_days(eks[1]))


def _images(old: Workloads, new: Workloads, images: Images) -> Iterator[tuple[str, ImageChange]]:
    """By container, the service's own first; by container and platform where the platforms run different ones."""
    names = dict.fromkeys(name for side in (new, old) for workload in side.values() for name in workload.images)
    for name in names:
        found = {p: images.change(_image(old, p, name), _image(new, p, name)) for p in Platform if p in old or p in new}
        present = {p: image for p, image in found.items() if image.tag_before or image.tag_after}
        known = list(present.values())
        if not known:
            continue
        if all(image == known[0] for image in known):
            yield name, known[0]
            continue
        joint = _joint(known)
        if joint is not None:
            yield name, joint
            continue
        for platform, image in present.items():
            yield f"{name} on {platform.value.upper()}", image


def _image(side: Workloads, platform: Platform, name: str) -> str:
    return side[platform].images.get(name, "") if platform in side else ""


def _joint(known: list[ImageChange]) -> ImageChange | None:
    """The change of an image that a service's platforms share, of which it leaves or joins one."""
    whole = [image for image in known if image.tag_before and image.tag_after]
    others = [image for image in known if image not in whole]
    if len(whole) != 1 or any(
        status(image.tag_before, image.tag_after) is Status.CHANGED
        or {image.tag_before, image.tag_after} - {"", whole[0].tag_before, whole[0].tag_after}
        for image in others
    ):
        return None
    return whole[0]
