"""What an environment costs when idle is counted from its templates."""

from config.settings import Platform
from ops.assembly import Assembly
from ops.costs import DOCUMENT, Bill, render, total
from tests.conftest import ROOT


def test_the_costs_document_is_what_the_templates_say(sandbox):
    assert (ROOT / DOCUMENT).read_text("utf-8") == render(Bill(Assembly(sandbox.directory)), "sandbox"), (
        "run: make docs"
    )


def test_the_sandbox_on_ecs_only_costs_less_than_45_usd_a_month(sandbox):
    assert 30 < total(Bill(Assembly(sandbox.directory)).lines(platform=Platform.ECS)) < 45


def test_a_second_nat_gateway_shows_in_the_bill(sandbox, production):
    def gateways(assembly):
        lines = Bill(Assembly(assembly.directory)).lines(platform=Platform.ECS)
        return sum(line.count for line in lines if line.what == "NAT gateway")

    assert (gateways(sandbox), gateways(production)) == (0, 3)
