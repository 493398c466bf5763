"""cert-manager.io: certificates that somebody else issues and renews."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from meshdoctor.model.base import ConditionedStatus, KubernetesObject, Record


class CertificateSpec(Record, frozen=True):
    secret_name: str = ""


class CertificateStatus(ConditionedStatus, frozen=True):
    not_after: datetime | None = None
    renewal_time: datetime | None = None


class Certificate(KubernetesObject, frozen=True):
    GROUP = "cert-manager.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    KIND = "Certificate"
    PLURAL = "certificates"

    spec: CertificateSpec = CertificateSpec()
    status: CertificateStatus = CertificateStatus()
