"""How large a bundle will be and how long it will take, from a count of what the mesh has: told before anything is read."""

from __future__ import annotations

import asyncio

import msgspec

from meshdoctor.bundle.tiers import Tier
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.errors import CredentialsError, MeshdoctorError, NotTheAPI, Unreachable
from meshdoctor.model.workloads import Pod

COUNTED: tuple[type[KubernetesObject], ...] = (Pod, Service, Namespace)
# Measured on a mesh of 24 pods and one of 10,000: bytes in the file, and seconds.
BASE_BYTES, OBJECT_BYTES, SCHEMAS = 420_000, 350, 1_300_000
PROXY_BYTES = 60_000  # dumps and an hour of log
BASE_SECONDS, OBJECT_SECONDS, PROXY_SECONDS = 3.0, 0.0006, 0.15
OBJECTS_PER_POD = 4  # ReplicaSet, EndpointSlice, ServiceAccount and the like, a Service's too


class Estimate(msgspec.Struct, frozen=True):
    """Counts (None where they may not be read), bytes of the file and seconds until it is there, both about."""

    pods: int | None
    services: int | None
    namespaces: int | None
    bytes: int
    seconds: float

    @property
    def says(self) -> str:
        """One line for people."""
        counts = [(self.pods, "pods"), (self.services, "services"), (self.namespaces, "namespaces")]
        known = [f"{count:,} {what}" for count, what in counts if count is not None]
        size = f"{self.bytes / 1_000_000:.1f} MB" if self.bytes >= 1_000_000 else f"{self.bytes / 1000:.0f} kB"
        return f"{', '.join(known) or 'a mesh that may not be counted'}: about {size} and {self.seconds:.0f} s"


async def estimate(api: ApiClient, tier: Tier) -> Estimate:
    """Ask for counts, each one page of one object. What may not be counted counts as nothing.

    Raises where the API server cannot be asked at all.
    """
    pods, services, namespaces = await asyncio.gather(*(_count(api, kind) for kind in COUNTED))
    objects = (pods or 0) * OBJECTS_PER_POD + (services or 0) * 2
    proxies = min(pods or 0, tier.proxies)
    size = BASE_BYTES + objects * OBJECT_BYTES + proxies * PROXY_BYTES + (SCHEMAS if tier.proxies else 0)
    seconds = BASE_SECONDS + objects * OBJECT_SECONDS + proxies * PROXY_SECONDS + (5.0 if tier.proxies else 0.0)
    return Estimate(pods, services, namespaces, min(size, tier.bytes), min(seconds, tier.seconds))


async def _count(api: ApiClient, kind: type[KubernetesObject]) -> int | None:
    try:
        return await api.count(kind)
    except (Unreachable, CredentialsError, NotTheAPI):
        raise
    except (MeshdoctorError, msgspec.DecodeError):
        return None
