"""The cards of services: what is read from either platform, and what changes."""

import copy
import functools
import json
import operator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.assembly import Assembly
from ops.review.cards import cards, shared_objects
from ops.review.model import Status
from ops.review.pair import Pair, Side
from ops.review.raw import templates
from tests.fakes.assembly import image, write_assembly
from tests.fakes.stacks import att, output, ref, resource, stack, weak

OLD, NEW = "1" * 64, "2" * 64
HOST = "1.dkr.ecr.eu-west-1.amazonaws.com"


def container(tag=OLD, **more):
    variables = [{"Name": name, "Value": value} for name, value in more.pop("environment", {"LEVEL": "info"}).items()]
    return {
        "Name": "web",
        "Image": f"{HOST}/app/web:ecs-{tag}",
        "Environment": variables,
        "PortMappings": [{"Name": "http", "ContainerPort": 8080, "AppProtocol": "http"}],
        **more,
    }


def ecs(*containers, identifier="Ecs-web", resources=None, **task):
    definition = {"Cpu": "256", "Memory": "512", **task, "ContainerDefinitions": list(containers) or [container()]}
    return stack(
        identifier,
        {
            "Task": resource("AWS::ECS::TaskDefinition", **definition),
            "Service": resource("AWS::ECS::Service", DesiredCount=1),
            **(resources or {}),
        },
    )


def pod(tag=OLD, environment=None, **more):
    own = {
        "name": "web",
        "image": f"{HOST}/app/web:eks-{tag}",
        "env": [{"name": name, "value": value} for name, value in (environment or {"LEVEL": "info"}).items()],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz"}},
        "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "512Mi"}},
        **more,
    }
    return {"containers": [own]}


def deployment(spec=None, **more):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "app"},
        "spec": {"replicas": 1, "template": {"spec": spec or pod()}, **more},
    }


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "app"}}


def eks(*objects, identifier="Eks-web"):
    manifest = json.dumps(list(objects) or [SERVICE, deployment()])
    return stack(identifier, {"Objects": resource("Custom::AWSCDK-EKS-KubernetesResource", Manifest=manifest)})


def pair(before, after, old=None, new=None):
    return Pair(Side("then", before, old), Side("now", after, new))


def card(before, after, **assemblies):
    [found] = cards(pair(before, after, **assemblies))
    return found


def changes(before, after):
    """(name, before, after, platform) of each fact that changes."""
    return [(f.name, f.before, f.after, f.platform) for f in card(before, after).facts if f.status is not Status.SAME]


def facts(*stacks):
    """The facts of a service that does not change, by name and platform."""
    return {(f.name, f.platform): f.after for f in card(list(stacks), list(stacks)).facts}


def test_a_service_that_is_the_same_has_its_facts_and_no_change():
    found = card([ecs(), eks()], [ecs(), eks()])
    assert (found.service, found.kind, found.status, found.platforms) == ("web", "http", Status.SAME, ("ecs", "eks"))
    assert {(f.name, f.after, f.platform) for f in found.facts} >= {
        ("cpu", "256", ""), ("memory", "512 MiB", ""), ("port", "8080", ""), ("scaling.min", "1", ""), ("LEVEL", "info", ""),
        ("health", "/healthz", "eks"),
    }  # fmt: skip
    assert not found.objects


def test_a_change_on_both_platforms_is_one_fact_and_on_one_names_it():
    after = [ecs(container(environment={"LEVEL": "debug"}), Memory="1024"), eks(SERVICE, deployment(pod(environment={"LEVEL": "debug"})))]  # fmt: skip  # noqa: E501
    assert changes([ecs(), eks()], after) == [
        ("memory", "512 MiB", "1024 MiB", "ecs"),
        ("LEVEL", "info", "debug", ""),
    ]


def test_those_that_change_come_first_then_names():
    def services(level):
        own = {"environment": {"LEVEL": level}}
        return [ecs(identifier="Ecs-b"), ecs(identifier="Ecs-a"), ecs(container(**own), identifier="Ecs-z")]

    found = cards(pair(services("info"), services("debug")))
    assert [(one.service, one.status) for one in found] == [
        ("z", Status.CHANGED), ("a", Status.SAME), ("b", Status.SAME),
    ]  # fmt: skip


