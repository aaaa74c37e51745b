"""Reviews as the rest of `make review` would make them: a small one with everything, a large one, a hostile one, an empty one."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from ops.review.model import (
    Card,
    Cost,
    CostLine,
    Crossing,
    Edge,
    Evidence,
    Exposure,
    Fact,
    Gate,
    ImageChange,
    Item,
    Node,
    NodeKind,
    ObjectDiff,
    Reach,
    ResourceDiff,
    Review,
    Status,
    TemplateDiff,
    Usage,
    Verdict,
    Weight,
    status,
)

PLATFORMS = ("ecs", "eks")
SHARED = (
    Node(id="internet", kind=NodeKind.INTERNET, label="the internet"),
    Node(id="people", kind=NodeKind.PEOPLE, label="people with kubectl"),
    Node(id="aws", kind=NodeKind.AWS, label="AWS"),
)


def _platform(platform: str, services: tuple[str, ...]) -> list[Node]:
    return [
        Node(id=f"{platform}/load-balancer", kind=NodeKind.LOAD_BALANCER, label="load balancer", platform=platform),
        *(Node(id=f"{platform}/{name}", kind=NodeKind.SERVICE, label=name, platform=platform) for name in services),
    ]


def _edge(source: str, target: str, *what: str, evidence: tuple[tuple[str, str], ...] = ()) -> Edge:
    return Edge(source=source, target=target, what=tuple(sorted(what)), evidence=evidence)


def _harbour(*, then: bool) -> Reach:
    """Five services on two platforms; now tracking is public under a second path, quotes calls nobody, hello sees the world."""
    services = ("web", "quotes", "tracking", "notices", "hello") if then else ("web", "quotes", "tracking", "notices")
    nodes = [*SHARED]
    edges = [_edge("people", "eks/cluster", "https 443")]
    nodes += [
        Node(id="eks/cluster", kind=NodeKind.CLUSTER, label="cluster", platform="eks"),
        Node(id="table/tracking", kind=NodeKind.TABLE, label="tracking"),
        Node(id="queue/notices", kind=NodeKind.QUEUE, label="notices"),
        Node(id="secret/carrier", kind=NodeKind.SECRET, label="harbour/quotes/carrier-api-key"),
    ]
    if not then:
        nodes.append(Node(id="bucket/quotes", kind=NodeKind.BUCKET, label="quotes"))
    for platform in PLATFORMS:
        nodes += _platform(platform, services)
        edges.append(_edge("internet", f"{platform}/load-balancer", "https 443", "http 80"))
        edges.append(_edge(f"{platform}/load-balancer", f"{platform}/web", "/ on tcp 8080"))
        edges.append(_edge(f"{platform}/load-balancer", f"{platform}/quotes", "/quotes on tcp 8080"))
        paths = ["/tracking on tcp 8080"] if then else ["/tracking on tcp 8080", "/shipments on tcp 8080"]
        evidence = ((f"{platform.title()}-tracking", "Rule"),)
        edges.append(_edge(f"{platform}/load-balancer", f"{platform}/tracking", *paths, evidence=evidence))
        if then:
            edges.append(_edge(f"{platform}/quotes", f"{platform}/tracking", "tcp 8080"))
        else:
            edges.append(_edge(f"{platform}/quotes", "bucket/quotes", "reads", "writes"))
            edges.append(_edge(f"{platform}/notices", "internet", "tcp 443"))
        edges.append(_edge(f"{platform}/quotes", "secret/carrier", "reads"))
        edges.append(_edge(f"{platform}/tracking", "table/tracking", "reads", "writes"))
        edges.append(_edge(f"{platform}/tracking", "queue/notices", "sends"))
        edges.append(_edge(f"{platform}/notices", "queue/notices", "receives"))
        edges += [_edge(f"{platform}/{name}", "aws", "https 443") for name in services]
    return Reach(tuple(nodes), tuple(edges))


def crossings(before: Reach, after: Reach) -> tuple[Crossing, ...]:
    """Every pair of nodes with an edge on either side, those that change first."""
    was, now = ({(edge.source, edge.target): edge.what for edge in reach.edges} for reach in (before, after))
    found = [
        Crossing(
            source=source,
            target=target,
            before=was.get((source, target), ()),
            after=now.get((source, target), ()),
            status=status(was.get((source, target), ()), now.get((source, target), ())),
        )
        for source, target in sorted({*was, *now})
    ]
    return tuple(sorted(found, key=lambda crossing: crossing.status is Status.SAME))


def exposure(before: Reach | None = None, after: Reach | None = None) -> Exposure:
    """The small one's, or that of two sides."""
    was, now = before or _harbour(then=True), after or _harbour(then=False)
    items = (
        Item(
            id="exposure:ecs/load-balancer:ecs/tracking",
            text="the internet reaches tracking under a further path, /shipments, through the load balancer on ECS",
            weight=Weight.CAUTION,
            gate=Gate.NEW_EXPOSURE,
            service="tracking",
            evidence=(
                Evidence(
                    stack="Ecs-tracking",
                    name="Rule",
                    before="PathPattern: [/tracking, /tracking/*]",
                    after="PathPattern: [/tracking, /tracking/*, /shipments, /shipments/*]",
                ),
            ),
        ),
        Item(
            id="exposure:ecs/notices:internet",
            text="notices may open connections to the internet on port 443",
            weight=Weight.CAUTION,
            gate=Gate.NEW_EXPOSURE,
            service="notices",
            evidence=(Evidence(stack="Eks-notices", name="Policy", after="egress:\n- to: 0.0.0.0/0\n  port: 443"),),
        ),
        Item(
            id="exposure:ecs/quotes:ecs/tracking",
            text="quotes no longer reaches tracking",
            weight=Weight.NOTE,
            service="quotes",
            evidence=(Evidence(stack="Ecs-quotes", name="Egress", before="port: 8080"),),
        ),
    )
    return Exposure(was, now, crossings(was, now), items)


