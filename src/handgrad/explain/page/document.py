"""The whole page: what the step came to, the way through the network, and the story's chapters, in both languages."""

from __future__ import annotations

import base64
import functools
import json
from html import escape
from pathlib import Path
from typing import Any

import handgrad
from handgrad.explain.equation import Equation
from handgrad.explain.page.arithmetic import EquationWriter
from handgrad.explain.page.figures import Gallery
from handgrad.explain.page.links import Links
from handgrad.explain.page.text import both, name, sentence, words
from handgrad.explain.story import Chapter, Formula, Picture, Sentence, Shape, Story
from handgrad.words import LANGUAGES, language, say

_HERE = Path(__file__).parent
_HOUSE = _HERE.parents[1] / "house.css"
_VERDICTS = {"explain_loss.answer_right": "good", "explain_loss.answer_wrong": "error"}
_MOVED = ("explain_update.moved", "explain_update.not_moved")
_WIDE = 6  # so many steps stand beside each other; more, one below the other
_NAMES = {"en": "English", "ko": "한국어"}


def page(story: Story, lang: str | None = None) -> str:
    """The story as one HTML file, opened in a language; the other is in it too."""
    lang = lang or language()
    links = Links(story)
    gallery = Gallery(story, links)
    opening = _opening(story, gallery)
    chapters = "\n".join(_chapter(chapter, links, gallery) for chapter in story.chapters)
    titles = {key: story.title.text(key) for key in LANGUAGES}
    data: dict[str, Any] = {
        "titles": titles,
        "pictures": gallery.data,
        "at": {key: say("explain_page.at", key, row="{row}", column="{column}") for key in LANGUAGES},
        "unit": {key: say("explain_page.unit", key, unit="{unit}") for key in LANGUAGES},
    }
    made_by = words("explain_page.made_by", version=handgrad.__version__)
    return f"""<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(titles[lang])}</title>
<style>
{_style()}</style>
</head>
<body class="handgrad explain">
<a class="skip" href="#story">{words("explain_page.skip")}</a>
<div class="sheet">
<header>
<div class="top"><p class="brand">handgrad {escape(handgrad.__version__)}</p>{_switch(lang)}</div>
<h1>{sentence(story.title)}</h1>
{opening}
</header>
{_map(story)}
<main id="story">
{chapters}
</main>
<footer><p>{made_by}</p></footer>
</div>
<script type="application/json" id="data">{_json(data)}</script>
<script>
{(_HERE / "page.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def frame(story: Story, lang: str | None = None) -> str:
    """The page for a notebook's output, in a frame of its own.

    A frame, and not a part of the notebook's own page: styles, fonts and anchors of the two stay apart, also where a
    notebook shows several stories, and the story scrolls in its own window instead of pushing the next cell away.
    """
    whole = escape(page(story, lang), quote=True)
    style = (
        "width:100%;height:45rem;max-height:90vh;resize:vertical;overflow:auto;"
        "border:1px solid rgba(128,128,128,.35);border-radius:.6rem"
    )
    title = escape(story.title.text(lang), quote=True)
    return f'<iframe srcdoc="{whole}" title="{title}" sandbox="allow-scripts allow-modals" style="{style}"></iframe>'


def _switch(lang: str) -> str:
    """The two languages, as radio buttons, which work without a script."""
    buttons = "".join(
        f'<label lang="{key}" class="choice"><input type="radio" name="language" value="{key}" id="language-{key}"'
        f"{' checked' if key == lang else ''}>{_NAMES[key]}</label>"
        for key in LANGUAGES
    )
    return f'<fieldset class="language"><legend class="unseen">Language · 언어</legend>{buttons}</fieldset>'


def _opening(story: Story, gallery: Gallery) -> str:
    """What a reader wants to know first: the picture, what the network made of it, and what the step changed."""
    blocks = [(chapter, block) for chapter in story.chapters for block in chapter.blocks]
    picture = next((b for c, b in blocks if isinstance(b, Picture) and b.kind == "image" and c.part == "input"), None)
    shares = next((b for c, b in blocks if isinstance(b, Picture) and b.kind == "bars" and c.part == "loss"), None)
    said = [b for _, b in blocks if isinstance(b, Sentence)]
    parts = [f'<p class="verdict {_VERDICTS[s.key]}">{sentence(s)}</p>' for s in said if s.key in _VERDICTS]
    parts += [gallery.figure(shares)] if shares is not None else []
    parts += [f'<p class="moved">{sentence(s)}</p>' for s in said if s.key in _MOVED]
    if picture is None and shares is None:
        return ""
    left = gallery.figure(picture) if picture is not None else ""
    kind = "opening" if left else "opening alone"
    return f'<div class="{kind}">{left}<div>{"".join(parts)}</div></div>'


def _map(story: Story) -> str:
    """The way through the network as a list of chapters: there, back, and the update."""
    there, back, end = (
        [chapter for chapter in story.chapters if chapter.part in parts]
        for parts in (("input", "forward", "loss"), ("backward",), ("update", "why"))
    )
    if len(there) < 2 or not back:
        return ""
    # Each step back stands below its own step forward: the layer's, the loss's, and the pixels below the input.
    places = {_place(chapter): i for i, chapter in enumerate(there, 1)}
    lists = []
    for row, chapters in (("there", there), ("back", back), ("end", end)):
        steps = "".join(f'<li style="{_at(chapter, places)}">{_step(chapter)}</li>' for chapter in chapters)
        lists.append(f'<ol class="{row}">{steps}</ol>' if steps else "")
    size = " long" if len(there) > _WIDE else ""
    heading = f'<h2 id="way">{words("explain_page.way")}</h2>'
    return f'<nav class="map{size}" aria-labelledby="way">{heading}<div class="grid">{"".join(lists)}</div></nav>'


def _at(chapter: Chapter, places: dict[str, int]) -> str:
    """The column of a step; the way back through softmax and loss is one step, below both."""
    if chapter.key == "backward-loss" and "softmax" in places:
        return f"--i:{places['softmax']};--n:2"
    return f"--i:{places.get(_place(chapter), 1)}"


def _place(chapter: Chapter) -> str:
    """What a step and its way back have in common."""
    if chapter.part in ("input", "loss") or chapter.key in ("backward-input", "backward-loss"):
        return chapter.key.removeprefix("backward-")
    return chapter.layer


def _step(chapter: Chapter) -> str:
    """One box of the way: the layer's name and kind, or the chapter's title."""
    label = escape(chapter.layer) if chapter.layer and chapter.part in ("forward", "backward") else ""
    if not label:
        label = {"softmax": "softmax", "loss": words("explain_page.loss"), "backward-loss": words("explain_page.loss"),
                 "backward-input": words("explain_page.pixels"), "update": words("explain_page.update"),
                 }.get(chapter.key, sentence(chapter.title))  # fmt: skip
    size = " × ".join(map(str, chapter.shapes[-1].shape[1:])) if chapter.part in ("input", "forward") else ""
    small = " · ".join(part for part in (escape(chapter.kind), size) if part)
    return f'<a class="{chapter.part}" href="#{chapter.key}"><b>{label}</b><small>{small}</small></a>'


def _chapter(chapter: Chapter, links: Links, gallery: Gallery) -> str:
    writer = EquationWriter(links, chapter.key)
    parts = [f'<p class="about">{sentence(said)}</p>' for said in chapter.about]
    if chapter.formulas:
        formulas = "".join(f'<div class="formula">{_formula(formula)}</div>' for formula in chapter.formulas)
        parts.append(f'<div class="formulas">{formulas}{_shapes(chapter.shapes)}</div>')
    count, pictures = 0, 0
    for i, block in enumerate(chapter.blocks):
        if isinstance(block, Sentence):
            parts.append(f"<p>{sentence(block)}</p>")
        elif isinstance(block, Equation):
            parts.append(writer.equation(block, count))
            count += 1
        else:
            row = isinstance(block, Picture) and block.kind == "image"
            neighbours = [b for b in chapter.blocks[i - 1 : i + 2] if isinstance(b, Picture) and b.kind == "image"]
            several = row and len(neighbours) > 1
            if several and not pictures:
                parts.append('<div class="gallery">')
            parts.append(gallery.numbers(block) if row and chapter.part == "input" else gallery.figure(block))
            pictures = pictures + 1 if several else 0
            last = i + 1 == len(chapter.blocks) or not isinstance(chapter.blocks[i + 1], Picture)
            if several and last:
                parts.append("</div>")
                pictures = 0
    body = "\n".join(parts)
    return (
        f'<details open class="chapter {chapter.part}" id="{chapter.key}">'
        f"<summary><h2>{sentence(chapter.title)}</h2></summary>\n{body}\n</details>"
    )


def _formula(formula: Formula) -> str:
    """As KaTeX set it; one that it was not given, as plain text."""
    set_ = _formulas().get(formula.tex)
    return set_ if set_ is not None else f"<code>{escape(formula.text)}</code>"


def _shapes(shapes: tuple[Shape, ...]) -> str:
    if not shapes:
        return ""
    one = both(lambda lang: escape(say("explain.scalar", lang)))
    items = "".join(
        f"<li>{name(shape.symbol)} <span>{' × '.join(map(str, shape.shape)) or one}</span></li>" for shape in shapes
    )
    return f'<ul class="shapes" aria-label="shapes">{items}</ul>'


def _json(data: dict[str, Any]) -> str:
    """JSON that no script element ends in the middle of."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@functools.cache
def _formulas() -> dict[str, str]:
    """TeX -> HTML, made by tools/typeset_formulas.py."""
    return dict(json.loads((_HERE / "katex/formulas.json").read_text(encoding="utf-8")))


@functools.cache
def _style() -> str:
    """The house's style, KaTeX's with its fonts, and the page's own."""
    faces = []
    for path in sorted((_HERE / "katex").glob("*.woff2")):
        family, _, face = path.stem.partition("-")
        style = "italic" if face == "Italic" else "normal"
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        faces.append(
            f"@font-face{{font-family:{family};font-style:{style};font-weight:400;"
            f'src:url(data:font/woff2;base64,{data}) format("woff2")}}\n'
        )
    notice = f"/* KaTeX\n{(_HERE / 'katex/LICENSE.txt').read_text(encoding='utf-8')}*/\n"
    files = (_HOUSE, _HERE / "katex/katex.css", _HERE / "page.css")
    house, katex, own = (path.read_text(encoding="utf-8") for path in files)
    return house + notice + "".join(faces) + katex + own
