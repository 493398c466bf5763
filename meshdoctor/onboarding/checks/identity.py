"""The identities of the workloads."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.findings import Evidence
from meshdoctor.model.text import counted
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get


@check(
    "10",
    "A ServiceAccount for each application",
    weight="warning",
    problems=("PS-003",),
    do="Give each application its own ServiceAccount, so that policies can tell it from others.",
    before=True,
)
def own_account(scope: Scope) -> Iterator[Outcome]:
    """No workload runs as `default`, and no two applications share an account; versions of one application may."""
    units = scope.applications
    if not units:
        yield skips("no workload of an application is there")
        return
    by_account: dict[str, dict[str, list[str]]] = {}
    for unit in units:
        account = unit.template.spec.service_account_name or "default"
        labels = unit.template.metadata.labels
        app = labels.get("app.kubernetes.io/name") or labels.get("app") or unit.subject.name
        by_account.setdefault(account, {}).setdefault(app, []).append(unit.subject.name)
        if account == "default":
            shown = Evidence("serviceAccountName", str(unit.subject), "serviceAccountName: default", get(unit.subject))
            yield breaks(f"{unit.subject} runs as the ServiceAccount default", shown, problem="PS-003")
    for account, apps in by_account.items():
        if account != "default" and len(apps) > 1:
            names = ", ".join(sorted(apps))
            command = f"kubectl -n {scope.name} get pods -o custom-columns=POD:.metadata.name,SA:.spec.serviceAccountName"
            yield breaks(f"{names} share the ServiceAccount {account}", Evidence("shared account", account, names, command))
    if "default" not in by_account and all(len(apps) == 1 for apps in by_account.values()):
        names = ", ".join(sorted(by_account))
        yield holds(f"{counted(len(units), 'workload')} with accounts of their own: {names}")
