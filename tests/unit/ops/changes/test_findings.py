"""The dangers of a change, on small handwritten templates."""

import json

import pytest

from ops.changes.compare import compare
from ops.changes.model import BLOCKING, Kind
from ops.changes.sentences import sentence
from tests.fakes.stacks import att, output, ref, resource, stack, strong, weak

TABLE = "AWS::DynamoDB::Table"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
SUBNET = "AWS::EC2::Subnet"
OBJECTS = "Custom::AWSCDK-EKS-KubernetesResource"


def keys(name):
    return [{"AttributeName": name, "KeyType": "HASH"}]


def found(before, after, **more):
    """Kind, stack and resource of each finding but outages, which every test would list."""
    result = compare(before, after, **more)
    return [(f.kind, f.stack, f.name) for f in result.findings if f.kind is not Kind.OUTAGE]


def one(before, after):
    """Findings of a change of one resource in one stack."""
    return [kind for kind, _, _ in found([stack("A", {"X": before})], [stack("A", {"X": after})])]


# --- data and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        pytest.param(resource(TABLE, KeySchema=keys("a")), resource(TABLE, KeySchema=keys("b")), [Kind.DATA_LOST], id="replaced"),
        pytest.param(
            resource(TABLE, KeySchema=keys("a")), resource(TABLE, KeySchema=keys("b"), on_replace="Retain"),
            [Kind.DATA_LEFT], id="replaced, the old one kept",
        ),
        pytest.param(
            resource(TABLE, TableName="t", KeySchema=keys("a")), resource(TABLE, TableName="t", KeySchema=keys("b")),
            [Kind.NAMED_REPLACED], id="replaced under the same name: refused, so nothing is lost",
        ),
        pytest.param(
            resource(TABLE, TableName="t", KeySchema=keys("a")), resource(TABLE, TableName="u", KeySchema=keys("b")),
            [Kind.DATA_LOST], id="replaced under another name",
        ),
        pytest.param(
            resource(TABLE, KeySchema=keys("a"), DeletionProtectionEnabled=True),
            resource(TABLE, KeySchema=keys("b"), DeletionProtectionEnabled=True),
            [Kind.DATA_LEFT, Kind.NOT_DELETED], id="replaced, the old one protected",
        ),
        pytest.param(
            resource("AWS::ECR::Repository", RepositoryName="r", EncryptionConfiguration={"EncryptionType": "AES256"}),
            resource("AWS::ECR::Repository", RepositoryName="r", EncryptionConfiguration={"EncryptionType": "KMS"}),
            [Kind.NAMED_REPLACED], id="a named repository",
        ),
        pytest.param(
            resource("AWS::EC2::NatGateway", AllocationId="a", SubnetId="s"),
            resource("AWS::EC2::NatGateway", AllocationId="a", SubnetId="t"),
            [Kind.NAMED_REPLACED], id="an address that only one gateway can have",
        ),
        pytest.param(
            resource("AWS::EC2::SubnetRouteTableAssociation", SubnetId="s", RouteTableId="a"),
            resource("AWS::EC2::SubnetRouteTableAssociation", SubnetId="s", RouteTableId="b"),
            [], id="deleted before it is created",
        ),
        pytest.param(resource(TABLE), resource("AWS::SQS::Queue"), [Kind.TYPE_CHANGED], id="another type"),
        pytest.param(
            resource("Custom::Thing", ServiceToken="a"), resource("Custom::Thing", ServiceToken="b"), [Kind.UNSUPPORTED],
            id="another function behind a custom resource",
        ),
        pytest.param(
            resource("AWS::ECS::TaskDefinition", Cpu=256), resource("AWS::ECS::TaskDefinition", Cpu=512), [], id="routine"
        ),
    ],
)  # fmt: skip
def test_data_and_names(before, after, kinds):
    assert one(before, after) == kinds


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (resource(TABLE), [Kind.DATA_LOST]),
        (resource(TABLE, keep="Retain"), []),
        (resource(TABLE, keep="RetainExceptOnCreate", TableName="t"), [Kind.KEPT_NAME]),
        (resource(TABLE, DeletionProtectionEnabled=True), [Kind.NOT_DELETED]),
        (resource("AWS::ECR::Repository"), [Kind.NOT_DELETED]),
        (resource("AWS::ECR::Repository", EmptyOnDelete=True), [Kind.DATA_LOST]),
        (resource("AWS::S3::Bucket"), [Kind.NOT_DELETED]),
        (resource("AWS::IAM::Role", RoleName="r"), []),
    ],
)
def test_what_is_removed(body, kinds):
    other = {"Other": resource("AWS::EC2::VPC")}
    assert [k for k, _, _ in found([stack("A", {"X": body, **other})], [stack("A", other)])] == kinds