def test_a_service_that_comes_or_goes():
    found = cards(pair([ecs(identifier="Ecs-old")], [ecs(identifier="Ecs-new")]))
    assert [(one.service, one.status) for one in found] == [("new", Status.ADDED), ("old", Status.REMOVED)]
    assert {fact.status for fact in found[0].facts} == {Status.ADDED}
    assert {fact.status for fact in found[1].facts} == {Status.REMOVED}
    assert found[0].images[0][1].tag_before == ""


def test_a_service_that_leaves_a_platform_says_so_once():
    assert changes([ecs(), eks()], [ecs()]) == [
        ("platforms", "ecs, eks", "ecs", ""), ("health", "/healthz", "", "eks"),
    ]  # fmt: skip
    [(name, found)] = card([ecs(), eks()], [ecs()]).images
    assert (name, found.tag_before, found.tag_after) == ("web", "1" * 12, "1" * 12)
    moved = changes([ecs()], [eks(SERVICE, deployment(pod(environment={"LEVEL": "debug"})))])
    assert ("platforms", "ecs", "eks", "") in moved
    assert ("LEVEL", "info", "debug", "") in moved


def test_a_new_image_alone_is_a_change_of_the_image():
    found = card([ecs(), eks()], [ecs(container(NEW)), eks(SERVICE, deployment(pod(NEW)))])
    assert found.status is Status.CHANGED
    [(name, change)] = found.images
    assert (name, change.tag_before, change.tag_after, change.files_known) == ("web", "1" * 12, "2" * 12, False)
    assert all(fact.status is Status.SAME for fact in found.facts)


def test_different_images_on_the_platforms_are_told_apart():
    found = card([ecs(), eks()], [ecs(container(NEW)), eks()])
    assert [(name, one.tag_after) for name, one in found.images] == [("web on ECS", "2" * 12), ("web on EKS", "1" * 12)]


def built(folder, tag, files, **source):
    """An assembly with one image, its build context and the stack that runs it."""
    context = folder / "asset.a"
    for name, content in files.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(content)
    assets = {"Ecs-web": {"dockerImages": {"h": image("app/web", f"ecs-{tag}", **source)}}}
    return write_assembly(folder, stacks={"Ecs-web": ecs(container(tag)).template}, assets=assets)


def image_change(old, new):
    [(_, found)] = card(old.stacks, new.stacks, old=old, new=new).images
    return found


def test_the_files_of_a_new_image_and_its_base_are_compared(tmp_path):
    stages = "ARG FROM=debian\nFROM ${FROM}:12 AS build\nFROM other AS unused\nFROM build\n"
    old = built(tmp_path / "a", OLD, {"Dockerfile": stages, "app/a.py": "1", "gone.py": "", "same.py": "x"})
    new = built(
        tmp_path / "b",
        NEW,
        {"Dockerfile": stages, "app/a.py": "2", "new.py": "", "same.py": "x"},
        dockerBuildArgs={"FROM": "mirror/debian"},
    )
    found = image_change(old, new)
    assert (found.base_before, found.base_after) == ("debian:12", "mirror/debian:12")
    assert found.files == ((Status.CHANGED, "app/a.py"), (Status.REMOVED, "gone.py"), (Status.ADDED, "new.py"))
    assert found.files_known


def test_an_existing_image_has_its_own_tag_and_no_files(tmp_path):
    text = "FROM ghcr.io/thing:{} AS container-services-image\n\n# Added by the platform: x\nFROM container-services-image\n"
    source = {"dockerFile": ".service.Dockerfile"}
    old, new = (
        built(tmp_path / version, tag, {".service.Dockerfile": text.format(version)}, **source)
        for version, tag in (("1.2", OLD), ("1.3", NEW))
    )
    found = image_change(old, new)
    assert (found.tag_before, found.tag_after, found.files) == ("1.2", "1.3", ())
    assert (found.base_before, found.base_after) == ("ghcr.io/thing:1.2", "ghcr.io/thing:1.3")


DEPLOYED = replace(ecs(), name="app-Ecs-web")


def test_of_what_is_deployed_only_the_tag_is_known(tmp_path):
    new = built(tmp_path, NEW, {"Dockerfile": "FROM debian:12\n"})
    [(_, found)] = card([DEPLOYED], new.stacks, new=new).images
    assert (found.tag_before, found.tag_after) == ("1" * 12, "2" * 12)
    assert (found.base_after, found.files, found.files_known) == ("debian:12", (), False)


