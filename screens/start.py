"""Starts the application, and leaves the terminal as it was."""

from __future__ import annotations

from meshdoctor.model.errors import UsageError
from screens.app import MeshdoctorApp
from screens.feed import Feed
from screens.keys import unknown
from screens.options import Options


def run(feed: Feed, *, options: Options | None = None) -> int:
    """Run the application until the operator leaves; the exit code."""
    import sys

    sys.setswitchinterval(0.001)  # keys are answered while rules run in a thread
    chosen = options or Options()
    if wrong := unknown(chosen.keys):
        raise UsageError(
            f"The settings give keys to what does not exist: {'; '.join(wrong)}.", do="The help screen (?) lists the ids."
        )
    app = MeshdoctorApp(feed, chosen)
    if chosen.title:
        sys.stdout.write("\x1b[22;2t")  # the terminal keeps its own title meanwhile
    try:
        return app.run() or 0
    finally:
        if chosen.title:
            sys.stdout.write("\x1b[23;2t")
            sys.stdout.flush()
