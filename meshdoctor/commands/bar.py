"""A progress bar on stderr: what is being done, and how much of it. Only on a terminal; elsewhere the lines that matter."""

from __future__ import annotations

import sys
import threading
from typing import Any

from meshdoctor.model.text import plain


class Bar:
    """Call it with what is being done and the share that is done, 0 to 1; it is drawn after half a second."""

    def __init__(self, *, colour: bool) -> None:
        self._doing, self._share = "connecting", 0.0
        self._drawn: Any = None
        self._task: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(0.5, self._show)
        self._timer.daemon = True
        self._colour = colour
        if sys.stderr.isatty():
            self._timer.start()

    def __call__(self, doing: str, share: float) -> None:
        self._doing, self._share = plain(doing, 60), max(share, self._share)
        with self._lock:
            if self._drawn is not None:
                self._drawn.update(self._task, description=self._doing, completed=self._share)

    def say(self, line: str) -> None:
        """A line that stays, above the bar."""
        with self._lock:
            if self._drawn is not None:
                self._drawn.console.print(line, markup=False, highlight=False)
            else:
                print(line, file=sys.stderr, flush=True)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._timer.finished.is_set():
                return
            console = Console(stderr=True, no_color=not self._colour)
            columns = (
                TaskProgressColumn(),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._drawn = Progress(*columns, console=console, transient=True)
            self._task = self._drawn.add_task(self._doing, total=1.0, completed=self._share)
            self._drawn.start()

    def stop(self) -> None:
        """Take the bar away."""
        self._timer.cancel()
        with self._lock:
            if self._drawn is not None:
                self._drawn.stop()
