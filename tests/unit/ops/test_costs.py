"""What an environment costs when idle is counted from its templates."""

from decimal import Decimal

from config.settings import Egress, Platform, Settings
from ops.assembly import Assembly
from ops.costs import DOCUMENT, FREE_ALARM_METRICS, Bill, egress_costs, render, total
from tests.conftest import ROOT


def test_the_costs_document_is_what_the_templates_say(sandbox):
    assert (ROOT / DOCUMENT).read_text("utf-8") == render(Bill(Assembly(sandbox.directory).stacks), "sandbox"), (
        "run: make docs"
    )


def test_the_sandbox_on_ecs_only_costs_less_than_45_usd_a_month(sandbox):
    assert 30 < total(Bill(Assembly(sandbox.directory).stacks).lines(platform=Platform.ECS)) < 45


def test_a_second_nat_gateway_shows_in_the_bill(sandbox, production):
    def gateways(assembly):
        lines = Bill(Assembly(assembly.directory).stacks).lines(platform=Platform.ECS)
        return sum(line.count for line in lines if line.what == "NAT gateway")

    assert (gateways(sandbox), gateways(production)) == (0, 3)


def test_each_scaling_policy_that_tracks_a_target_has_two_alarms(sandbox):
    alarms = sandbox.resources("AWS::CloudWatch::Alarm")
    own = sum(
        max(1, sum("MetricStat" in m for m in alarm.properties.get("Metrics", [])))
        for alarm in alarms
        if "Eks" not in alarm.stack
    )
    policies = len(sandbox.resources("AWS::ApplicationAutoScaling::ScalingPolicy"))
    lines = Bill(Assembly(sandbox.directory).stacks).lines(platform=Platform.ECS)
    (line,) = (line for line in lines if line.what.startswith("alarm metric"))
    assert policies
    assert line.count == own + 2 * policies - FREE_ALARM_METRICS


def test_an_alarm_on_the_backlog_of_each_task_watches_two_metrics(corners):
    """Metric math is billed by the metrics in it."""
    assembly = Assembly(corners.directory)
    policies = corners.resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    by_backlog = [p for p in policies if p["PolicyName"] == "ScaleOnBacklog"]
    own = sum(
        max(1, sum("MetricStat" in m for m in alarm.properties.get("Metrics", [])))
        for alarm in corners.resources("AWS::CloudWatch::Alarm")
        if "Eks" not in alarm.stack
    )
    (line,) = (
        line for line in Bill(assembly.stacks).lines(platform=Platform.ECS) if line.what.startswith("alarm metric")
    )
    assert by_backlog
    assert line.count == own + 2 * len(policies) + 2 * len(by_backlog) - FREE_ALARM_METRICS


def test_the_table_of_egress_is_what_the_bills_say(sandbox, production, corners):
    for assembly in (sandbox, production, corners):
        settings, platforms = assembly.settings, assembly.settings.platforms
        lines = Bill(Assembly(assembly.directory).stacks).lines(platform=Platform.EKS)
        ways = (
            "NAT",
            "public IPv4 address of a NAT",
            "public IPv4 address of the NAT",
            "disk of the NAT",
            "interface endpoint",
        )
        billed = sum((line.count * line.monthly for line in lines if line.what.startswith(ways)), Decimal(0))
        queues = any(spec.queues for spec in assembly.catalog.services)
        costs = egress_costs(zones=settings.zone_count, platforms=platforms, exec_on_ecs=settings.exec, queues=queues)
        expected = costs[settings.egress]
        assert billed.quantize(Decimal("0.01")) == expected


def test_the_setting_says_what_endpoints_cost():
    cost = egress_costs(zones=2, platforms=tuple(Platform))
    assert max(cost.values()) == cost[Egress.ENDPOINTS]
    assert f"about {cost[Egress.ENDPOINTS]:.0f} USD a month" in str(Settings.model_fields["egress"].description)
