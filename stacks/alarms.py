"""Alarms of one service. Each publishes to the environment's topic and to nothing else."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch, aws_cloudwatch_actions, aws_sns
from constructs import Construct

_ABOVE = aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = aws_cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class ServiceAlarms(Construct):
    """Creates alarms that all go to one topic.

    Silence is not an alarm unless said: a service without traffic has no metrics, and that is no fault.
    """

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str, topic: aws_sns.ITopic) -> None:
        """Prepares alarms named <prefix>-<alarm>.

        Args:
            scope: the service's stack.
            construct_id: the construct's id.
            prefix: what the alarms' names start with. They have names of their own because a deployment refers to its
                alarms by name: a reference could close a cycle.
            topic: where every alarm is published.
        """
        super().__init__(scope, construct_id)
        self._prefix = prefix
        self._action = aws_cloudwatch_actions.SnsAction(topic)

    def name_of(self, name: str) -> str:
        """The physical name of the alarm that `above` or `below` creates under this id."""
        return f"{self._prefix}-{name.lower()}"

    def above(
        self,
        name: str,
        metric: aws_cloudwatch.IMetric,
        threshold: float,
        *,
        minutes: int,
        description: str,
    ) -> aws_cloudwatch.Alarm:
        """An alarm when the metric is above the threshold in each of the last `minutes` periods."""
        return self._create(name, metric, threshold, minutes, description, _ABOVE)

    def below(
        self, name: str, metric: aws_cloudwatch.IMetric, threshold: float, *, minutes: int, description: str
    ) -> aws_cloudwatch.Alarm:
        """An alarm when the metric is below the threshold in each of the last `minutes` periods, or missing."""
        return self._create(
            name,
            metric,
            threshold,
            minutes,
            description,
            _BELOW,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )

    def _create(
        self,
        name: str,
        metric: aws_cloudwatch.IMetric,
        threshold: float,
        minutes: int,
        description: str,
        operator: aws_cloudwatch.ComparisonOperator,
        *,
        missing: aws_cloudwatch.TreatMissingData = aws_cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> aws_cloudwatch.Alarm:
        alarm = aws_cloudwatch.Alarm(
            self,
            name,
            alarm_name=self.name_of(name),
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=minutes,
            comparison_operator=operator,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm
