"""Make what the page of `handgrad explain` ships of KaTeX: its style, its fonts, and every formula as KaTeX sets it.

    npm pack katex@0.19.1 && tar xzf katex-0.19.1.tgz
    python tools/typeset_formulas.py package

It needs Node.js. Run it when a formula in src/handgrad/explain/tell is new or changed; a test tells.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).parents[1] / "src/handgrad/explain"
# The faces that the formulas use; the others (calligraphic, Fraktur, ...) are left out.
FONTS = ("Main-Regular", "Math-Italic", "Size1-Regular", "Size2-Regular", "Size3-Regular", "Size4-Regular")
SETTER = """
import katex from KATEX;
let text = "";
for await (const part of process.stdin) text += part;
const set = tex => katex.renderToString(tex, { displayMode: true, throwOnError: true, strict: "error" });
console.log(JSON.stringify(JSON.parse(text).map(set)));
"""


def formulas() -> list[str]:
    """The TeX of every `Formula(text, tex)` that is written in the source."""
    found = set()
    for path in (ROOM / "tell").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Formula":
                found.add(ast.literal_eval(node.args[1]))
    return sorted(found)


def main(katex: Path) -> None:
    """Read an unpacked KaTeX, write page/katex."""
    target = ROOM / "page/katex"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    module = json.dumps((katex / "dist/katex.mjs").resolve().as_uri())
    program = ["node", "--input-type=module", "--eval", SETTER.replace("KATEX", module)]
    said = subprocess.run(program, input=json.dumps(formulas()), capture_output=True, text=True, check=True).stdout
    table = dict(zip(formulas(), json.loads(said), strict=True))
    text = json.dumps(table, ensure_ascii=False, indent=0) + "\n"
    (target / "formulas.json").write_text(text, encoding="utf-8")
    style = (katex / "dist/katex.min.css").read_text(encoding="utf-8")
    (target / "katex.css").write_text(re.sub(r"@font-face\{[^}]*\}", "", style) + "\n", encoding="utf-8")
    for font in FONTS:
        shutil.copy(katex / f"dist/fonts/KaTeX_{font}.woff2", target)
    shutil.copy(katex / "LICENSE", target / "LICENSE.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
