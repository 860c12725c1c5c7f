"""What was taken for what, told in Korean: the phrases change, the file's own names stay."""

from __future__ import annotations

import re

import pytest

from handgrad.audit.dialects.forms import BATCH, EACH
from handgrad.audit.dialects.layouts import LAYOUTS
from handgrad.audit.report.told import told


@pytest.mark.parametrize("form", [*BATCH, *EACH, *LAYOUTS], ids=lambda form: form.told)
def test_every_form_of_a_batch(form: object) -> None:
    note: str = form.told  # type: ignore[attr-defined]
    assert not re.search("[a-z]", told(note, "ko"))
    assert told(note, "en") == note


def test_phrases_within_phrases_and_names_between_them() -> None:
    assert told("the loop in line 97, with a learning rate of its own", "ko") == (
        "97번째 줄의 반복문, 학습률은 코드에 적힌 그대로"
    )
    assert told("theta -= lr * gradient, in place of Adam.step", "ko") == "theta -= lr * gradient (Adam.step 대신)"
    assert told("loop in train, lines 76-81", "ko") == "train의 반복문, 76-81번째 줄"
    assert told("none reported; its gradient is tried as that of squared error", "ko") == (
        "코드가 손실을 계산하지 않아, 기울기를 제곱 오차의 것으로 보고 검사"
    )
    assert told("params['W1'], layers[0].b", "ko") == "params['W1'], layers[0].b"