DATA = (
    Item(
        id="data:State:TrackingTable",
        text="the table tracking would be replaced, and its items are deleted",
        weight=Weight.DANGER,
        gate=Gate.DATA_LOSS,
        remedy="copy them first, then accept it",
        service="tracking",
        evidence=(
            Evidence(
                stack="State",
                name="TrackingTable",
                before="KeySchema:\n- AttributeName: pk\n  KeyType: HASH",
                after="KeySchema:\n- AttributeName: shipment\n  KeyType: HASH",
            ),
        ),
    ),
    Item(
        id="data:Ecs-quotes:Listener",
        text="the listener rule of quotes takes priority 15100 before tracking lets go of it, which AWS refuses",
        weight=Weight.DANGER,
        gate=Gate.REFUSED,
        remedy="deploy Ecs-tracking first, or use another value in between",
        service="quotes",
        evidence=(Evidence(stack="Ecs-quotes", name="Listener", before="Priority: 15000", after="Priority: 15100"),),
    ),
    Item(
        id="data:Ecs-hello",
        text="the stack Ecs-hello is no longer part of the app and keeps running",
        weight=Weight.CAUTION,
        remedy="cdk destroy Ecs-hello while its folder is still there",
        service="hello",
        evidence=(Evidence(stack="Ecs-hello"),),
    ),
    Item(
        id="data:Foundation:Key",
        text="the key of Foundation is replaced by a new one",
        weight=Weight.DANGER,
        gate=Gate.DATA_LOSS,
        accepted="The environment is empty until March; see OPS-112",
        evidence=(Evidence(stack="Foundation", name="Key", before="EnableKeyRotation: false", after="KeySpec: RSA"),),
    ),
)
RIGHTS = (
    Item(
        id="rights:Ecs-tracking:Role",
        text="tracking may also delete items of the table tracking, on both platforms",
        weight=Weight.CAUTION,
        gate=Gate.WIDER_RIGHTS,
        service="tracking",
        evidence=(
            Evidence(
                stack="Ecs-tracking",
                name="RolePolicy",
                before="Action: [dynamodb:GetItem, dynamodb:PutItem]",
                after="Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem]",
            ),
            Evidence(stack="Eks-tracking", name="RolePolicy", after="- dynamodb:DeleteItem"),
        ),
    ),
    Item(id="rights:Ecs-quotes:Role", text="quotes may no longer read the parameter harbour/rates", weight=Weight.NOTE),
)
FINDINGS = (
    Item(
        id="findings:AwsSolutions-IAM5",
        text="AwsSolutions-IAM5 is newly acknowledged on the role of tracking: the index names are not known beforehand",
        weight=Weight.NOTE,
        evidence=(Evidence(stack="Ecs-tracking", name="RolePolicy", after="id: AwsSolutions-IAM5"),),
    ),
)


def _cards() -> tuple[Card, ...]:
    memory = Fact(name="memory", before="256", after="512")
    tracking = Card(
        service="tracking",
        kind="http",
        status=Status.CHANGED,
        platforms=PLATFORMS,
        images=(
            (
                "tracking",
                ImageChange(
                    tag_before="ecs-3c1f9a0b7d2e",
                    tag_after="ecs-9e0d44c1aa53",
                    base_before="docker/library/python:3.12-slim",
                    base_after="docker/library/python:3.13-slim",
                    files=((Status.CHANGED, "server.py"), (Status.ADDED, "shipments.py"), (Status.REMOVED, "old.py")),
                ),
            ),
            ("proxy", ImageChange(tag_before="1.2", tag_after="1.3", files_known=False)),
        ),
        facts=(
            memory,
            Fact(name="path", before="/tracking", after="/tracking, /shipments"),
            Fact(name="copies", before="1 to 4", after="2 to 6", platform="eks"),
            Fact(name="LOG_LEVEL", before="", after="debug"),
            Fact(name="cpu", before="256", after="256"),
            Fact(name="health", before="/healthz", after="/healthz"),
        ),
        objects=(
            ObjectDiff(
                object="Deployment tracking",
                status=Status.CHANGED,
                fields=(
                    Fact(name="spec/replicas", before="1", after="2"),
                    Fact(name="spec/template/spec/containers/tracking/resources/limits/memory", before="256Mi", after="512Mi"),
                ),
            ),
            ObjectDiff(object="NetworkPolicy tracking-from-quotes", status=Status.REMOVED),
        ),
    )  # fmt: skip
    quotes = replace(
        tracking,
        service="quotes",
        images=(),
        facts=(Fact(name="calls", before="tracking", after=""), memory),
        objects=(),
    )
    hello = Card(
        service="hello",
        kind="job",
        status=Status.REMOVED,
        platforms=PLATFORMS,
        facts=(Fact(name="schedule", before="0 6 * * *", after=""),),
    )
    same = tuple(
        Card(
            service=name,
            kind=kind,
            status=Status.SAME,
            platforms=PLATFORMS,
            facts=(Fact(name="memory", before="512", after="512"),),
        )
        for name, kind in (("notices", "worker"), ("web", "http"))
    )
    return (tracking, quotes, hello, *same)


def _diff(name: str, kind: str, what: Status, *lines: str) -> ResourceDiff:
    return ResourceDiff(name=name, type=kind, status=what, lines=tuple((line[0], line[1:]) for line in lines))


TEMPLATES = (
    TemplateDiff(
        stack="State",
        status=Status.CHANGED,
        resources=(
            _diff(
                "TrackingTable",
                "AWS::DynamoDB::Table",
                Status.CHANGED,
                " KeySchema:",
                "-- AttributeName: pk",
                "+- AttributeName: shipment",
                "   KeyType: HASH",
                "…12 lines",
                " SSESpecification:",
            ),
        ),
        moved=2,
    ),
    TemplateDiff(
        stack="Ecs-tracking",
        status=Status.CHANGED,
        resources=(
            _diff("RolePolicy", "AWS::IAM::Policy", Status.CHANGED, " Action:", "+- dynamodb:DeleteItem"),
            _diff("Rule", "AWS::ElasticLoadBalancingV2::ListenerRule", Status.CHANGED, "+- /shipments"),
            _diff("Outputs", "", Status.REMOVED, "-Address: http://example.com"),
        ),
    ),
    TemplateDiff(
        stack="Ecs-hello",
        status=Status.REMOVED,
        resources=(_diff("Task", "AWS::ECS::TaskDefinition", Status.REMOVED, "-Cpu: 256", "-Memory: 512"),),
    ),
)


def everything() -> Review:
    """One of each."""
    return Review(
        environment="sandbox",
        before="main at 2fba35c",
        after="this checkout",
        notes=("The base was synthesized without its context file, so the zones may differ",),
        data=DATA,
        routine=(("Ecs-tracking", "a new revision of its task definition"), ("Ecs-web", "1 resource")),
        rights=RIGHTS,
        exposure=exposure(),
        services=_cards(),
        cost=Cost(
            before="214.60",
            after="229.05",
            difference="+14.45",
            lines=(
                CostLine(what="Fargate vCPU, tracking", before="1 for 9.01", after="2 for 23.46", difference="+14.45"),
                CostLine(what="EKS control plane", before="1 for 73.00", after="1 for 73.00", difference="0.00"),
            ),
        ),
        limits=(
            Usage(quota="listener rules", where="Ecs", before=90, after=96, limit=100, source="https://docs.aws.amazon.com/x"),
            Usage(quota="secrets", where="the region", before=3, after=3, limit=500_000),
        ),
        findings=FINDINGS,
        templates=TEMPLATES,
        verdict=Verdict(
            fail_on=("data-loss", "new-exposure", "cost>10"),
            reasons=("data-loss: the table tracking would be replaced", "cost: 14.45 USD a month more, over 10"),
        ),
    )  # fmt: skip


