"""What happens to each resource, on small handwritten templates."""

from functools import cache
from pathlib import Path

import pytest

from ops.changes.compare import compare
from ops.changes.model import Action, Interruption
from ops.changes.rules import all_rules
from ops.changes.schemas import from_json, schema_of
from tests.fakes.stacks import att, output, ref, resource, stack, strong, weak

TABLE = "AWS::DynamoDB::Table"


def table(key: str = "id", **more):
    return resource(TABLE, KeySchema=[{"AttributeName": key, "KeyType": "HASH"}], **more)


def actions(before, after, **more):
    """Action by stack/resource."""
    return {change.path: change.action for change in compare(before, after, **more).changes}


def change(before, after):
    """The only change."""
    [found] = compare([stack("A", {"X": before})], [stack("A", {"X": after})]).changes
    return found


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        pytest.param(
            resource(TABLE, BillingMode="PROVISIONED"), resource(TABLE, BillingMode="PAY_PER_REQUEST"), Action.UPDATED,
            id="a property that may change",
        ),
        pytest.param(
            resource("AWS::EC2::FlowLog", TrafficType="ALL"), resource("AWS::EC2::FlowLog", TrafficType="REJECT"),
            Action.REPLACED, id="create-only",
        ),
        pytest.param(
            resource("AWS::ECS::Service", LaunchType="EC2"), resource("AWS::ECS::Service", LaunchType="FARGATE"),
            Action.MAY_BE_REPLACED, id="conditionally create-only",
        ),
        pytest.param(table("id"), table("at"), Action.REPLACED, id="conditional in the schema, certain in the rules"),
        pytest.param(
            resource("AWS::EC2::Instance", InstanceType="t4g.nano"),
            resource("AWS::EC2::Instance", InstanceType="t4g.micro"),
            Action.UPDATED, id="conditional in the schema, ruled out in the rules",
        ),
        pytest.param(
            resource("AWS::EKS::Cluster", KubernetesNetworkConfig={"IpFamily": "ipv4"}),
            resource("AWS::EKS::Cluster", KubernetesNetworkConfig={"IpFamily": "ipv6"}),
            Action.REPLACED, id="create-only, nested",
        ),
        pytest.param(
            resource("AWS::EKS::Cluster", KubernetesNetworkConfig={"ElasticLoadBalancing": {"Enabled": False}}),
            resource("AWS::EKS::Cluster", KubernetesNetworkConfig={"ElasticLoadBalancing": {"Enabled": True}}),
            Action.UPDATED, id="beside a nested create-only one",
        ),
        pytest.param(
            resource("AWS::EKS::Cluster"),
            resource("AWS::EKS::Cluster", KubernetesNetworkConfig={"IpFamily": "ipv4"}),
            Action.REPLACED, id="an object with a create-only property is added",
        ),
        pytest.param(
            resource("AWS::SSMQuickSetup::ConfigurationManager", ConfigurationDefinitions=[{"Type": "a", "TypeVersion": "1"}]),
            resource("AWS::SSMQuickSetup::ConfigurationManager", ConfigurationDefinitions=[{"Type": "b", "TypeVersion": "1"}]),
            Action.REPLACED, id="create-only in each object of a list",
        ),
        pytest.param(
            resource("Custom::Anything", Size=1), resource("Custom::Anything", Size=2), Action.UPDATED, id="custom resource"
        ),
        pytest.param(
            resource("Custom::S3AutoDeleteObjects", BucketName="a"), resource("Custom::S3AutoDeleteObjects", BucketName="b"),
            Action.REPLACED, id="custom resource that is replaced by its handler",
        ),
        pytest.param(
            resource("AWS::EC2::Subnet", AvailabilityZone={"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
            resource("AWS::EC2::Subnet", AvailabilityZone="eu-central-1a"),
            Action.MAY_BE_REPLACED, id="a value that only AWS knows",
        ),
        pytest.param(table(), table(keep="Retain"), Action.POLICY, id="only the deletion policy"),
        pytest.param(resource(TABLE), resource("AWS::SQS::Queue"), Action.REPLACED, id="another type"),
    ],
)  # fmt: skip
def test_a_property_decides_what_happens_to_its_resource(before, after, action):
    assert change(before, after).action is action


