"""Score the audit on the museum of planted mistakes: detected, cause named, right line, false alarms, seconds.

python bench/museum.py                      # the exhibits that rules may be tuned on
python bench/museum.py --set all --write    # all sets, and the tables of docs/museum.md and docs/museum.ko.md
python bench/museum.py --only adam          # exhibits whose name holds a word
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/museum"))

from scores import Score, score_all  # noqa: E402

from museum import clean, planted  # noqa: E402 - it lives among the tests

PAGES = {"en": ROOT / "docs/museum.md", "ko": ROOT / "docs/museum.ko.md"}
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"


def main() -> None:
    """Score the chosen exhibits, print the tables and the misses, and write the pages if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("shown", "aside", "practice", "all"), default="shown")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="a word in the names of the exhibits")
    parser.add_argument("--aside-details", action="store_true", help="list the misses of the set aside as well")
    parser.add_argument("--write", action="store_true", help="write the tables into the docs; takes all sets")
    parser.add_argument("--json", type=Path, help="write every score but those of the set aside to this file")
    arguments = parser.parse_args()
    which = "all" if arguments.write else arguments.set
    exhibits = [e for e in (*planted(), *clean()) if arguments.only in e.name]
    exhibits = [e for e in exhibits if which in ("all", e.group)]
    scores = []
    with open(arguments.json or os.devnull, "w", encoding="utf-8", buffering=1) as log:
        for one in score_all(exhibits, arguments.jobs):
            scores.append(one)
            if arguments.aside_details or one.group != "aside":
                log.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
    details = [s for s in scores if arguments.aside_details or s.group != "aside"]
    print(tables(scores, "en"))
    print(misses(details))
    if arguments.write:
        for language, page in PAGES.items():
            _write(page, tables(scores, language) + "\n" + published(scores, language))


WORDS = {
    "en": {
        "set": "set", "mistakes": "planted mistakes", "detected": "detected", "named": "cause named",
        "placed": "right line",
        "clean": "clean nets", "alarms": "called wrong", "needless": "needless warning",
        "seconds": "seconds an audit (median, most)",
        "shown": "shown", "aside": "set aside",
        "practice": "practice", "family": "family", "dialect": "dialect", "failed": "not audited",
        "missed": "Misses", "none": "None.", "expected": "planted", "said": "said", "exhibit": "exhibit",
        "aside_missed": "Misses of the set aside, by mistake",
    },
    "ko": {
        "set": "묶음", "mistakes": "심은 실수", "detected": "알아챔", "named": "원인을 밝힘", "placed": "줄이 맞음",
        "clean": "옳은 신경망", "alarms": "틀렸다고 함", "needless": "쓸데없는 경고",
        "seconds": "검사 한 번에 걸린 초(중앙값, 최대)",
        "shown": "공개", "aside": "따로 둔 것",
        "practice": "연습", "family": "갈래", "dialect": "쓰는 방식", "failed": "검사하지 못함",
        "missed": "놓친 것", "none": "없습니다.", "expected": "심은 실수", "said": "검사가 한 말", "exhibit": "전시물",
        "aside_missed": "따로 둔 것 가운데 놓친 것, 실수별",
    },
}  # fmt: skip


def tables(scores: list[Score], language: str) -> str:
    """Markdown: the whole, by family, by dialect."""
    w = WORDS[language]
    lines = []
    wrong, own = [s for s in scores if s.family != "clean"], [s for s in scores if s.family == "clean"]
    columns = ("mistakes", "detected", "named", "placed", "clean", "alarms", "needless", "failed", "seconds")
    lines += _head([w["set"], *(w[c] for c in columns)])
    for name in ("shown", "aside", "practice"):
        planted_here = [s for s in wrong if s.group == name]
        clean_here = [s for s in own if s.group == name]
        if planted_here or clean_here:
            times = [s.seconds for s in (*planted_here, *clean_here)]
            failed = sum(s.failed for s in (*planted_here, *clean_here))
            cells = [
                str(len(planted_here)), *_rates(planted_here), str(len(clean_here)),
                str(sum(s.detected for s in clean_here)), str(sum(s.needless for s in clean_here)), str(failed),
                f"{statistics.median(times):.2f}, {max(times):.2f}",
            ]  # fmt: skip
            lines.append(_row([w[name], *cells]))
    wrong = [s for s in wrong if s.group != "practice"]
    for title, key in (("family", lambda s: s.family), ("dialect", lambda s: s.dialect)):
        lines += ["", *_head([w[title], *(w[c] for c in ("mistakes", "detected", "named", "placed"))])]
        lines += [_row([name, str(len(group)), *_rates(group)]) for name, group in _grouped(wrong, key)]
    return "\n".join(lines) + "\n"


def misses(scores: Iterable[Score]) -> str:
    """Every exhibit that was not named, not placed, or, being clean, was called wrong."""
    lines = []
    for s in scores:
        if s.family == "clean":
            what = (
                "called wrong"
                if s.detected
                else "needless warning"
                if s.needless
                else "not audited"
                if s.failed
                else ""
            )
        else:
            what = "missed" if not s.detected else "not named" if not s.named else "wrong line" if not s.placed else ""
        if what:
            lines.append(f"{what:17} {s.name}: {s.said}")
    return "\n".join(sorted(lines))


def published(scores: list[Score], language: str) -> str:
    """The misses for the page: of the shown set and the practice each, of the set aside only how many a mistake has."""
    w = WORDS[language]
    bad = [s for s in scores if _bad(s)]
    lines = [f"### {w['missed']}", ""]
    shown = [s for s in bad if s.group != "aside"]
    if shown:
        lines += _head([w["exhibit"], w["said"]])
        lines += [_row([f"`{s.name}`", s.said]) for s in shown]
    else:
        lines.append(w["none"])
    lines += ["", f"### {w['aside_missed']}", ""]
    aside = [s for s in bad if s.group == "aside"]
    counted = _grouped(aside, lambda s: s.name.partition("@")[0] if s.family != "clean" else w["clean"])
    lines.append(", ".join(f"{name} ({len(group)})" for name, group in counted) + "." if counted else w["none"])
    return "\n".join(lines) + "\n"


def _bad(s: Score) -> bool:
    return (s.detected or s.needless or s.failed) if s.family == "clean" else not (s.named and s.placed)


def _rates(scores: list[Score]) -> list[str]:
    n = len(scores)
    if not n:
        return ["", "", ""]
    return [f"{100 * sum(getattr(s, what) for s in scores) / n:.1f} %" for what in ("detected", "named", "placed")]


def _grouped(scores: Iterable[Score], key: Callable[[Score], str]) -> list[tuple[str, list[Score]]]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for s in scores:
        groups[key(s)].append(s)
    return sorted(groups.items())


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), "|" + "---|" * len(cells)]


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _write(page: Path, text: str) -> None:
    old = page.read_text(encoding="utf-8")
    new = re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n\n{text}\n{END}", old, flags=re.S)
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
