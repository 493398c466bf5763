"""The operator's own settings: `config.toml` in the settings folder (`meshdoctor info` names it).

theme = "light"            # dark, light; else what the terminal says
bell = false               # no bell on a new cause
[keys]
"app.go" = "semicolon,colon"   # the help screen (?) shows the ids; `go.home` and the like are the digits
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from meshdoctor.model.errors import UsageError


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `config.toml` may say."""

    theme: Literal["", "dark", "light"] = ""
    bell: bool = True
    title: bool = True
    keys: dict[str, str] = {}


def path() -> Path:
    """Where the settings are."""
    from platformdirs import user_config_path

    return user_config_path("meshdoctor") / "config.toml"


def read() -> Settings:
    """The settings, or the defaults where there is no file. Raises UsageError for one that does not fit."""
    place = path()
    try:
        return msgspec.convert(tomllib.loads(place.read_text("utf-8")), Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as why:
        raise UsageError(f"The settings in {place} cannot be used: {why}.", do="Mend the file, or move it away.") from why
