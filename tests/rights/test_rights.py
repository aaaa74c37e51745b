"""Each role may do what its holder does, and nothing else; asked of an IAM evaluator that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rights.calls import Holder, managed_documents, needed
from tests.rights.evaluator import ALLOWED, DENIED, Request, evaluate
from tests.rights.ground import Ground

ACCOUNT, STRANGER = "123456789012", "999999999999"
PLACES = [
    ("sandbox", "aws", "eu-west-1"),
    ("production", "aws", "eu-west-1"),
    ("corners", "aws", "eu-west-1"),
    ("production", "aws-us-gov", "us-gov-west-1"),
]


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def ground(request, synthesis) -> Ground:
    """Each environment in each partition that the configuration admits; corners names its account and region."""
    name, partition, region = request.param
    return Ground(assembly=synthesis.assembly(name), partition=partition, region=region, account=ACCOUNT)


@pytest.fixture(scope="module")
def holders(ground) -> list[Holder]:
    return [Holder(ground=ground, role=role) for role in ground.assembly.roles()]


def _described(request: Request) -> str:
    limits = {key: value for key, value in request.context.items() if not key.startswith(("aws:Sec", "aws:Princ"))}
    return f"{request.principal}: {request.action} on {request.resource} {limits or ''}"


def _with_verdict(requests: list[Request], *verdicts: str) -> list[str]:
    found = zip(requests, evaluate(requests), strict=True)
    return [_described(request) for request, verdict in found if verdict in verdicts]


def test_every_holder_may_make_the_calls_that_it_makes(holders):
    requests = [request for holder in holders for request in holder.needed()]
    assert len(requests) > 50
    assert _with_verdict(requests, *DENIED) == []


def test_what_we_give_reaches_nothing_else_and_needs_what_limits_it(holders):
    requests = [request for holder in holders for request in holder.refused()]
    assert len(requests) > 20
    assert _with_verdict(requests, ALLOWED) == []


def _parts(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement once per action and once per resource, with what is singled out."""
    for statement in policy["Statement"]:
        for field in ("Action", "Resource"):
            values = statement[field] if isinstance(statement[field], list) else [statement[field]]
            for value in values:
                yield value, {"Version": "2012-10-17", "Statement": [{**statement, field: value}]}


def test_every_right_that_we_give_is_used_by_a_call(holders):
    """Each action and each resource of each statement, put to every call of the holder."""
    asked: list[tuple[str, Request]] = []
    rights: set[str] = set()
    for holder in holders:
        for policy in holder.own:
            for value, part in _parts(policy):
                if not any(value.endswith(known) for known in holder.entry.get("unused", {})):
                    right = f"{holder.role.path}: {value} in {part}"
                    rights.add(right)
                    asked += [(right, Request(**{**vars(call), "policies": [part]})) for call in holder.needed()]
    verdicts = evaluate([request for _, request in asked])
    used = {right for (right, _), verdict in zip(asked, verdicts, strict=True) if verdict == ALLOWED}
    assert sorted(rights - used) == []


def test_no_role_may_do_what_is_dangerous(holders):
    requests = [request for holder in holders for request in holder.dangerous()]
    assert _with_verdict(requests, ALLOWED) == []


# --- AWS managed policies ---


def test_every_attached_managed_policy_is_the_version_that_was_read(ground):
    attached = {arn.rsplit("/", 1)[1] for role in ground.assembly.roles() for arn in role.get("ManagedPolicyArns", [])}
    assert attached <= set(needed()["managed"])
    for name in attached:
        copy, noted = managed_documents()[name], needed()["managed"][name]
        assert (copy["DefaultVersionId"], copy["UpdateDate"][:10]) == (noted["version"], str(noted["edited"])), name


def _cluster(ground: Ground) -> Holder:
    roles = [role for role in ground.assembly.roles() if role.id.startswith("ClusterRole")]
    return Holder(ground=ground, role=roles[0])


