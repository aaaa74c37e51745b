"""Who may push images: the account and trusted_accounts, or only the roles in deploy_roles."""

from __future__ import annotations

from typing import Any

from tests.stacks.templates import Assembly, statements


def _trusted(assembly: Assembly) -> list[Any]:
    [publisher] = [role for role in assembly.roles() if role.id.startswith("ImagePublisher")]
    return [s.principals for s in statements(publisher["AssumeRolePolicyDocument"])]


def test_only_the_named_roles_may_push(borrowed):
    text = str(_trusted(borrowed))
    assert borrowed.settings.deploy_roles
    for role in borrowed.settings.deploy_roles:
        assert f"'{role}'" in text
    assert ":root" not in text


def test_without_them_the_account_and_the_trusted_ones_may(corners):
    text = str(_trusted(corners))
    assert corners.settings.trusted_accounts
    for account in (corners.settings.account, *corners.settings.trusted_accounts):
        assert f"iam::{account}:root" in text
