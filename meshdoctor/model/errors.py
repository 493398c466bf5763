"""What can go wrong before a diagnosis begins.

    MeshdoctorError
    ├── UsageError            exit 64: bad flag, unknown context, broken kubeconfig, nothing readable
    └── ClusterError          exit 3: the cluster could not be read
        ├── CredentialsError  the kubeconfig's credentials failed or expired
        ├── Unreachable       no connection, or it timed out
        ├── NotTheAPI         something else answers at that address
        └── NoIstio           a cluster, but no Istio in it

Each says what was observed, what it means and what to do.
"""

from __future__ import annotations


class MeshdoctorError(Exception):
    """An error that is told to the operator in one line. `observed`, `means` and `do` are sentences."""

    exit_code = 3

    def __init__(self, observed: str, means: str = "", do: str = "") -> None:
        self.observed, self.means, self.do = observed, means, do
        super().__init__(" ".join(part for part in (observed, means, do) if part))


class UsageError(MeshdoctorError):
    """The command line or the kubeconfig is wrong."""

    exit_code = 64


class ClusterError(MeshdoctorError):
    """The cluster could not be read."""


class CredentialsError(ClusterError):
    """The credentials failed, expired, or the command that makes them did."""


class Unreachable(ClusterError):
    """No connection to the API server."""


class NotTheAPI(ClusterError):
    """What answers is not a Kubernetes API server."""


class NoIstio(ClusterError):
    """The cluster answers, and has no Istio."""