def test_a_removed_bucket_that_is_emptied_first_loses_its_objects():
    emptied = {"B": resource("AWS::S3::Bucket"), "E": resource("Custom::S3AutoDeleteObjects", BucketName=ref("B"))}
    assert found([stack("A", emptied)], [stack("A", {"V": resource("AWS::EC2::VPC")})]) == [(Kind.DATA_LOST, "A", "B")]


# --- outputs ---------------------------------------------------------------------------------------------------------


def published(export, *, value=None, needs="", reads=True):
    """A publishes an export, or not; B reads it, or not."""
    out = {"O": output(value or ref("Q"), export)} if export else {}
    user = {"User": resource("AWS::ECS::TaskDefinition", Family=strong("e") if reads else "f")}
    return [stack("A", {"Q": resource("AWS::SQS::Queue")}, outputs=out), stack("B", user, needs=needs)]


def test_an_export_that_goes_away_while_it_is_imported_is_refused():
    before, after = published("e", needs="A"), published("", reads=False)
    assert found(before, after) == [(Kind.EXPORT_GONE, "A", "e")]


def test_an_export_may_go_away_once_its_importer_is_deployed():
    before, after = published("e", needs="A"), published("", reads=False)
    turned = [stack("A", after[0].resources, needs="B"), after[1]]
    assert found(before, turned) == []


def test_an_export_may_go_away_once_its_importer_is_destroyed():
    before = published("e", needs="A")
    assert found(before, published("")[:1], destroyed={"B"}) == []
    assert found(before, published("")[:1]) == [(Kind.EXPORT_GONE, "A", "e"), (Kind.LEFT_RUNNING, "B", "quay-test-B")]


def test_the_value_of_an_export_in_use_does_not_change():
    before, after = published("e", needs="A"), published("e", needs="A", value="another")
    assert found(before, after) == [(Kind.EXPORT_CHANGED, "A", "e")]


def test_replacing_what_an_export_in_use_points_to_is_refused():
    def stacks(traffic):
        log = {"Log": resource("AWS::EC2::FlowLog", TrafficType=traffic)}
        user = {"User": resource("AWS::ECS::TaskDefinition", Family=strong("e"))}
        return [stack("A", log, outputs={"O": output(ref("Log"), "e")}), stack("B", user, needs="A")]

    assert found(stacks("ALL"), stacks("REJECT")) == [(Kind.EXPORT_CHANGED, "A", "e")]


def weakly(key, *, cpu=1):
    """A table that A publishes the name of, and B reads."""
    table = {"T": resource(TABLE, KeySchema=keys(key), on_replace="Retain")}
    user = {"User": resource("AWS::ECS::TaskDefinition", Family=weak("A", "T"), Cpu=cpu)}
    return [stack("A", table, outputs={"T": output(ref("T"))}), stack("B", user, needs="A")]


def test_a_stack_that_the_cli_skips_goes_on_with_the_old_value_of_a_weak_reference():
    assert (Kind.STALE, "A", "T") in found(weakly("a"), weakly("b"))


def test_a_stack_that_is_deployed_reads_the_new_value():
    assert found(weakly("a"), weakly("b", cpu=2)) == [(Kind.DATA_LEFT, "A", "T")]


def test_a_weak_output_may_go_away_unless_a_stack_still_reads_it():
    before, after = weakly("a"), weakly("a", cpu=2)
    after[0].template["Outputs"] = {}
    assert found(before, after) == [(Kind.OUTPUT_MISSING, "B", "T")]
    assert found(after, after) == []  # it was missing all along: the change at hand is not to blame
    assert found(before, [after[0], stack("B", {"V": resource("AWS::EC2::VPC")})]) == []
    assert (Kind.OUTPUT_GONE, "A", "T") in found(before, after[:1])


# --- what may exist only once ----------------------------------------------------------------------------------------


def rule(priority, listener="l", **more):
    return resource(RULE, ListenerArn=listener, Priority=priority, **more)


def test_swapped_priorities_clash_between_stacks():
    before = [stack("A", {"R": rule(1)}), stack("B", {"R": rule(2)})]
    after = [stack("A", {"R": rule(2)}), stack("B", {"R": rule(1)})]
    assert found(before, after) == [(Kind.CLASH, "A", "R"), (Kind.CLASH, "B", "R")]


def test_swapped_priorities_clash_in_one_stack():
    before, after = {"R": rule(1), "S": rule(2)}, {"R": rule(2), "S": rule(1)}
    assert found([stack("A", before)], [stack("A", after)]) == [(Kind.CLASH, "A", "R"), (Kind.CLASH, "A", "S")]


