"""Operator commands refuse an account that the environment does not allow."""

import pytest
from moto import mock_aws

import ops.__main__ as command
from config.settings import load_settings
from ops.account import AccountRefusedError, check_account
from tests.conftest import ROOT

OURS, OTHER = "111111111111", "222222222222"


def settings(**overrides):
    return load_settings(ROOT, "sandbox", overrides)


def account(*arguments):
    return command.main(["account", "--root", str(ROOT), *arguments])


def test_any_account_is_allowed_if_none_is_named():
    check_account(settings(), OTHER)


@pytest.mark.parametrize("named", [{"allowed_accounts": OURS}, {"account": OURS, "region": "eu-central-1"}])
def test_an_account_that_is_not_named_is_refused(named):
    check_account(settings(**named), OURS)
    with pytest.raises(
        AccountRefusedError, match=f"these credentials are for {OTHER}.*may only be deployed to {OURS}"
    ) as caught:
        check_account(settings(**named), OTHER)
    assert caught.value.exit_code == 2


@mock_aws
def test_the_command_refuses_with_one_line_and_exit_status_2(capsys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert account("-c", f"allowed_accounts={OURS}") == 2
    error = capsys.readouterr().err
    assert "allowed_accounts: these credentials are for 123456789012" in error
    assert error.count("\n") == 1


@mock_aws
def test_credentials_of_a_partition_with_other_names_are_refused(capsys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert account() == 2
    error = capsys.readouterr().err
    assert "are of the partition aws-cn" in error
    assert error.count("\n") == 1


@mock_aws
def test_the_command_names_the_environment_and_its_account(capsys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert account("-c", "allowed_accounts=123456789012") == 0
    assert capsys.readouterr().out.endswith(" in account 123456789012\n")


def test_an_override_without_a_value_is_refused(capsys):
    assert account("-c", "allowed_accounts") == 2
    assert capsys.readouterr().err == ("cdk -c: allowed_accounts: has no value; write -c allowed_accounts=VALUE\n")


def test_missing_credentials_are_one_line_that_says_how_to_sign_in(capsys, no_credentials):
    assert account() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: AWS credentials: ")
    assert error.count("\n") == 1
