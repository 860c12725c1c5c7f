"""The report as one HTML page that loads nothing: light and dark, for a window, a phone, paper and a screen reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from handgrad.audit.findings import Finding
from handgrad.audit.report.diff import kinds
from handgrad.audit.report.excerpt import Line, cell_of, excerpt, notebook_cells, place, shown, source_lines
from handgrad.audit.report.figures import Figure, figures, number
from handgrad.audit.report.proof import picture, sentence
from handgrad.audit.report.report import Report, Unaudited
from handgrad.audit.report.terminal import counts, facts, known_as
from handgrad.words import language, say

# The house's style and this page's own.
_STYLES = (Path(__file__).parents[2] / "house.css", Path(__file__).with_name("page.css"))
_MOST_LINES = 3000  # of a file's own lines; a longer file is shown in its findings only
_DECADES = 3  # a bar shows factors from 1/1000 to 1000
_CLASSES = {"head": "heading", "same": ""}  # of the lines of a diff, where the name of the kind is not the class


def page(reports: Sequence[Report | Unaudited], lang: str | None = None) -> str:
    """A whole page with all reports, in a language."""
    import handgrad

    lang = lang or language()
    single = reports[0] if len(reports) == 1 else None
    title = (
        say("audit.page_title", lang, file=_name(single))
        if single is not None
        else say("audit.page_several", lang, count=len(reports))
    )
    head = [f'<p class="brand">handgrad {escape(handgrad.__version__)}</p>', f"<h1>{escape(title)}</h1>"]
    if single is not None:
        head += _opening(single, lang)
    body = [_section(report, lang, i if single is None else None) for i, report in enumerate(reports, 1)]
    foot = escape(say("audit.page_made_by", lang, version=handgrad.__version__))
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n"
        f'<body class="handgrad" lang="{lang}">\n<div class="sheet">\n<header>\n{_joined(head)}\n</header>\n'
        f"<main>\n{_joined(body)}\n</main>\n<footer><p>{foot}</p></footer>\n</div>\n</body>\n</html>\n"
    )


def fragment(report: Report, lang: str | None = None) -> str:
    """One report for a notebook's output, without the file's whole text."""
    lang = lang or language()
    parts = [
        f"<style>{_style()}</style>",
        f'<h2 style="margin-top:0">{escape(_name(report))}</h2>',
        *_opening(report, lang),
        *(_finding(finding, lang, "") for finding in report.findings),
        *_checked(report, lang),
    ]
    return f'<div class="handgrad inline" lang="{lang}">{_joined(parts)}</div>'


def _style() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in _STYLES)


def _opening(report: Report | Unaudited, lang: str) -> Iterator[str]:
    """The verdict, and which network it is."""
    if isinstance(report, Unaudited):
        yield f'<p class="verdict warning">{escape(say("audit.page_unaudited", lang))}</p>'
        yield f"<p>{escape(report.reason)}</p>"
        return
    errors, warnings, _ = counts(report)
    tone, key = ("error", "errors") if errors else ("warning", "warnings") if warnings else ("good", "ok")
    verdict = say(f"audit.page_verdict_{key}", lang, errors=errors, warnings=warnings)
    yield f'<p class="verdict {tone}">{escape(verdict)}</p>'
    if report.subject.get("dialect"):
        yield f'<p class="network">{escape(known_as(report.subject, lang))}</p>'


def _section(report: Report | Unaudited, lang: str, index: int | None) -> str:
    """One report; `index` counts them where there are several."""
    stem = f"file-{index}-" if index is not None else ""
    parts = []
    if index is not None:
        parts += [f'<h2 id="{stem}name">{escape(_name(report))}</h2>', *_opening(report, lang)]
    if isinstance(report, Report):
        found = [_finding(finding, lang, f"{stem}finding-{i}") for i, finding in enumerate(report.findings, 1)]
        parts += [f"<h3>{escape(say('audit.page_findings', lang))}</h3>", *found] if found else []
        parts += _proof(report, lang)
        parts += _checked(report, lang)
        parts += _source(report, lang, stem)
    label = f' aria-labelledby="{stem}name"' if index is not None else ""
    return f"<section{label}>\n{_joined(parts)}\n</section>"


def _finding(finding: Finding, lang: str, name: str) -> str:
    where = place(finding, lang)
    severity = escape(say(f"audit.{finding.severity}", lang))
    head = f'<h4><span class="severity">{severity}</span> <code>{escape(finding.code)}</code></h4>'
    head += f'<p class="place">{escape(where)}</p>' if where else ""
    parts = [
        f'<div class="head">{head}</div>',
        f'<p class="cause">{escape(finding.cause(lang))}</p>',
        f'<p class="remedy">{_label(finding, lang)}{escape(finding.remedy(lang))}</p>',
    ]
    code = excerpt(finding, around=3)
    if code:
        parts.append(_figure(say("audit.page_code", lang), _listing(code, lang)))
    parts += _figures(figures(finding), lang)
    if finding.patch:
        rows = [(_CLASSES.get(kind, kind), line) for kind, line in kinds(finding.patch)]
        lines = "".join(f'<span class="row {kind}">{escape(line)}\n</span>' for kind, line in rows)
        listing = f'<pre class="diff" tabindex="0"><code>{lines}</code></pre>'
        parts.append(_figure(say("audit.page_patch", lang), listing))
    label = f' id="{name}"' if name else ""
    return f'<article class="finding {finding.severity}"{label}>\n{_joined(parts)}\n</article>'


def _label(finding: Finding, lang: str) -> str:
    """What stands before a remedy; a convention needs none."""
    return "" if finding.severity == "note" else f"<b>{escape(say('audit.page_remedy', lang))}</b> "


def _listing(lines: list[Line], lang: str) -> str:
    """Numbered lines; those that are meant are marked, for the eye and the ear."""
    here = f'<span class="unseen">{escape(say("audit.page_here", lang))}: </span>'
    rows = (
        f'<mark class="row" data-n="{line.number}">{here}{escape(line.text)}\n</mark>'
        if line.marked
        else f'<span class="row" data-n="{line.number}">{escape(line.text)}\n</span>'
        for line in lines
    )
    return f'<pre tabindex="0"><code>{"".join(rows)}</code></pre>'


def _figure(caption: str, inner: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{inner}</figure>"


def _figures(found: list[Figure], lang: str) -> Iterator[str]:
    """The numbers as a table, each with a bar that shows how far off it is."""
    if not found:
        return
    names = ("page_figures", "page_parameter", "page_measured", "page_expected", "page_off")
    caption, parameter, measured, expected, off = (escape(say(f"audit.{name}", lang)) for name in names)
    bars = [_bar(figure) for figure in found]
    # (heading, its class, the cells), of the columns that hold anything
    columns = [
        (parameter, "", [escape(figure.of) for figure in found]),
        (measured, "number", [escape(number(figure.measured)) for figure in found]),
        (expected, "number", [escape(number(figure.expected)) for figure in found]),
        (off, "off", bars),
    ]
    columns = [column for column in columns if any(column[2])]
    head = f'<th scope="col">{caption}</th>'
    head += "".join(f'<th scope="col"{_kind(kind)}>{name}</th>' for name, kind, _ in columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(figure.name(lang))}</th>'
        + "".join(f"<td{_kind(kind)}>{texts[i]}</td>" for _, kind, texts in columns)
        + "</tr>"
        for i, figure in enumerate(found)
    )
    yield (
        f'<table><caption class="unseen">{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _kind(kind: str) -> str:
    """Bars say what the numbers have said already: not to a screen reader."""
    return {"": "", "number": ' class="number"'}.get(kind, ' aria-hidden="true"')


def _bar(figure: Figure) -> str:
    """From the middle for a factor, on a logarithmic scale; from the left for a share that should be 0."""
    if figure.ratio is not None and figure.expected == 1:
        reach = max(-1.0, min(1.0, math.log10(figure.ratio) / _DECADES)) * 50
        return _filled(" centred", 50 + min(reach, 0), abs(reach))
    if figure.expected == 0 and isinstance(figure.measured, float) and 0 <= figure.measured <= 1:
        return _filled("", 0, 100 * figure.measured)
    return ""


def _filled(kind: str, left: float, width: float) -> str:
    return f'<span class="bar{kind}"><i style="left:{left:.1f}%;width:{width:.1f}%"></i></span>'


def _proof(report: Report, lang: str) -> Iterator[str]:
    """Two trainings as curves."""
    if report.proof is not None:
        yield f"<h3>{escape(say('audit.proof_title', lang))}</h3>"
        names = [f'<i class="{key}"></i>{escape(say(f"audit.proof_{key}", lang))}' for key in ("written", "mended")]
        yield f'<p class="legend">{" ".join(f"<span>{name}</span>" for name in names)}</p>'
        yield picture(report.proof, lang)
        yield f"<p>{escape(sentence(report.proof, lang))}</p>"


def _checked(report: Report, lang: str) -> Iterator[str]:
    """What was taken for what, and how much was compared."""
    found = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts(report.subject, lang))
    yield f"<h3>{escape(say('audit.page_found', lang))}</h3>"
    if found:
        yield f"<dl>{found}</dl>"
    errors, warnings, notes = counts(report)
    words = {"errors": errors, "warnings": warnings, "notes": notes, "checks": report.checks}
    yield f'<p class="network">{escape(say("audit.summary", lang, **words, seconds=f"{report.seconds:.2g}"))}</p>'


def _source(report: Report, lang: str, stem: str) -> Iterator[str]:
    """The whole file, folded, with every line marked that a finding is about."""
    file = str(report.subject.get("file", ""))
    listings = []
    for cell, lines in _texts(file):
        wanted = {f.line for f in report.findings if f.file == file and cell_of(f) == cell}
        listing = _listing([Line(i, text.expandtabs(4), i in wanted) for i, text in enumerate(lines, 1)], lang)
        name = f'<p class="cell">{escape(say("audit.page_cell", lang, cell=cell))}</p>' if cell is not None else ""
        listings.append(name + listing)
    if listings:
        summary = f"<summary>{escape(say('audit.page_source', lang))}</summary>"
        yield f'<details id="{stem}source">{summary}{_joined(listings)}</details>'


def _texts(file: str) -> list[tuple[int | None, list[str]]]:
    """(cell, lines): one of a file, one a cell of a notebook."""
    if file.endswith(".ipynb"):
        found: list[tuple[int | None, list[str]]] = [
            (i, text.split("\n")) for i, text in enumerate(notebook_cells(file), 1)
        ]
    else:
        lines = source_lines(file)
        found = [(None, lines)] if lines else []
    return found if sum(len(lines) for _, lines in found) <= _MOST_LINES else []


def _name(report: Report | Unaudited) -> str:
    return shown(report.file if isinstance(report, Unaudited) else str(report.subject.get("file", "")))


def _joined(parts: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(parts)
