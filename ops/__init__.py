"""Operator commands: what a person types around `cdk deploy` (`python -m ops <command>`). Never imports aws_cdk."""