def _start(holder: Holder, tags: dict[str, str]) -> Request:
    """Auto Mode starts an instance with these tags besides its own."""
    prefix = holder.ground.assembly.settings.prefix
    every = {
        "eks:eks-cluster-name": prefix,
        "eks:kubernetes-node-class-name": "n",
        "eks:kubernetes-node-pool-name": "p",
    }
    every |= tags
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in every.items()}
    ground = holder.ground
    resource = f"arn:{ground.partition}:ec2:{ground.region}:{ground.account}:instance/i-0123456789abcdef0"
    return holder.request("ec2:RunInstances", resource, {**context, "aws:TagKeys": list(every)})


def test_the_cluster_may_start_instances_with_the_tags_of_its_node_classes_and_only_with_those(ground):
    """AmazonEKSComputePolicy admits no tags of ours: https://github.com/aws/containers-roadmap/issues/2487."""
    holder = _cluster(ground)
    classes = [item for item in ground.assembly.objects("Eks") if item["kind"] == "NodeClass"]
    assert classes
    requests = [_start(holder, item["spec"].get("tags", {})) for item in classes]
    assert _with_verdict(requests, *DENIED) == []
    assert _with_verdict([_start(holder, {"environment": "sandbox"})], ALLOWED) == []


def test_the_cluster_may_reorder_its_rules_even_where_the_managed_policy_cannot(ground):
    """Versions of AmazonEKSLoadBalancingPolicy before v10 lack the action; without our statement it would be refused."""
    holder = _cluster(ground)
    call = next(request for request in holder.needed() if request.action.endswith("SetRulePriorities"))
    earlier = [
        {"Version": p["Version"], "Statement": [s for s in p["Statement"] if "SetRulePriorities" not in str(s)]}
        for p in holder.managed
    ]
    ours = Request(**{**vars(call), "policies": holder.own + earlier})
    without = Request(**{**vars(call), "policies": earlier})
    assert _with_verdict([ours], ALLOWED)
    assert _with_verdict([without], ALLOWED) == []


# --- who may become a role ---


def _assume(holder: Holder, principal: str, action: str = "sts:AssumeRole", **context: str) -> Request:
    every = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
    return Request(
        principal=principal,
        action=action,
        resource=holder.arn,
        account=holder.ground.account,
        context=context,
        policies=[every] if principal.startswith("arn:") else [],
        resource_policy=holder.ground.concrete(holder.role["AssumeRolePolicyDocument"]),
    )


def _trusted(holder: Holder) -> list[Request]:
    trusts, ground = holder.entry["trusts"], holder.ground
    if trusts.get("account"):
        accounts = [ground.account, *ground.assembly.settings.trusted_accounts]
        users = [f"arn:{ground.partition}:iam::{account}:role/ci" for account in accounts]
        return [_assume(holder, user, action) for user in users for action in ("sts:AssumeRole", "sts:TagSession")]
    context = {"aws:SourceAccount": ground.account}
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if trusts.get("tags") else [])]
    return [_assume(holder, trusts["service"], action, **context) for action in actions]


def test_every_role_is_assumed_by_its_holder_and_by_no_other(holders):
    requests = [request for holder in holders for request in _trusted(holder)]
    assert _with_verdict(requests, *DENIED) == []
    others = []
    for holder in holders:
        partition, account = holder.ground.partition, holder.ground.account
        others += [_assume(holder, f"arn:{partition}:iam::{STRANGER}:role/ci"), _assume(holder, "glue.amazonaws.com")]
        if not holder.entry["trusts"].get("account"):
            others.append(_assume(holder, f"arn:{partition}:iam::{account}:role/ci"))
        if holder.entry["trusts"].get("source_account"):
            service = holder.entry["trusts"]["service"]
            others.append(_assume(holder, service, **{"aws:SourceAccount": STRANGER}))
    assert _with_verdict(others, ALLOWED) == []
