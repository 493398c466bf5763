"""A plan as the command that does the same by hand: to hand on, or to run where meshdoctor may not write."""

from __future__ import annotations

import shlex

from meshdoctor.fixes.diff import json_patch, manifest
from meshdoctor.fixes.plan import Plan
from meshdoctor.model.redact import redact
from meshdoctor.model.text import plain


def kubectl(plan: Plan, context: str = "") -> str:
    """The kubectl command of a plan; without the precondition, which only holds now."""
    target, place = plan.target, plan.place
    group = place.api_version.rpartition("/")[0]
    resource = f"{place.resource}.{group}" if group else place.resource
    tool = ["kubectl", *(["--context", context] if context else []), *(["-n", target.namespace] if target.namespace else [])]
    if plan.write.verb == "create":
        body = "\n".join(plain(redact(line), 1000) for line in manifest(plan.after).splitlines())
        return f"{shlex.join(tool)} create -f - <<'EOF'\n{body}\nEOF"
    if plan.write.verb == "delete":
        return shlex.join([*tool, "delete", resource, target.name])
    return shlex.join([*tool, "patch", resource, target.name, "--type=json", "-p", json_patch(plan.operations)])
