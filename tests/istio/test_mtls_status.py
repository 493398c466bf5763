"""Mutual TLS in one word. All combinations are Kiali's: tests/vectors/test_kiali_mtls.py."""

from __future__ import annotations

import pytest

from meshdoctor.istio.mtls_status import MtlsStatus, Settings, mesh_status, namespace_status, overall_status, workload_status


@pytest.mark.parametrize(
    ("own", "auto", "status"),
    [
        (Settings(), True, MtlsStatus.NOT_ENABLED),
        (Settings("STRICT"), True, MtlsStatus.ENABLED),
        (Settings("STRICT"), False, MtlsStatus.PARTIALLY_ENABLED),
        (Settings("DISABLE", "DISABLE"), False, MtlsStatus.DISABLED),
    ],
)
def test_a_namespace_by_its_own_objects(own: Settings, auto: bool, status: MtlsStatus) -> None:
    assert namespace_status(own, auto=auto) is status


def test_one_side_of_the_mesh_is_enough_with_automatic_mutual_tls() -> None:
    assert mesh_status(Settings(rule="ISTIO_MUTUAL"), auto=True) is MtlsStatus.ENABLED
    assert mesh_status(Settings(rule="ISTIO_MUTUAL"), auto=False) is MtlsStatus.PARTIALLY_ENABLED


def test_a_namespace_takes_what_it_lacks_from_the_mesh() -> None:
    assert overall_status(Settings("STRICT"), Settings(rule="ISTIO_MUTUAL"), auto=False) is MtlsStatus.ENABLED


def test_a_permissive_workload_is_what_its_clients_send() -> None:
    assert workload_status("PERMISSIVE", "DISABLE") is MtlsStatus.DISABLED
    assert workload_status("PERMISSIVE", "") is MtlsStatus.NOT_ENABLED