def test_a_broken_assembly_leaves_the_tags(tmp_path):
    new = built(tmp_path, NEW, {})
    for file in tmp_path.glob("*.assets.json"):
        file.write_text('{"dockerImages": {"h": {"destinations": 1}}}')
    [(_, found)] = card([DEPLOYED], new.stacks, new=Assembly(tmp_path)).images
    assert found.tag_after == "2" * 12


def test_sidecars_have_images_and_facts_of_their_own():
    sidecar = {"Name": "proxy", "Image": "x/proxy:1", "Memory": 64, "Command": ["run", "a b"], "Environment": [{"Name": "A", "Value": ""}]}  # fmt: skip  # noqa: E501
    found = card([ecs(container(), sidecar)], [ecs(container(), {**sidecar, "Image": "x/proxy:2", "Memory": 128})])
    assert [(name, one.tag_before, one.tag_after) for name, one in found.images] == [
        ("web", "1" * 12, "1" * 12), ("proxy", "1", "2"),
    ]  # fmt: skip
    told = {fact.name: (fact.before, fact.after) for fact in found.facts}
    assert told["proxy: memory"] == ("64 MiB", "128 MiB")
    assert told["proxy: command"] == ("run 'a b'",) * 2
    assert told["proxy: A"] == ('""',) * 2
    assert told["sidecars"] == ("proxy",) * 2


def test_secrets_read_the_same_on_both_platforms():
    arn = "arn:aws:secretsmanager:eu-west-1:1:secret:db:password:AWSPREVIOUS:"
    task = container(
        Secrets=[{"Name": "PASSWORD", "ValueFrom": arn}, {"Name": "T", "ValueFrom": "arn:aws:ssm:r:1:parameter/t"}]
    )
    objects = [
        {
            "objectName": "db", "objectType": "secretsmanager", "objectAlias": "PASSWORD.json",
            "objectVersionLabel": "AWSPREVIOUS", "jmesPath": [{"path": '"password"', "objectAlias": "PASSWORD"}],
        },
        {"objectName": "/t", "objectType": "ssmparameter", "objectAlias": "T"},
    ]  # fmt: skip
    provider = {
        "kind": "SecretProviderClass",
        "metadata": {"name": "web"},
        "spec": {
            "parameters": {"objects": json.dumps(objects)},
            "secretObjects": [{"data": [{"objectName": key, "key": key} for key in ("PASSWORD", "T")]}],
        },
    }
    env = [{"name": key, "valueFrom": {"secretKeyRef": {"name": "web", "key": key}}} for key in ("PASSWORD", "T")]
    found = facts(ecs(task), eks(SERVICE, provider, deployment(pod(env=env))))
    assert found["PASSWORD", ""] == "secret db, key password, version AWSPREVIOUS"
    assert found["T", ""] == "parameter /t"


