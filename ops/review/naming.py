"""What people call a resource: CDK writes the path of its construct into the template."""

from __future__ import annotations

from config.names import service_of
from config.settings import Platform
from ops.changes.sentences import readable, short_type
from ops.review.pair import Pair

_OF_CDK = frozenset({"Resource", "Default"})


def label(pair: Pair, stack: str, name: str) -> str:
    """A resource by its construct, without what its type says already: the table Table-tracking is `tracking`.

    By its logical id without the hash where the template has no path.
    """
    body = _body(pair, stack, name)
    path = _path(body) or [readable(name)]
    kind = short_type(str(body.get("Type", ""))).rpartition(" ")[2]
    last = path[-1].removeprefix(kind).removeprefix("-") if kind else path[-1]
    return "/".join([*path[:-1], last or path[-1]])


def service(pair: Pair, stack: str, name: str) -> str:
    """The service that a resource is of: by its stack, or by the end of its construct's id; empty for a shared one."""
    own = service_of_stack(stack)
    if own:
        return own
    path = _path(_body(pair, stack, name))
    after = path[0].partition("-")[2] if path else ""
    known = {service_of_stack(one) for one in (*pair.sides.before, *pair.sides.after)}
    return after if after in known else ""


def service_of_stack(stack: str) -> str:
    """The service that a stack is of; empty for a shared one."""
    return next((found for platform in Platform if (found := service_of(stack, platform))), "")


def _body(pair: Pair, stack: str, name: str) -> dict[str, object]:
    for side in (pair.sides.after, pair.sides.before):
        if stack in side and name in side[stack].resources:
            found: dict[str, object] = side[stack].resources[name]
            return found
    return {}


def _path(body: dict[str, object]) -> list[str]:
    """The ids of the constructs below the stack, down to the resource's own."""
    metadata = body.get("Metadata")
    text = metadata.get("aws:cdk:path") if isinstance(metadata, dict) else None
    parts = text.split("/")[1:] if isinstance(text, str) else []
    return [part for part in parts if part and part not in _OF_CDK]
