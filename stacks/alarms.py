"""Alarms of one service. Each publishes to the environment's topic and to nothing else.

They are L1 resources: a service has three alarms, and each of CDK's L2 alarms takes ten calls to Node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_cloudwatch
from constructs import Construct

from config.fields.alarms import Alarms

_CfnAlarm = aws_cloudwatch.CfnAlarm


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric and its statistic, per period.

    Attributes:
        namespace: e.g. AWS/ApplicationELB.
        name: e.g. RequestCount.
        dimensions: dimension name to value.
        statistic: Sum, Minimum, Maximum, SampleCount, or a percentile such as p99.
        seconds: the length of a period, in seconds.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    seconds: int = 60

    def render(self) -> _CfnAlarm.MetricStatProperty:
        """The metric as a metric data query takes it."""
        return _CfnAlarm.MetricStatProperty(
            metric=_CfnAlarm.MetricProperty(
                namespace=self.namespace, metric_name=self.name, dimensions=_dimensions(self.dimensions)
            ),
            period=self.seconds,
            stat=self.statistic,
        )


@dataclass(frozen=True, kw_only=True)
class Formula:
    """Metric math over named metrics of the same period.

    Attributes:
        expression: CloudWatch metric math.
        label: what a graph calls the result.
        metrics: the expression's names to their metrics.
    """

    expression: str
    label: str
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    def render(self) -> list[_CfnAlarm.MetricDataQueryProperty]:
        """The queries of an alarm; the first one is the result."""
        result = _CfnAlarm.MetricDataQueryProperty(
            id="result", expression=self.expression, label=self.label, return_data=True
        )
        inputs = [
            _CfnAlarm.MetricDataQueryProperty(id=name, metric_stat=metric.render(), return_data=False)
            for name, metric in self.metrics.items()
        ]
        return [result, *inputs]


class ServiceAlarms(Construct):
    """Creates alarms that all go to one topic.

    Missing data is no alarm, except in `below`: a service without traffic has no metrics, and that is no fault.
    """

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str, topic_arn: str, declared: Alarms) -> None:
        """Prepares alarms named <prefix>-<alarm>.

        Args:
            scope: the service's stack.
            construct_id: the construct's id.
            prefix: what the alarms' names start with. The names are fixed because a deployment refers to its alarms by
                name: a reference could close a cycle.
            topic_arn: the topic that every alarm is published to.
            declared: what the manifest says: without alarms, none is created.
        """
        super().__init__(scope, construct_id)
        self._declared = declared
        self._prefix = prefix
        self._actions = [topic_arn]

    def name_of(self, name: str) -> str:
        """The physical name of the alarm that `above` or `below` creates under this id."""
        return f"{self._prefix}-{name.lower()}"

    def above(
        self, name: str, metric: Metric | Formula, threshold: float, *, periods: int, description: str
    ) -> list[aws_cloudwatch.CfnAlarm]:
        """Creates an alarm for when the metric is above the threshold in each of the last `periods`; returns what was created."""
        return self._create(name, metric, threshold, periods, description, "GreaterThanThreshold", "notBreaching")

    def below(
        self, name: str, metric: Metric, threshold: float, *, periods: int, description: str
    ) -> list[aws_cloudwatch.CfnAlarm]:
        """Creates an alarm for when the metric is below the threshold in each of the last `periods`, or missing; returns what was
        created.
        """
        return self._create(name, metric, threshold, periods, description, "LessThanThreshold", "breaching")

    def _create(
        self,
        name: str,
        metric: Metric | Formula,
        threshold: float,
        periods: int,
        description: str,
        operator: str,
        missing: str,
    ) -> list[aws_cloudwatch.CfnAlarm]:
        if not self._declared.wanted:
            return []
        formula = metric if isinstance(metric, Formula) else None
        plain = metric if isinstance(metric, Metric) else None
        percentile = plain.statistic if plain and plain.statistic.startswith("p") else None
        runbook = f". Runbook: {self._declared.runbook}" if self._declared.runbook else ""
        alarm = aws_cloudwatch.CfnAlarm(
            self,
            name,
            alarm_name=self.name_of(name),
            alarm_description=f"{description}{runbook}",
            metrics=formula.render() if formula else None,
            namespace=plain.namespace if plain else None,
            metric_name=plain.name if plain else None,
            dimensions=_dimensions(plain.dimensions) if plain else None,
            statistic=plain.statistic if plain and not percentile else None,
            extended_statistic=percentile,
            period=plain.seconds if plain else None,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=operator,
            treat_missing_data=missing,
            alarm_actions=self._actions,
            ok_actions=self._actions,
        )
        return [alarm]


def _dimensions(dimensions: Mapping[str, str]) -> Sequence[_CfnAlarm.DimensionProperty]:
    return [_CfnAlarm.DimensionProperty(name=name, value=value) for name, value in dimensions.items()]