def test_scaling_health_and_routes_are_read_from_their_resources():
    more = {
        "Target": resource("AWS::ApplicationAutoScaling::ScalableTarget", MinCapacity=2, MaxCapacity=5),
        "Cpu": resource(
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            TargetTrackingScalingPolicyConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
                "TargetValue": 60,
                "ScaleOutCooldown": 30,
            },
        ),
        "Group": resource(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            HealthCheckPath="/up",
            HealthCheckIntervalSeconds=10,
            Matcher={"HttpCode": "200"},
            TargetGroupAttributes=[
                {"Key": "stickiness.enabled", "Value": "true"},
                {"Key": "stickiness.lb_cookie.duration_seconds", "Value": "60"},
            ],
        ),
        "Rule": resource(
            "AWS::ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("InternalHttp"),
            Actions=[{"Type": "forward"}],
            Conditions=[
                {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/a/*"]}},
                {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example.com"]}},
            ],
        ),
    }
    found = {name: value for (name, _), value in facts(ecs(resources=more)).items()}
    assert found.items() >= {
        "scaling.min": "2", "scaling.max": "5", "scaling.cpu_target": "60 %", "scaling.cooldowns": "up 30 s", "health": "/up",
        "health.interval": "10 s", "health.codes": "200", "sticky": "60 s", "path": "/a", "hosts": "a.example.com",
        "load balancer": "internal",
    }.items()  # fmt: skip


def test_a_schedule_that_both_platforms_write_in_their_own_way_is_one_fact():
    def job(cron, schedule):
        rule = resource("AWS::Scheduler::Schedule", ScheduleExpression=cron, ScheduleExpressionTimezone="Etc/UTC")
        task = resource("AWS::ECS::TaskDefinition", ContainerDefinitions=[container()])
        template = {"template": {"spec": pod()}}
        spec = {"schedule": schedule, "timeZone": "Etc/UTC", "jobTemplate": {"spec": template}}
        return [
            stack("Ecs-web", {"Rule": rule, "Task": task}),
            eks({"kind": "CronJob", "metadata": {"name": "web"}, "spec": spec}),
        ]

    before, after = (
        job("cron(0 6 ? * MON,TUE,WED,THU,FRI *)", "0 6 * * 1-5"),
        job("cron(0,30 7 * * ? *)", "*/30 7 * * *"),
    )
    assert card(before, after).kind == "job"
    assert changes(before, after) == [("schedule", "0 6 * * 1-5", "*/30 7 * * *", "")]


def test_calls_are_known_wherever_their_rule_is():
    def own(identifier, **resources):
        group = {"Group": resource("AWS::EC2::SecurityGroup")}
        return stack(
            identifier,
            {**ecs().template["Resources"], **group, **resources},
            outputs={"Id": output(att("Group", "GroupId"))},
        )

    rule = resource(
        "AWS::EC2::SecurityGroupEgress", GroupId=weak("Ecs-b", "Id"), DestinationSecurityGroupId=att("Group", "GroupId")
    )
    before, after = [own("Ecs-a"), own("Ecs-b")], [own("Ecs-a", Rule=rule), own("Ecs-b")]
    found = {one.service: one for one in cards(pair(before, after))}
    assert [(f.name, f.before, f.after) for f in found["b"].facts if f.status is not Status.SAME] == [
        ("calls", "", "a")
    ]
    assert found["a"].status is Status.SAME


def test_a_change_behind_a_reference_is_seen_in_a_template_that_stays():
    def sides(table):
        state = stack("State", {table: resource("X")}, outputs={"Name": output(ref(table))})
        return [state, ecs(container(environment={"TABLE": weak("State", "Name")}))]

    assert changes(sides("TableOne"), sides("TableTwo")) == [("TABLE", "<State/TableOne>", "<State/TableTwo>", "")]


# --- objects ---------------------------------------------------------------------------------------------------------


def fields(before, after):
    found = card([eks(SERVICE, deployment(before))], [eks(SERVICE, deployment(after))])
    [diff] = found.objects
    return [(f.name.removeprefix("spec/template/spec/"), f.before, f.after) for f in diff.fields]


def test_fields_are_compared_by_the_names_of_their_items():
    before = {**pod(environment={"A": "1", "B": "2"}), "volumes": [{"name": "tmp"}]}
    after = {**pod(environment={"B": "3", "C": "4"}), "volumes": [{"name": "more"}, {"name": "tmp"}]}
    assert fields(before, after) == [
        ("containers/web/env/A", "name: A\nvalue: \"1\"", ""),
        ("containers/web/env/B/value", "2", "3"),
        ("containers/web/env/C", "", "name: C\nvalue: \"4\""),
        ("volumes/more", "", "name: more"),
    ]  # fmt: skip


def test_another_order_of_named_items_is_said():
    before, after = pod(environment={"A": "1", "B": "2"}), pod(environment={"B": "2", "A": "1"})
    assert fields(before, after) == [("containers/web/env/(order)", "A, B", "B, A")]


def test_of_lists_without_names_only_what_differs_is_shown():
    assert fields({**pod(), "rules": [{"a": 1}, {"b": 2}, {"c": 3}]}, {**pod(), "rules": [{"b": 2}, {"c": 3}]}) == [
        ("rules/0", "a: 1", ""),
    ]  # fmt: skip
    assert fields({**pod(), "rules": ["a", "b"]}, {**pod(), "rules": ["b", "a"]}) == [
        ("rules/(items)", "- a\n- b", "- b\n- a"),
    ]  # fmt: skip
    assert fields({**pod(), "n": 1}, {**pod(), "n": "1"}) == [("n", "1", '"1"')]


def test_a_long_field_is_cut_to_where_it_differs():
    [(_, before, after)] = fields({**pod(), "text": "x" * 5000 + "a"}, {**pod(), "text": "x" * 5000 + "b"})
    assert before.startswith("(4,900 characters before) …")
    assert (before[-2:], after[-2:]) == ("xa", "xb")


def test_objects_that_come_and_go_and_those_of_the_platform():
    found = card([eks(SERVICE, deployment())], [eks(deployment())])
    assert [(one.object, one.status) for one in found.objects] == [("Service web", Status.REMOVED)]
    shared = shared_objects(pair([eks(identifier="Eks")], [eks(SERVICE, deployment(replicas=2), identifier="Eks")]))
    assert [(one.object, [f.name for f in one.fields]) for one in shared] == [("Deployment web", ["spec/replicas"])]


def test_prune_labels_do_not_count():
    def labelled(digest):
        return eks(
            SERVICE, deployment() | {"metadata": {"name": "web", "labels": {f"aws.cdk.eks/prune-c8{digest * 40}": ""}}}
        )

    assert card([labelled("a")], [labelled("b")]).status is Status.SAME


# --- anything --------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
PLACES = [
    ecs(resources={"T": resource("AWS::ElasticLoadBalancingV2::TargetGroup", Matcher={"HttpCode": "200"})}),
    eks(),
]


def spots(node, path=()):
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from spots(value, (*path, key))


@st.composite
def strange(draw):
    """The stacks of a service with anything somewhere."""
    found = copy.deepcopy(PLACES)
    objects = [copy.deepcopy(SERVICE), deployment()]
    for whole in (found[0].template["Resources"], objects):
        *path, last = draw(st.sampled_from([path for path in spots(whole) if path]))
        functools.reduce(operator.getitem, path, whole)[last] = draw(ANYTHING)
    found[1] = eks(*objects)
    return found


MIRROR = {
    Status.ADDED: Status.REMOVED,
    Status.REMOVED: Status.ADDED,
    Status.CHANGED: Status.CHANGED,
    Status.SAME: Status.SAME,
}


def shape(found, *, turned):
    def side(status):
        return MIRROR[status] if turned else status

    return [
        (
            one.service,
            side(one.status),
            sorted((f.name, f.platform, *((f.after, f.before) if turned else (f.before, f.after))) for f in one.facts),
            sorted((o.object, side(o.status), len(o.fields)) for o in one.objects),
        )
        for one in found
    ]


@settings(max_examples=80)
@given(strange(), strange())
def test_any_services_mirror_each_other(one, other):
    there, back = cards(pair(one, other)), cards(pair(other, one))
    assert shape(there, turned=True) == shape(back, turned=False)
    [same] = cards(pair(one, copy.deepcopy(one)))
    assert same.status is Status.SAME
    assert not shared_objects(pair(one, other))


@pytest.mark.parametrize("name", ["sandbox", "production"])
def test_real_services_have_the_facts_of_their_manifests(synthesis, name):
    made = synthesis.assembly(name)
    assembly = Assembly(made.directory)
    found = {one.service: one for one in cards(pair(assembly.stacks, assembly.stacks, old=assembly, new=assembly))}
    assert set(found) == {service.name for service in made.catalog.services}
    for service in made.catalog.services:
        own = {(f.name, f.platform): f.after for f in found[service.name].facts}
        assert found[service.name].kind == service.kind.value
        assert (own["cpu", ""], own["memory", ""]) == (str(service.cpu), f"{service.memory} MiB")
        assert own.items() >= {(key, ""): value for key, value in service.environment.items()}.items()
        [(container_name, picture)] = found[service.name].images
        assert (container_name, picture.files_known, bool(picture.base_after)) == (service.name, True, True)


def test_an_edited_dockerfile_is_the_only_change_of_its_service(synthesis):
    before, after = (Assembly(synthesis.assembly(name).directory) for name in ("sandbox", "edited"))
    both = pair(before.stacks, after.stacks, old=before, new=after)
    [changed] = [one for one in cards(both) if one.status is not Status.SAME]
    [(name, picture)] = changed.images
    assert (changed.service, name, picture.files) == ("quotes", "quotes", ((Status.CHANGED, "Dockerfile"),))
    assert [f.name for one in changed.objects for f in one.fields] == ["spec/template/spec/containers/quotes/image"]
    shown = {template.stack: (template.moved, [one.name for one in template.resources]) for template in templates(both)}
    assert shown["Ecs-quotes"] == shown["Eks-quotes"] == (1, [])
    assert shown["Ecs-tracking"] == shown["Eks-tracking"] == (0, ["Outputs"])
