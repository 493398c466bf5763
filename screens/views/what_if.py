"""Who would break if a namespace were STRICT: the forecast, as text."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.istio.mutual.forecast import forecast
from meshdoctor.istio.mutual.wish import Wish
from meshdoctor.model.mesh import Mesh
from meshdoctor.reports import mtls_forecast
from screens.text import Run
from screens.threads import aside
from screens.views.asked import AskedText
from screens.widgets.rows import Row

ROLES = {"✖": "bad", "▲": "warn", "●": "ok", "○": "dim"}


class WhatIf(AskedText):
    """The forecast of one namespace, or of the mesh where it is the root namespace."""

    about = "What is foretold is what a change of the policy would do to new connections; open ones go on until they are drained."

    def __init__(self, mesh: Mesh, namespace: str) -> None:
        super().__init__()
        is_mesh = namespace == mesh.mesh_config.root_namespace
        self._mesh = mesh
        self._wish = Wish("mesh=STRICT", "STRICT") if is_mesh else Wish(f"{namespace}=STRICT", "STRICT", namespace)

    @property
    def what(self) -> str:
        return f"what if {self._wish.text}"

    @property
    def crumb(self) -> str:
        return self.what

    async def ask(self) -> str:
        width = self.app.size.width - 4
        return await aside(lambda: mtls_forecast.text(forecast(self._mesh, self._wish), width))

    def lines(self, text: str) -> Iterable[Row]:
        return (Row(f"{n}", (Run(line, ROLES.get(line[:1], "")),)) for n, line in enumerate(text.splitlines()))