def test_numbers_and_booleans_as_text_are_the_same_value():
    before = {"X": resource("AWS::SQS::Queue", DelaySeconds=5, FifoQueue=True)}
    after = {"X": resource("AWS::SQS::Queue", DelaySeconds="5", FifoQueue="true")}
    assert actions([stack("A", before)], [stack("A", after)]) == {}


def test_what_refers_to_a_replaced_resource_changes_too_and_is_replaced_in_turn():
    def stacks(traffic):
        return {
            "Log": resource("AWS::EC2::FlowLog", TrafficType=traffic),
            "Policy": resource("AWS::IAM::Policy", PolicyDocument={"Resource": ref("Log")}),
            "Definition": resource("AWS::ECS::TaskDefinition", TaskRoleArn={"Fn::Sub": "arn:${Log}"}),
            "Service": resource("AWS::ECS::Service", TaskDefinition=ref("Definition")),
            "Other": resource("AWS::SQS::Queue", DelaySeconds=1),
        }

    assert actions([stack("A", stacks("ALL"))], [stack("A", stacks("REJECT"))]) == {
        "A/Log": Action.REPLACED,
        "A/Policy": Action.UPDATED,
        "A/Definition": Action.REPLACED,
        "A/Service": Action.UPDATED,
    }


def test_a_replacement_reaches_other_stacks_that_are_deployed():
    def stacks(traffic, size):
        log = {"Log": resource("AWS::EC2::FlowLog", TrafficType=traffic)}
        user = {"User": resource("AWS::ECS::TaskDefinition", Family=weak("A", "Log"), Cpu=size)}
        return [stack("A", log, outputs={"Log": output(ref("Log"))}), stack("B", user, needs="A")]

    found = compare(stacks("ALL", 1), stacks("REJECT", 2))
    assert [change.because for change in found.changes if change.stack == "B"] != [()]


def test_a_weak_and_a_strong_reference_to_the_same_attribute_are_the_same_value():
    def stacks(reference, export):
        queue = {"Queue": resource("AWS::SQS::Queue")}
        user = {"User": resource("AWS::ECS::TaskDefinition", Family=reference)}
        return [stack("A", queue, outputs={"Q": output(att("Queue", "Arn"), export)}), stack("B", user, needs="A")]

    assert actions(stacks(weak("A", "Q"), ""), stacks(strong("quay-Q"), "quay-Q")) == {}


def test_naming_the_region_in_use_changes_nothing():
    named = {"Fn::Join": ["-", ["images", {"Ref": "AWS::Region"}]]}
    before = [stack("A", {"Role": resource("AWS::IAM::Role", RoleName=named)})]
    after = [
        stack("A", {"Role": resource("AWS::IAM::Role", RoleName="images-eu-central-1")}, place="aws://1/eu-central-1")
    ]
    assert actions(before, after) == {}


def test_another_name_around_the_same_region_is_certainly_another_name():
    def role(name):
        return resource("AWS::IAM::Role", RoleName={"Fn::Sub": f"{name}-${{AWS::Region}}"})

    assert change(role("a"), role("b")).action is Action.REPLACED


def test_a_parameter_that_is_read_from_ssm_again_may_replace_what_uses_it():
    image = {"Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/latest"}}
    stacks = [stack("A", {"Nat": resource("AWS::EC2::Instance", ImageId=ref("Image"))}, parameters=image)]
    assert actions(stacks, stacks) == {"A/Nat": Action.MAY_BE_REPLACED}


def test_the_bootstrap_version_replaces_nothing():
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Description": "... [cdk:skip]"}
    stacks = [stack("A", {"Q": resource("AWS::SQS::Queue", QueueName=ref("V"))}, parameters={"V": parameter})]
    assert compare(stacks, stacks).skipped == ("A",)


def test_new_tags_of_a_stack_update_what_can_be_tagged():
    resources = {"Queue": resource("AWS::SQS::Queue"), "Route": resource("AWS::EC2::Route")}
    before, after = [stack("A", resources, tags={"a": "1"})], [stack("A", resources, tags={"a": "2"})]
    assert actions(before, after) == {"A/Queue": Action.UPDATED}


