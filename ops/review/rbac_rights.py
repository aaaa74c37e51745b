"""Rights inside the cluster, of one side: RBAC, access entries, and the roles of IAM that service accounts act as.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ops.assembly import Stack
from ops.changes.objects import APPLIED, Key, objects_of
from ops.references import Values
from ops.review.iam import Place, dicts, resources
from ops.review.iam_statements import ANY, EVERYTHING, Some, Statement, texts
from ops.review.text import as_yaml

Side = tuple[Mapping[str, Stack], Values]
BUILT_IN: Final = {"Role", "ClusterRole"}
ADMIN: Final = {"cluster-admin", "AmazonEKSClusterAdminPolicy", "system:masters"}
_TYPES: Final = {APPLIED, "AWS::EKS::PodIdentityAssociation", "AWS::EKS::AccessEntry"}
_IRSA: Final = "eks.amazonaws.com/role-arn"
_MOST_VALUES: Final = 200


class Subject(NamedTuple):
    """Somebody that a binding names, or a role that nobody is bound to."""

    kind: str
    namespace: str
    name: str


class Cluster:
    """Rights of one side. Every right is a statement, so that a broader one covers a narrower one.

    Attributes:
        rules: by subject: verbs on `namespace|group|resource|name`.
        access: by principal: access policies on `cluster|namespace`.
        roles: the roles of IAM that a service account acts as, on `namespace/service account`.
        tokens: service accounts whose pods get a token of the API.
        accounts: where a service account is defined.
        bound: the roles that somebody is bound to.
        defined: the roles that these templates define.
        written: the resource where a subject's rights are.
        texts: the evidence.
    """

    def __init__(self, side: Side) -> None:
        self.rules: dict[Subject, set[Statement]] = defaultdict(set)
        self.access: dict[str, set[Statement]] = defaultdict(set)
        self.roles: set[tuple[str, str, str]] = set()
        self.tokens: set[tuple[str, str]] = set()
        self.accounts: dict[tuple[str, str], Place] = {}
        self.written: dict[object, Place] = {}
        self.texts: dict[object, list[str]] = defaultdict(list)
        self.bound: set[Subject] = set()
        self.defined: set[Subject] = set()
        objects: dict[Key, tuple[Place, Any]] = {}
        for place, kind, properties in resources(*side, _TYPES):
            if kind == APPLIED:
                objects |= {key: (place, found) for key, found in objects_of(properties).items()}
            elif kind == "AWS::EKS::AccessEntry":
                self._entry(place, properties)
            else:
                self._association(place, properties)
        for key in sorted(objects):
            self._object(key, *objects[key], objects)
        for key in sorted(objects):
            subject, (place, found) = Subject(key.kind, key.namespace, key.name), objects[key]
            if key.kind in BUILT_IN:
                self.defined.add(subject)
                if subject not in self.bound:
                    self._give(subject, place, found, _rules(found, key.namespace or EVERYTHING))

    def _object(self, key: Key, place: Place, found: Any, objects: Mapping[Key, tuple[Place, Any]]) -> None:
        if key.kind in {"RoleBinding", "ClusterRoleBinding"}:
            self._binding(key, place, found, objects)
        if key.kind == "ServiceAccount":
            account = (key.namespace, key.name)
            self.accounts[account] = place
            if found.get("automountServiceAccountToken") is not False:
                self.tokens.add(account)
            metadata = found.get("metadata")
            annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
            for role in texts(annotations.get(_IRSA)) if isinstance(annotations, dict) else ():
                self._acts(place, (*account, role), found)

    def _binding(self, key: Key, place: Place, found: Any, objects: Mapping[Key, tuple[Place, Any]]) -> None:
        reference = found.get("roleRef")
        if not isinstance(reference, dict):
            return
        kind, name = str(reference.get("kind", "")), str(reference.get("name", ""))
        scope = key.namespace if key.kind == "RoleBinding" else EVERYTHING
        role = Key(kind, name, key.namespace if kind == "Role" else "", "rbac.authorization.k8s.io")
        if role in objects:
            self.bound.add(Subject(kind, role.namespace, name))
            place, written = objects[role]
            given = _rules(written, scope)
        else:  # one of the cluster's own
            written = found
            given = {
                _right(EVERYTHING, f"{scope}|*|*|*") if name in ADMIN else _right(f"{kind} {name}", f"{scope}|role")
            }
        for subject in dicts(found.get("subjects")):
            namespace = str(subject.get("namespace", key.namespace)) if subject.get("kind") == "ServiceAccount" else ""
            who = Subject(str(subject.get("kind", "")), namespace, str(subject.get("name", "")))
            self._give(who, place, written, given)

    def _give(self, subject: Subject, place: Place, written: Any, given: set[Statement]) -> None:
        self.rules[subject] |= given
        self.written.setdefault(subject, place)
        self.texts[subject].append(
            as_yaml({name: written[name] for name in ("rules", "roleRef", "subjects") if name in written})
        )

    def _entry(self, place: Place, properties: Mapping[str, Any]) -> None:
        """https://docs.aws.amazon.com/eks/latest/userguide/access-policies.html"""
        principal = "".join(texts(properties.get("PrincipalArn"))[:1])
        cluster = "".join(texts(properties.get("ClusterName"))[:1])
        for policy in dicts(properties.get("AccessPolicies")):
            scope = policy.get("AccessScope")
            spaces = (
                texts(scope.get("Namespaces"))
                if isinstance(scope, Mapping) and scope.get("Type") == "namespace"
                else ["*"]
            )
            for arn in texts(policy.get("PolicyArn")):
                self.access[principal] |= {_right(arn.rpartition("/")[2], f"{cluster}|{space}") for space in spaces}
        for group in texts(properties.get("KubernetesGroups")):
            self.access[principal].add(_right(f"group {group}", f"{cluster}|*"))
        self.written.setdefault(principal, place)
        shown = {name: properties[name] for name in ("AccessPolicies", "KubernetesGroups") if name in properties}
        self.texts[principal].append(as_yaml(shown))

    def _association(self, place: Place, properties: Mapping[str, Any]) -> None:
        """https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html"""
        namespace, account = ("".join(texts(properties.get(name))[:1]) for name in ("Namespace", "ServiceAccount"))
        for name in ("RoleArn", "TargetRoleArn"):
            for role in texts(properties.get(name)):
                self._acts(place, (namespace, account, role), properties)

    def _acts(self, place: Place, link: tuple[str, str, str], written: Any) -> None:
        self.roles.add(link)
        self.written.setdefault(link, place)
        self.texts[link].append(as_yaml(written))


def _rules(role: Any, scope: str) -> set[Statement]:
    """The rules of a role; a scope of `*` is every namespace."""
    found = set()
    for rule in dicts(role.get("rules")):
        verbs, groups, kinds, names, urls = (
            texts(rule.get(key))[:_MOST_VALUES]
            for key in ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        )
        for verb in verbs:
            found |= {
                _right(verb, f"{scope}|{group}|{kind}|{name}")
                for group in groups
                for kind in kinds
                for name in names or ["*"]
            }
            found |= {_right(verb, f"*|url|{url}") for url in urls}
    return found


def _right(action: str, resource: str) -> Statement:
    return Statement(allow=True, who=ANY, actions=Some(frozenset({action})), resources=Some(frozenset({resource})))
