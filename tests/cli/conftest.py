"""A folder with small data, a finished run and a stopped one, and the command line to be called there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_cases import Call, call, tree, write_digits

from handgrad.train import Run, load_recipe


@pytest.fixture(name="call")
def _call() -> Call:
    return call


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits: 500 images; run: trained on them for an epoch; stopped: after 3 of 6 steps."""
    home = tmp_path_factory.mktemp("home")
    write_digits(home / "digits")
    recipe = load_recipe("default").change(data=str(home / "digits"), hidden=(16,), batch_size=100, epochs=1)
    done = Run.start(home / "run", recipe, thread_count=1)
    for _ in done.train():
        pass
    done.finish()
    stopped = Run.start(home / "stopped", recipe.change(epochs=2), thread_count=1)
    for record in stopped.train():
        if record.step == 7:
            stopped.interrupt()
            break
    return home


@pytest.fixture
def home(session_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That folder, as the place to call from; tests write nothing into it."""
    monkeypatch.chdir(session_home)
    monkeypatch.delenv("HANDGRAD_DATA", raising=False)
    before = tree(session_home)
    yield session_home
    assert tree(session_home) == before
