"""A file of somebody's own, explained in the audit's child process: its text becomes a network, a step, and a story."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.choosing import judged
from handgrad.audit.dialects import Reading
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.source import Program, read_program
from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.errors import InputError
from handgrad.explain.as_json import story_values
from handgrad.explain.board import DIGITS, FEW_TERMS, MOST_DIGITS
from handgrad.explain.page import page
from handgrad.explain.story import Sentence, Story
from handgrad.explain.strangers.by_lines import story_by_lines
from handgrad.explain.strangers.named import with_own
from handgrad.explain.strangers.other import with_off, with_other
from handgrad.explain.strangers.step import StrangersStep, strangers_step
from handgrad.explain.tell.whole import story_of
from handgrad.explain.terminal import story_lines


def explain_file(request: dict[str, Any]) -> dict[str, Any]:
    """The story of one step of the network in `request["path"]`, as lines, JSON values or a page.

    Args:
        request: path; images (B, 28, 28) from 0 to 255, labels, names and classes to show it, or None; the options of
            `story_of`; lang, width, and which of "lines", "values" and "page" to give back.

    Raises:
        DataError: where there is no network, or it cannot be told.
        InputError: no such layer, unit or weight.
    """
    program = read_program(request["path"])
    execution = program.execute()
    with program.guarded():
        reading, diagnosis = judged(program, execution.namespace)
        if diagnosis.identity is None and diagnosis.ok:
            story = _by_lines(program, reading, request)
        else:
            story = _story(program, reading, _step(program, reading, diagnosis, request, execution.namespace), request)
    lang = request["lang"]
    given: dict[str, Any] = {}
    if "lines" in request["wanted"]:
        given["lines"] = list(story_lines(story, lang=lang, width=request["width"]))
    if "values" in request["wanted"]:
        given["values"] = story_values(story, lang)
    if "page" in request["wanted"]:
        given["page"] = page(story)
    return given


def _step(
    program: Program, reading: Reading, diagnosis: Diagnosis, request: dict[str, Any], namespace: dict[str, Any]
) -> StrangersStep:
    images: Array | None = None
    if request.get("images") is not None:
        images = np.array(request["images"], np.float64) / 255
    labels = None if request.get("labels") is None else np.array(request["labels"])
    names, classes = tuple(request.get("names", ())), tuple(request.get("classes", ()))
    return strangers_step(
        program,
        reading,
        diagnosis,
        images,
        labels,
        names,
        classes,
        lambda own: _followed(request, own),
        namespace,
    )


def _followed(request: dict[str, Any], own: dict[str, str]) -> str | None:
    """The parameter whose update is told: that of --why, the weights of --layer, or those of the first layer."""
    if request.get("why"):
        name = _translated(request["why"], own).rpartition("[")[0]
    else:
        name = f"{request['layer']}.weight" if request.get("layer") else next(iter(own))
    return name if name in own else None


def _by_lines(program: Program, reading: Reading, request: dict[str, Any]) -> Story:
    """The statements themselves, where nobody knows which layers they are."""
    for option in ("layer", "unit", "why"):
        if request.get(option) is not None:
            raise InputError("explain_file.no_layers", option=f"--{option}", file=str(program.path))
    terms, digits = request.get("terms"), request.get("digits", DIGITS)
    written = FEW_TERMS if terms is None else positive_int(terms, "terms")
    return story_by_lines(program, reading, written, positive_int(digits, "digits", MOST_DIGITS))


def _story(program: Program, reading: Reading, step: StrangersStep, request: dict[str, Any]) -> Story:
    """The twin's story, with the file's own names, its lines, and how well the two agree."""
    options = {name: request[name] for name in ("layer", "unit", "why", "terms", "digits") if name in request}
    if options.get("why"):
        options["why"] = _translated(options["why"], step.parameters)
        asked, bracket, _ = options["why"].rpartition("[")
        if bracket and asked.strip() not in step.parameters:
            names = ", ".join(step.parameters.values())
            raise InputError("explain_why.no_parameter", got=asked.strip(), names=names)
    story = story_of(step.moment, **options)
    made = reading.invented or reading.facts.get("parameters") == "w and b of two layers"
    key = "explain_file.recognised_made" if made else "explain_file.recognised"
    opening = [Sentence(key, {"dialect": reading.dialect, "net": _net(step)})]
    if step.single and step.digits:
        opening.append(Sentence("explain_file.single", {"name": step.single, "digits": step.digits}))
    elif step.digits:
        opening.append(Sentence("explain_file.agrees", {"digits": step.digits}))
    else:
        opening.append(Sentence("explain_file.wrong_somewhere", {"file": program.path.name}))
    if step.times != 1:
        opening.append(Sentence("explain_file.convention", {"times": f"{step.times:g}"}))
    if step.penalty:
        opening.append(Sentence("explain_file.penalty", {"value": f"{step.penalty:.4g}"}))
    if not step.updated:
        opening.append(Sentence("explain_file.no_update"))
    digits = options.get("digits", DIGITS)
    chapters = [with_other(program, with_own(program, one, step), step.own, digits) for one in story.chapters]
    chapters = [with_off(chapter, step.off, program.path.name, digits) for chapter in chapters]
    if chapters:
        about = [sentence for sentence in chapters[0].about if sentence.key != "explain.when_after"]
        chapters[0] = replace(chapters[0], about=(*opening, *about))
    return replace(story, chapters=tuple(chapters), facts=story.facts | {"file": str(program.path)})


def _net(step: StrangersStep) -> str:
    """784 -> 64 -> relu -> 10."""
    parts: list[str] = []
    for note in step.moment.trace.layers:
        if "Linear" in note.kinds:
            inputs, outputs = note.parameters["weight"].shape
            parts += [str(inputs)] * (not parts) + [str(outputs)]
        else:
            parts.append(type(note.layer).__name__)
    return " → ".join(parts)


def _translated(why: str, parameters: dict[str, str]) -> str:
    """W1[3,4] -> fc1.weight[3,4]: the file's own names are understood too."""
    name, bracket, index = why.rpartition("[")
    own = {theirs: ours for ours, theirs in parameters.items()}
    return own.get(name.strip(), name) + bracket + index
