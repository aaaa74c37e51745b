"""What the filter over the cloud assembly drops, keeps and rewrites."""

import json

import pytest

from ops.assembly import Assembly, Stack
from ops.local.filter import PLACEHOLDER_ID, Dropped, filter_stacks, known_types, write_filtered
from tests.fakes.assembly import REGISTRY, write_assembly

KNOWN = frozenset({"A::Known", "AWS::Lambda::Function", "AWS::CloudWatch::Alarm", "AWS::EC2::VPC"})


def stack(artifact="S", *, outputs=None, parameters=None, **resources):
    template = {"Resources": resources}
    template |= {"Outputs": outputs} if outputs else {}
    template |= {"Parameters": parameters} if parameters else {}
    return Stack(artifact, f"app-{artifact}", f"{artifact}.template.json", template)


def known(**properties):
    return {"Type": "A::Known", "Properties": properties}


def test_an_unknown_type_goes_and_a_known_one_stays():
    it = stack(Gone={"Type": "A::Unknown"}, Kept=known(Size=1))
    assert filter_stacks([it], KNOWN) == [Dropped("S", "A::Unknown", "Gone")]
    assert it.resources == {"Kept": known(Size=1)}


@pytest.mark.parametrize(
    "reference",
    [
        {"Ref": "Gone"},
        {"Fn::GetAtt": ["Gone", "Arn"]},
        {"Fn::GetAtt": "Gone.Arn"},
        {"Fn::Sub": "arn:${Gone}"},
        {"Fn::Sub": ["${Gone.Arn}-${own}", {"own": "x"}]},
        {"Fn::Join": ["", ["a", {"Ref": "Gone"}]]},
    ],
    ids=json.dumps,
)
def test_resources_that_refer_to_dropped_ones_go_too(reference):
    it = stack(Gone={"Type": "A::Unknown"}, First=known(To=reference), Second=known(To={"Ref": "First"}), Kept=known())
    dropped = filter_stacks([it], KNOWN)
    assert {(entry.logical_id, entry.because) for entry in dropped} == {
        ("Gone", ""),
        ("First", "Gone"),
        ("Second", "First"),
    }
    assert list(it.resources) == ["Kept"]


def test_a_variable_of_a_substitution_is_no_reference():
    it = stack(Gone={"Type": "A::Unknown"}, Kept=known(To={"Fn::Sub": ["${Gone} ${!Gone}", {"Gone": "mine"}]}))
    filter_stacks([it], KNOWN)
    assert list(it.resources) == ["Kept"]


def test_only_the_affected_entry_of_a_list_goes():
    it = stack(Gone={"Type": "A::Unknown"}, Kept=known(Deploy={"Alarms": [{"Ref": "Gone"}, "other"]}))
    dropped = filter_stacks([it], KNOWN)
    assert it.resources["Kept"]["Properties"] == {"Deploy": {"Alarms": ["other"]}}
    assert Dropped("S", "A::Known Deploy.Alarms", "Kept", "Gone") in dropped


def test_a_list_that_would_be_empty_takes_its_resource_along():
    it = stack(Gone={"Type": "A::Unknown"}, Also=known(Subnets=[{"Ref": "Gone"}]), Kept=known())
    filter_stacks([it], KNOWN)
    assert list(it.resources) == ["Kept"]


def test_only_the_affected_statement_of_a_policy_goes():
    statements = [{"Resource": {"Fn::GetAtt": ["Gone", "Arn"]}}, {"Resource": "*"}]
    it = stack(Gone={"Type": "A::Unknown"}, Kept=known(Document={"Statement": statements}))
    filter_stacks([it], KNOWN)
    assert it.resources["Kept"]["Properties"]["Document"]["Statement"] == [{"Resource": "*"}]


@pytest.mark.parametrize(("declared", "left"), [("Gone", None), (["Gone", "Kept"], ["Kept"]), (["Gone"], None)])
def test_depends_on_never_dangles(declared, left):
    it = stack(Gone={"Type": "A::Unknown"}, Kept=known(), Last={**known(), "DependsOn": declared})
    filter_stacks([it], KNOWN)
    assert it.resources["Last"].get("DependsOn") == left


@pytest.mark.parametrize(
    "use",
    [{"Fn::GetStackOutput": {"StackName": "app-P", "OutputName": "Id"}}, {"Fn::ImportValue": "exported"}],
    ids=["weak", "strong"],
)
def test_a_lost_output_takes_its_users_in_other_stacks_along(use):
    consumer = stack("C", User=known(Id=use), Kept=known())
    producer = stack(
        "P",
        Gone={"Type": "A::Unknown"},
        Kept=known(),
        outputs={"Id": {"Value": {"Ref": "Gone"}, "Export": {"Name": "exported"}}},
    )
    filter_stacks([consumer, producer], KNOWN)
    assert producer.template["Outputs"] == {}
    assert list(consumer.resources) == ["Kept"]