def test_a_priority_is_free_once_the_stack_that_had_it_is_deployed():
    before = [stack("A", {"R": rule(1)}), stack("B", {"R": rule(2)})]
    after = [stack("A", {"R": rule(3)}), stack("B", {"R": rule(1)}, needs="A")]
    assert found(before, after) == []
    assert found(before, [after[0], stack("B", {"R": rule(1)})]) == [(Kind.CLASH, "B", "R")]


def test_the_same_priority_of_another_listener_is_free():
    assert found([stack("A", {"R": rule(1)})], [stack("A", {"R": rule(1), "S": rule(1, "m")})]) == []


@pytest.mark.parametrize(
    "body",
    [
        rule(1),
        resource("AWS::SSM::Parameter", Name="/p"),
        resource("AWS::CloudWatch::Alarm", AlarmName="a"),
        resource(
            "AWS::EC2::SecurityGroupIngress", GroupId="g", IpProtocol="tcp", FromPort=1, ToPort=1, CidrIp="0.0.0.0/0"
        ),
        resource("AWS::EC2::Route", RouteTableId="r", DestinationCidrBlock="0.0.0.0/0"),
        resource("AWS::EKS::AccessEntry", ClusterName="c", PrincipalArn="arn"),
        resource("AWS::EKS::PodIdentityAssociation", ClusterName="c", Namespace="n", ServiceAccount="s"),
    ],
    ids=lambda body: body["Type"],
)
def test_another_logical_id_for_the_same_thing_clashes_with_the_old_one(body):
    assert found([stack("A", {"Old": body})], [stack("A", {"New": body})]) == [(Kind.CLASH, "A", "New")]


def test_what_waits_for_the_old_holder_to_move_does_not_clash():
    after = {"Old": rule(2), "New": rule(1, depends_on=["Old"])}
    assert found([stack("A", {"Old": rule(1)})], [stack("A", after)]) == []


def test_a_name_that_is_kept_is_never_free():
    before = [stack("A", {"T": resource(TABLE, TableName="t", keep="Retain"), "V": resource("AWS::EC2::VPC")})]
    after = [stack("A", {"V": resource("AWS::EC2::VPC")}), stack("B", {"T": resource(TABLE, TableName="t")}, needs="A")]
    assert (Kind.CLASH, "B", "T") in found(before, after)


def test_a_policy_under_another_logical_id_is_deleted_with_the_old_one():
    body = resource("AWS::IAM::Policy", PolicyName="p", Roles=["r"])
    assert found([stack("A", {"Old": body})], [stack("A", {"New": body})]) == [(Kind.UNDONE, "A", "New")]


def test_two_new_resources_of_one_name_clash():
    before = [stack("A", {"V": resource("AWS::EC2::VPC")})]
    assert found(before, [stack("A", {"R": rule(1), "S": rule(1)})]) == [(Kind.CLASH, "A", "S")]


# --- subnets ---------------------------------------------------------------------------------------------------------


def subnets(**ranges):
    return {
        "Vpc": resource("AWS::EC2::VPC"),
        **{n: resource(SUBNET, VpcId=ref("Vpc"), CidrBlock=r) for n, r in ranges.items()},
    }


def test_a_subnets_range_that_moves_onto_an_old_one_is_refused():
    before, after = subnets(a="10.0.0.0/18", b="10.0.64.0/18"), subnets(a="10.0.0.0/19", b="10.0.32.0/19")
    assert found([stack("A", before)], [stack("A", after)]) == [(Kind.OVERLAP, "A", "a"), (Kind.OVERLAP, "A", "b")]


def test_a_new_subnet_beside_the_others_is_fine():
    before, after = subnets(a="10.0.0.0/18"), subnets(a="10.0.0.0/18", b="10.0.64.0/18")
    assert found([stack("A", before)], [stack("A", after)]) == []


def test_subnets_of_a_new_vpc_are_free_to_choose():
    before, after = subnets(a="10.0.0.0/18"), subnets(a="10.0.0.0/19")
    for side, cidr in ((before, "10.0.0.0/16"), (after, "10.0.0.0/17")):
        side["Vpc"]["Properties"]["CidrBlock"] = cidr
    assert found([stack("A", before)], [stack("A", after)]) == []


def test_eks_keeps_its_zones():
    def stacks(*zones):
        nets = {f"S{i}": resource(SUBNET, AvailabilityZone=zone) for i, zone in enumerate(zones)}
        cluster = resource("AWS::EKS::Cluster", ResourcesVpcConfig={"SubnetIds": [ref(name) for name in nets]})
        return [stack("A", {**nets, "C": cluster})]

    assert found(stacks("a", "b"), stacks("a", "b", "c")) == [(Kind.UNSUPPORTED, "A", "C")]
    assert found(stacks("a", "b"), stacks("a", "b", "a")) == []


