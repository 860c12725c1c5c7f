"""An optimizer in the midst of a network's way back: right as it stands, and its mistakes by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

SAMPLE = Path(__file__).parents[1] / "dialects" / "samples_strangers" / "adam_within.py"
PLANTED = {
    "": ("", "", []),
    "not squared": ("0.01 * g * g", "0.01 * g", ["optimizer-not-squared"]),
    "one correction": ("self.first[k] / (1 - 0.9**self.steps)", "self.first[k]", ["optimizer-bias-half"]),
    "mean upside down": ("self.first[k] + 0.1 * g", "self.first[k] - 0.1 * g", ["sign-flipped"]),
}


@pytest.mark.parametrize("name", PLANTED)
def test_an_optimizer_amid_the_way_back_is_held_against_its_definition(name: str, tmp_path: Path) -> None:
    old, new, wanted = PLANTED[name]
    path = tmp_path / "net.py"
    path.write_text(SAMPLE.read_text(encoding="utf-8").replace(old, new) if old else SAMPLE.read_text(encoding="utf-8"))
    answer = audit_file({"path": str(path)})
    assert [one["code"] for one in answer["findings"] if one["severity"] == "error"] == wanted
