"""The operator's settings: read where they are, refused in one line where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshdoctor.commands import settings
from meshdoctor.model.errors import UsageError


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    settings.path().parent.mkdir(parents=True)
    return settings.path()


def test_no_file_means_defaults(place: Path) -> None:
    assert settings.read() == settings.Settings()


def test_what_the_file_says(place: Path) -> None:
    place.write_text('theme = "light"\nbell = false\n[keys]\n"app.go" = "semicolon"\n')
    assert settings.read() == settings.Settings(theme="light", bell=False, keys={"app.go": "semicolon"})


@pytest.mark.parametrize("text", ["theme = 'green'", "them = 'dark'", "= 3", "[keys]\n'app.go' = 7"])
def test_what_does_not_fit_names_the_file(place: Path, text: str) -> None:
    place.write_text(text)
    with pytest.raises(UsageError, match=r"config\.toml"):
        settings.read()