def test_service_connect_keeps_the_protocol_of_a_port_for_as_long_as_there_is_a_port():
    def tasks(*ports):
        container = {"Name": "web", **({"PortMappings": list(ports)} if ports else {})}
        return [stack("A", {"T": resource("AWS::ECS::TaskDefinition", ContainerDefinitions=[container])})]

    http, tcp = {"ContainerPort": 8080, "AppProtocol": "http"}, {"ContainerPort": 8080}
    for one, other in ((http, tcp), (tcp, http), (http, {**http, "AppProtocol": "grpc"})):
        assert found(tasks(one), tasks(other)) == [(Kind.UNSUPPORTED, "A", "T")]
    assert found(tasks(), tasks(http)) == found(tasks(http), tasks()) == []
    assert found(tasks(http), tasks({**http, "ContainerPort": 9090})) == []


# --- quotas ----------------------------------------------------------------------------------------------------------


def group(count):
    rules = [{"IpProtocol": "tcp", "CidrIp": f"10.0.{n}.0/24"} for n in range(count)]
    return resource("AWS::EC2::SecurityGroup", GroupDescription="g", SecurityGroupIngress=rules)


def test_a_quota_that_is_passed_is_found_unless_aws_raised_it():
    before, after = [stack("A", {"G": group(60)})], [stack("A", {"G": group(61)})]
    assert found(before, after) == [(Kind.QUOTA, "A", "G")]
    assert found(before, after, quotas={"group_rules": 100}) == []
    assert found(after, before) == []


def test_old_and_new_resources_count_together():
    def rules(first):
        names = [f"R{n}" for n in range(first, first + 60)]
        more = {n: resource("AWS::EC2::SecurityGroupIngress", GroupId=att("G", "GroupId"), FromPort=n) for n in names}
        return [stack("A", {"G": group(0), **more})]

    [only] = [f for f in compare(rules(0), rules(1)).findings if f.kind is Kind.QUOTA]
    assert "61 inbound" in sentence(only)
    assert "side by side" in sentence(only)


def test_a_template_beyond_its_size_is_found():
    after = [stack("A", {f"Q{n}": resource("AWS::SQS::Queue") for n in range(501)})]
    assert found([], after) == [(Kind.QUOTA, "A", "template")]


# --- Kubernetes objects ----------------------------------------------------------------------------------------------


def applied(*objects, **more):
    return resource(OBJECTS, Manifest=json.dumps(objects), ClusterName="c", **more)


def kubernetes(kind, name="x", **more):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "n"}, **more}


def test_an_immutable_field_of_an_object_is_refused():
    old, new = (kubernetes("Deployment", spec={"selector": {"app": app}}) for app in "ab")
    assert one(applied(old), applied(new)) == [Kind.UNSUPPORTED]


@pytest.mark.parametrize(
    ("kind", "label", "stays"),
    [
        ("Ingress", {"PruneLabel": "p"}, False),
        ("Ingress", {}, True),
        ("HorizontalPodAutoscaler", {"PruneLabel": "p"}, True),
    ],
)
def test_an_object_that_kubectl_does_not_prune_stays(kind, label, stays):
    kinds = one(applied(kubernetes(kind), kubernetes("ConfigMap"), **label), applied(kubernetes("ConfigMap"), **label))
    assert kinds == ([Kind.NOT_DELETED] if stays else [])


def test_an_object_that_moves_to_another_resource_is_deleted_with_the_old_one():
    moved = kubernetes("NetworkPolicy")
    before = [stack("A", {"Old": applied(moved)})]
    assert found(before, [stack("A", {"New": applied(moved)})]) == [(Kind.UNDONE, "A", "New")]


def test_references_inside_a_manifest_are_text():
    text = json.dumps([kubernetes("ConfigMap", data={"a": "$$"})]).split("$$")
    joined = {"Fn::Join": ["", [text[0], {"Fn::GetAtt": ["Q", 'Arn"']}, text[1]]]}
    manifest = resource(OBJECTS, Manifest=joined)
    assert found([stack("A", {"X": manifest})], [stack("A", {"Y": manifest})]) == [(Kind.UNDONE, "A", "Y")]


# --- every danger ----------------------------------------------------------------------------------------------------


def test_every_danger_has_a_sentence_and_is_either_refused_or_only_said():
    from ops.changes.sentences import _SENTENCES

    assert set(_SENTENCES) == set(Kind)
    assert set(Kind) > BLOCKING
