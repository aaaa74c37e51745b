"""Properties of every comparison, on generated templates."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ops.changes.compare import compare
from ops.changes.model import Action
from ops.changes.sentences import sentence
from tests.fakes.stacks import PREFIX, att, output, ref, resource, stack, weak

NAMES = ("A", "B", "C")
TYPES = {
    "AWS::DynamoDB::Table": ("TableName", "BillingMode", "KeySchema"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("ListenerArn", "Priority"),
    "AWS::EC2::Subnet": ("VpcId", "CidrBlock", "Tags"),
    "AWS::ECS::TaskDefinition": ("Family", "Cpu", "ContainerDefinitions"),
    "AWS::IAM::Policy": ("PolicyName", "Roles", "PolicyDocument"),
    "Custom::AWSCDK-EKS-KubernetesResource": ("ServiceToken", "Manifest", "PruneLabel"),
    "AWS::Unknown::Type": ("Anything",),
}
references = st.one_of(
    st.builds(ref, st.sampled_from((*NAMES, "AWS::Region"))),
    st.builds(att, st.sampled_from(NAMES), st.just("Arn")),
    st.builds(weak, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(lambda name: {"Fn::ImportValue": f"export-{name}"}, st.sampled_from(NAMES)),
    st.builds(lambda name: {"Fn::Sub": f"a-${{{name}}}"}, st.sampled_from(NAMES)),
    st.builds(lambda index: {"Fn::Select": [index, {"Fn::GetAZs": ""}]}, st.integers(0, 2)),
)
texts = st.sampled_from(("x", "y", "10.0.0.0/24", "10.0.0.0/25", "[{}]", "<&\"'\u202e\n"))
leaves = st.one_of(references, texts, st.integers(0, 2), st.booleans())
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)),
    max_leaves=4,
)


@st.composite
def resources(draw):
    kind = draw(st.sampled_from(sorted(TYPES)))
    return resource(
        kind,
        keep=draw(st.sampled_from(("", "Retain", "Delete"))),
        on_replace=draw(st.sampled_from(("", "Retain"))),
        **draw(st.fixed_dictionaries({}, optional=dict.fromkeys(TYPES[kind], values))),
    )


@st.composite
def stacks(draw):
    """Up to three stacks, each of which the CLI may deploy after those before it."""
    found = []
    for index, name in enumerate(draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))):
        body = draw(st.dictionaries(st.sampled_from(NAMES), resources(), max_size=3))
        outputs = {
            n: output(draw(references), f"export-{name}-{n}") for n in draw(st.sets(st.sampled_from(NAMES), max_size=2))
        }
        before = [one.id for one in found]
        needs = " ".join(draw(st.lists(st.sampled_from(before), unique=True)) if index else [])
        found.append(stack(name, body, outputs=outputs, needs=needs))
    return found


@given(stacks())
def test_a_template_against_itself_changes_nothing(both):
    found = compare(both, both)
    assert found.changes == ()
    assert found.skipped == tuple(one.id for one in both)
    kinds = {finding.kind.value for finding in found.findings}
    assert kinds <= {"clash", "undone", "output-missing"}  # what is wrong with the template itself


@given(stacks(), stacks())
def test_back_mirrors_forth(one, other):
    """What is added on the way there is removed on the way back; what differs there differs on the way back."""
    sign = {Action.ADDED: 1, Action.REMOVED: -1}
    common = {s.id for s in one} & {s.id for s in other}

    def seen(result, direction):
        changes = [change for change in result.changes if change.stack in common]
        return {(change.path, direction * sign.get(change.action, 0)) for change in changes if not change.because}

    def moved(result):  # a replaced resource changes those that refer to it, on the side where they do
        return {change.path for change in result.changes if change.because}

    forth, back = compare(one, other), compare(other, one)
    ignored = moved(forth) | moved(back)
    assert {c for c in seen(forth, 1) if c[0] not in ignored} == {c for c in seen(back, -1) if c[0] not in ignored}


@given(stacks(), stacks())
def test_every_finding_is_one_printable_line_with_an_id_of_its_own(one, other):
    found = compare(one, other).findings
    assert all("\n" not in sentence(finding) for finding in found)
    assert [name for name, count in Counter(finding.id for finding in found).items() if count > 1] == []


@given(stacks())
def test_a_first_deployment_only_adds(after):
    found = compare([], after)
    assert {change.action for change in found.changes} <= {Action.ADDED}
    assert found.created == tuple(one.id for one in after)
    assert all(name.startswith(PREFIX) for name in (one.name for one in after))
