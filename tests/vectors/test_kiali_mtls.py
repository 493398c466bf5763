"""Kiali's status of mutual TLS for every combination of policy, rule and automatic mutual TLS."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.istio.mtls_status import Settings, mesh_status, namespace_status, overall_status, workload_status
from tests.vectors.cases import must_be_there, read

TABLE: dict[str, Any] = read("kiali/mtls_table.json") or {}
CASES = [
    (scope, case) for scope in ("mesh", "namespace", "overall_as_KIA0105_uses_it", "workload") for case in TABLE.get(scope, ())
]


def answer(scope: str, case: dict[str, Any]) -> str:
    if scope == "workload":
        return workload_status(case["pa_selector"], case["dr_service"])
    if scope == "overall_as_KIA0105_uses_it":
        own, mesh = Settings(case["ns_pa"], case["ns_dr"]), Settings(case["mesh_pa"], case["mesh_dr"])
        return overall_status(own, mesh, auto=case["autoMtls"])
    status = mesh_status if scope == "mesh" else namespace_status
    return status(Settings(case["pa"], case["dr"]), auto=case["autoMtls"], permissive=case["allowPermissive"])


def name(scope: str, case: dict[str, Any]) -> str:
    return f"{scope}-{','.join(f'{k}={v}' for k, v in sorted(case.items()) if k != 'status')}"


@pytest.mark.parametrize(("scope", "case"), CASES, ids=[name(*c) for c in CASES])
def test_kiali_mtls(scope: str, case: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    same = answer(scope, case) == case["status"]
    record_property("vectors", ["kiali mtls", same, name(scope, case), ""])
    assert answer(scope, case) == case["status"]