@pytest.mark.parametrize(
    ("policy", "interruption"),
    [("Retain", Interruption.NONE), ("RetainExceptOnCreate", Interruption.NONE), ("Delete", Interruption.DATA)],
)
def test_a_removed_table_loses_its_items_unless_it_is_kept(policy, interruption):
    [found] = compare(
        [stack("A", {"T": table(keep=policy), "Q": {"Type": "X"}})], [stack("A", {"Q": {"Type": "X"}})]
    ).changes
    assert (found.action, found.kept, found.interruption) == (Action.REMOVED, policy != "Delete", interruption)


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_replaced_table_is_out_of_reach_even_if_it_is_kept(policy):
    found = change(table("id", on_replace=policy), table("at", on_replace=policy))
    assert (found.interruption, found.kept) == (Interruption.DATA, policy == "Retain")


def test_stacks_are_paired_by_their_name_in_cloudformation():
    before = [stack("A", {"X": resource(TABLE)}, name="old-A")]
    found = compare(before, [stack("A", {"X": resource(TABLE)}, name="new-A")])
    assert (found.created, found.left) == (("A",), ("old-A",))
    assert {change.action for change in found.changes} == {Action.ADDED}


def test_the_same_stack_in_another_region_is_another_stack():
    def at(region):
        return [stack("A", {"X": resource(TABLE)}, place=f"aws://123456789012/{region}")]

    assert compare(at("eu-central-1"), at("us-east-1")).created == ("A",)
    assert compare(at("eu-central-1"), at("eu-central-1")).skipped == ("A",)


def test_a_destroyed_stack_is_removed_first():
    before = [stack("A", {"X": table()}), stack("B", {"Y": table()})]
    assert actions(before, before[:1], destroyed={"B"}) == {"B/Y": Action.REMOVED}


def test_outputs_that_read_each_other_in_a_circle_are_no_endless_search():
    stacks = [
        stack("A", {}, outputs={"X": output(weak("B", "Y"))}),
        stack("B", {}, outputs={"Y": output(weak("A", "X"))}),
    ]
    assert actions(stacks, stacks) == {}


@pytest.mark.parametrize("kind", sorted(kind for kind in all_rules() if kind.startswith("AWS::")))
def test_every_rule_names_a_property_that_its_type_has(kind):
    """And cites its source."""
    rules = all_rules()[kind]
    named = {
        *(path.split("/")[0] for path in (*rules.replaced_for, *rules.updated_for)),
        *(name for combination in rules.once for name in combination),
        *(rule.path.split("/")[0] for rule in rules.unsupported),
        *(path.split("/")[0] for rule in rules.interrupts for path in rule.paths),
        *([rules.name] if rules.name else []),
        *([rules.protection.path] if rules.protection and rules.protection.path else []),
    }
    assert named <= properties_of(kind)
    assert rules.source.startswith("https://")


@cache
def library():
    """cfn-lint's own reader of its schemas, without a newer download of the user's."""
    import cfnlint
    from cfnlint.schema.manager import ProviderSchemaManager

    data = Path(cfnlint.__file__).parent / "data" / "schemas"
    return ProviderSchemaManager(providers_dir=data / "providers", resources_dir=data / "resources")


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::ECS::Service", "AWS::Lambda::LayerVersion"])
def test_the_schemas_are_read_as_cfn_lint_reads_them(kind):
    assert schema_of(kind) == from_json(library().get_resource_schema("us-east-1", kind).schema)


def properties_of(kind):

    return set(library().get_resource_schema("us-east-1", kind).schema["properties"])


def test_a_schema_is_read_as_it_is():
    schema = schema_of("AWS::EC2::SubnetRouteTableAssociation")
    assert schema.create_only == (("SubnetId",), ("RouteTableId",))
    assert schema.deletes_first
    assert schema.identifier == ()
    assert schema_of("AWS::CloudWatch::Alarm").identifier == (("AlarmName",),)
    assert schema_of("Custom::Thing") == schema_of("AWS::No::Such") != schema