def test_an_output_of_a_kept_resource_is_kept():
    it = stack(
        Gone={"Type": "A::Unknown"},
        Kept=known(),
        outputs={"Id": {"Value": {"Fn::Join": ["", [{"Ref": "Kept"}, {"Ref": "AWS::Region"}]]}}},
    )
    filter_stacks([it], KNOWN)
    assert "Id" in it.template["Outputs"]


def test_a_helper_function_goes_with_its_only_users():
    function = {"Type": "AWS::Lambda::Function", "Properties": {}}
    it = stack(
        Gone={"Type": "Custom::Thing", "Properties": {"ServiceToken": {"Ref": "Helper"}}}, Helper=function, Kept=known()
    )
    filter_stacks([it], KNOWN)
    assert list(it.resources) == ["Kept"]


def test_a_function_of_a_stack_that_loses_nothing_stays():
    it = stack(Function={"Type": "AWS::Lambda::Function", "Properties": {}})
    assert filter_stacks([it], KNOWN) == []


def test_an_alarm_over_metric_math_goes_and_a_plain_one_stays():
    it = stack(
        Math={"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
        Plain={"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "x"}},
    )
    assert filter_stacks([it], KNOWN) == [Dropped("S", "AWS::CloudWatch::Alarm", "Math", "metric math")]


def test_a_parameter_that_only_served_a_dropped_resource_goes():
    it = stack(
        Gone={"Type": "A::Unknown", "Properties": {"Image": {"Ref": "Ami"}}},
        Kept=known(Name={"Ref": "Name"}),
        parameters={"Ami": {"Type": "AWS::SSM::Parameter::Value<String>"}, "Name": {"Type": "String"}},
    )
    filter_stacks([it], KNOWN)
    assert list(it.template["Parameters"]) == ["Name"]


def test_a_stack_that_loses_everything_is_still_a_stack():
    it = stack(Gone={"Type": "A::Unknown"})
    filter_stacks([it], KNOWN)
    assert list(it.resources) == [PLACEHOLDER_ID]


def test_known_types_come_from_the_installed_emulator():
    types = known_types()
    assert {"AWS::ECS::Service", "AWS::ECR::Repository", "AWS::DynamoDB::Table"} <= types
    assert "AWS::EC2::SecurityGroupIngress" not in types


class TestOnDisk:
    @pytest.fixture
    def assembly(self, tmp_path):
        template = {
            "Resources": {
                "Gone": {"Type": "A::Unknown", "Properties": {"Code": "lost.zip"}},
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
                "Kept": known(
                    Image={"Fn::Sub": f"{REGISTRY}/app/web:ecs-1"},
                    Range={"Fn::GetAtt": ["Vpc", "CidrBlock"]},
                    Code="kept.zip",
                ),
            }
        }

        def file(path, key):
            return {"source": {"path": path}, "destinations": {"d": {"bucketName": "b", "objectKey": key}}}

        files = {
            "old": file("S.template.json", "old.json"),
            "lost": file("asset.l", "lost.zip"),
            "kept": file("asset.k", "kept.zip"),
        }
        return write_assembly(tmp_path / "cdk.out", stacks={"S": template}, assets={"S": {"files": files}}).folder

    @pytest.fixture
    def filtered(self, assembly, tmp_path):
        target = tmp_path / "cdk.emulated"
        write_filtered(assembly, target, known=KNOWN, registry="localhost:4566")
        return target

    def test_images_are_pulled_from_the_emulators_registry(self, filtered):
        [it] = Assembly(filtered).stacks
        assert it.resources["Kept"]["Properties"]["Image"] == "localhost:4566/app/web:ecs-1"

    def test_the_cidr_block_of_a_vpc_is_written_out(self, filtered):
        [it] = Assembly(filtered).stacks
        assert it.resources["Kept"]["Properties"]["Range"] == "10.0.0.0/16"

    def test_the_original_stays_as_it_was(self, assembly, filtered):
        assert filtered.is_dir()
        assert "Gone" in json.loads((assembly / "S.template.json").read_text())["Resources"]
        assert (filtered / "asset.a").resolve() == assembly / "asset.a"

    def test_the_filtered_template_is_published_under_its_own_hash(self, filtered):
        files = json.loads((filtered / "S.assets.json").read_text())["files"]
        key = files["old"]["destinations"]["d"]["objectKey"]
        url = json.loads((filtered / "manifest.json").read_text())["artifacts"]["S"]["properties"][
            "stackTemplateAssetObjectUrl"
        ]
        assert key != "old.json"
        assert url == f"s3://bucket/{key}"

    def test_files_no_longer_used_are_not_published(self, filtered):
        assert set(json.loads((filtered / "S.assets.json").read_text())["files"]) == {"old", "kept"}

    def test_a_second_filter_replaces_the_first(self, assembly, filtered):
        (filtered / "stale").write_text("x")
        write_filtered(assembly, filtered, known=KNOWN, registry="localhost:1")
        assert not (filtered / "stale").exists()