def nothing() -> Review:
    """No change at all."""
    same = _harbour(then=True)
    cards = tuple(card for card in _cards() if card.status is Status.SAME)
    return Review(
        environment="sandbox",
        before="main at 2fba35c",
        after="this checkout",
        exposure=replace(exposure(same, same), items=()),
        services=cards,
        cost=Cost(before="214.60", after="214.60", difference="0.00"),
        verdict=Verdict(fail_on=("data-loss",)),
    )


def _city(count: int, *, then: bool) -> Reach:
    names = tuple(f"service-{number:03}" for number in range(count))
    nodes, edges = [*SHARED], []
    nodes += [Node(id=f"table/{name}", kind=NodeKind.TABLE, label=name) for name in names[::3]]
    for platform in PLATFORMS:
        nodes += _platform(platform, names)
        edges.append(_edge("internet", f"{platform}/load-balancer", "https 443"))
        for number, name in enumerate(names):
            here = f"{platform}/{name}"
            paths = [f"/{name}"] if then or number % 25 else [f"/{name}", "/more"]
            edges += [_edge(f"{platform}/load-balancer", here, *paths), _edge(here, "aws", "https 443")]
            if number % 3 == 0:
                edges.append(_edge(here, f"table/{name}", "reads", "writes"))
            if number % 2:
                edges.append(_edge(here, f"{platform}/{names[number - 1]}", "tcp 8080"))
    return Reach(tuple(nodes), tuple(edges))


def many(count: int = 100) -> Review:
    """A hundred services, four of which change; every one gets a new image."""
    [tracking, *_] = _cards()
    small = everything()
    cards = tuple(
        replace(tracking, service=f"service-{number:03}", status=Status.SAME if number % 25 else Status.CHANGED)
        for number in range(count)
    )
    lines = tuple((mark, f"  line {number}: value") for number in range(20) for mark in (" ", "-", "+"))
    resources = tuple(
        ResourceDiff(name=f"Resource{number}", type="AWS::IAM::Policy", status=Status.CHANGED, lines=lines)
        for number in range(12)
    )
    return replace(
        small,
        services=tuple(sorted(cards, key=lambda card: card.status is Status.SAME)),
        exposure=replace(exposure(_city(count, then=True), _city(count, then=False)), items=small.exposure.items),
        rights=tuple(replace(RIGHTS[0], id=f"rights:{card.service}", service=card.service) for card in cards),
        templates=(
            *small.templates,
            *(
                TemplateDiff(stack=f"{platform}-{card.service}", status=Status.CHANGED, resources=resources)
                for platform in ("Ecs", "Eks")
                for card in cards
            ),
        ),
    )


def fresh(count: int = 100) -> Review:
    """An environment that is new as a whole."""
    review = many(count)
    cards = tuple(replace(card, status=Status.ADDED) for card in review.services)
    return replace(review, services=cards, exposure=exposure(Reach((), ()), review.exposure.after))


ATTACK = (
    "</script></style></title><script>window.attacked=1</script><img src=x onerror=window.attacked=1>"
    "\"' onmouseover='window.attacked=1' {{ 7*7 }} ]]> --> \u202egnp.exe\u200b\x00\x1b[31m\ud800\ufffe\u0301"
    "\N{ARABIC LETTER ALEF}\N{HEBREW LETTER SHIN}\N{FAMILY}"
)
_LONG = "x" * 200_000


def hostile(review: Review | None = None) -> Review:
    """Everything, with script and odd characters in each text that a template may bring, and huge values."""
    attacked: Review = _attack(review or everything())
    node = next(node for node in attacked.exposure.before.nodes if node.kind is NodeKind.SERVICE)
    huge = Item(id=f"huge{ATTACK}", text=_LONG, weight=Weight.DANGER, evidence=(Evidence(stack=_LONG, before=_LONG),))
    twin = Crossing(source=node.id, target="nowhere", before=(_LONG,), after=(), status=Status.REMOVED)
    return replace(
        attacked,
        data=(*attacked.data, huge, huge),
        exposure=replace(attacked.exposure, crossings=(*attacked.exposure.crossings, twin)),
        templates=(*attacked.templates, *attacked.templates),
    )


def _attack(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: _attack(getattr(value, part.name)) for part in fields(value)})
    if isinstance(value, tuple):
        return tuple(_attack(part) for part in value)
    if isinstance(value, str) and value and not isinstance(value, Enum):
        return f"{value}{ATTACK}"
    return value
