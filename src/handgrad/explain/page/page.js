// Lights up what belongs together, and shows what was printed for a cell. It calculates nothing.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const pictures = all("svg[data-cells]").map((svg) => ({ svg, ...data.pictures[svg.dataset.cells] }));
  const language = () => document.documentElement.lang;
  const filled = (key, cell) => key.replace("*", cell);

  // Where each number is on the page, by its key: elements, and cells of pictures.
  const places = new Map();
  const put = (key, place) => places.set(key, [...(places.get(key) ?? []), place]);
  for (const element of all("[data-k]")) put(element.dataset.k, { element });
  for (const picture of pictures) {
    if (!picture.key) continue;
    for (let cell = 0; cell < picture.told.length; cell++) put(filled(picture.key, cell), { picture, cell });
  }
  const madeOf = new Map(); // key of a result -> keys of what it was worked out from
  for (const equation of all(".eq")) madeOf.set(equation.dataset.made, equation.dataset.of.split(" "));

  // -- lighting

  const clear = () => {
    for (const element of all(".lit, .from, .lit-row")) element.classList.remove("lit", "from", "lit-row");
    for (const ring of all(".ring, .halo")) ring.remove();
  };
  const box = ({ svg, columns, rows }, cell, kind) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const standing = svg.classList.contains("columns");
    const place = { x: cell % columns, y: Math.floor(cell / columns), width: 1, height: standing ? 60 : 1, class: kind };
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    return svg.appendChild(rect);
  };
  const mark = ({ element, picture, cell }, kind) => {
    if (picture) {
      box(picture, cell, `halo ${kind}`);
      box(picture, cell, `ring ${kind}`);
    }
    else {
      element.classList.add(kind);
      if (kind === "lit") element.closest("tr, li")?.classList.add("lit-row");
    }
  };
  const light = (here, keys, sources) => {
    clear();
    const others = new Set(sources.filter((source) => !new Set(keys).has(source)));
    for (const source of others) for (const place of places.get(source) ?? []) mark(place, "from");
    for (const key of keys) for (const place of places.get(key) ?? []) {
      mark(place, "lit");
      if (place.picture && place.picture.svg.closest("details") === here.closest("details")) tell(place.picture, place.cell);
    }
  };
  const sourcesOf = (key) => [
    ...(madeOf.get(key) ?? []),
    ...(places.get(key) ?? []).flatMap(({ picture, cell }) => picture?.of.map((source) => filled(source, cell)) ?? []),
  ];
  const lightNumber = (element) => light(element, [element.dataset.k], sourcesOf(element.dataset.k));
  const lightCell = (picture, cell) => {
    const together = picture.group === null ? [picture] : pictures.filter((other) => other.group === picture.group);
    const key = picture.key && filled(picture.key, cell);
    const keys = new Set(together.filter((other) => other.key).map((other) => filled(other.key, cell)));
    light(picture.svg, keys, key ? sourcesOf(key) : picture.of.map((source) => filled(source, cell)));
    for (const other of together) if (!other.key) mark({ picture: other, cell }, "lit");
    tell(picture, cell);
  };

  // -- telling

  const where = ({ rows, columns }, cell, lang) =>
    rows > 1
      ? data.at[lang].replace("{row}", Math.floor(cell / columns)).replace("{column}", cell % columns)
      : data.unit[lang].replace("{unit}", cell);
  const tell = (picture, cell) => {
    const readout = picture.svg.closest("figure").querySelector(".readout");
    readout.replaceChildren(
      ...Object.keys(data.at).map((lang) => {
        const span = document.createElement("span");
        span.lang = lang;
        span.textContent = where(picture, cell, lang);
        return span;
      }),
      " ",
    );
    const told = readout.appendChild(document.createElement("b"));
    // x[214] as a book sets it: the letter slanted, the index lowered.
    for (const piece of picture.told[cell].replaceAll("-", "−").split(/([a-zA-Z]+(?=\[))|(\[[\d,]+\])/)) {
      if (!piece) continue;
      const tag = piece.startsWith("[") ? "sub" : /^[a-zA-Z]+$/.test(piece) ? "i" : "";
      const text = tag === "sub" ? piece.slice(1, -1) : piece;
      if (tag) told.appendChild(document.createElement(tag)).textContent = text;
      else told.append(text);
    }
  };

  // -- pointing

  for (const element of all("[data-k]")) {
    element.addEventListener("pointerenter", () => lightNumber(element));
    element.addEventListener("pointerleave", () => again());
    element.addEventListener("focus", () => lightNumber(element));
    element.addEventListener("blur", clear);
  }
  // What has the keyboard's focus stays lit when the pointer leaves.
  const again = () => {
    clear();
    const focused = document.activeElement;
    if (focused?.dataset?.k && focused.matches(":focus-visible")) lightNumber(focused);
  };

  // -- cells under the pointer and under the arrow keys: one stop of the Tab key a picture

  for (const picture of pictures) {
    const { svg, columns, rows } = picture;
    let at = picture.start;
    const cellAt = (event) => {
      const frame = svg.getBoundingClientRect();
      const column = Math.floor(((event.clientX - frame.left) / frame.width) * columns);
      const row = Math.floor(((event.clientY - frame.top) / frame.height) * rows);
      return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
    };
    const cursor = (cell, focus) => {
      const old = svg.querySelector(".cursor");
      at = cell;
      const rect = box(picture, cell, "cursor"); // a new element each time, so that a screen reader reads it
      rect.setAttribute("role", "img");
      rect.setAttribute("tabindex", "0");
      rect.setAttribute("aria-label", `${where(picture, cell, language())}: ${picture.told[cell]}`);
      rect.addEventListener("focus", () => lightCell(picture, cell));
      rect.addEventListener("blur", clear);
      if (focus) rect.focus({ preventScroll: true });
      old?.remove();
    };
    svg.addEventListener("pointermove", (event) => lightCell(picture, cellAt(event)));
    svg.addEventListener("pointerdown", (event) => lightCell(picture, cellAt(event)));
    svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && again());
    svg.addEventListener("keydown", (event) => {
      const column = at % columns;
      const to = {
        ArrowLeft: column > 0 && at - 1, ArrowRight: column < columns - 1 && at + 1,
        ArrowUp: at >= columns && at - columns, ArrowDown: at + columns < rows * columns && at + columns,
        Home: at - column, End: at - column + columns - 1,
      }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (to !== false) cursor(to, true);
    });
    cursor(at, false);
    addEventListener("languagechosen", () => cursor(at, false));
  }

  // -- numbers under the arrow keys: one stop of the Tab key an equation or list

  for (const group of all(".eq, figure.bars ul")) {
    const numbers = all("[data-k]", group);
    const stop = (number) => numbers.forEach((other) => (other.tabIndex = other === number ? 0 : -1));
    if (numbers.length) stop(numbers.find((number) => number.closest(".result")) ?? numbers[0]);
    group.addEventListener("focusin", (event) => numbers.includes(event.target) && stop(event.target));
    group.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      const next = numbers[numbers.indexOf(document.activeElement) + step];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      next?.focus();
    });
  }

  // -- language, paper, links

  for (const choice of all('input[name="language"]')) {
    choice.addEventListener("change", () => {
      document.documentElement.lang = choice.value;
      document.title = data.titles[choice.value];
      dispatchEvent(new Event("languagechosen"));
    });
  }
  let folded = [];
  addEventListener("beforeprint", () => {
    clear();
    folded = all("details:not([open])");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    const details = target.closest("details");
    if (details) details.open = true;
    if (location.protocol !== "about:") return; // in a notebook's frame, "#..." would load the notebook itself
    event.preventDefault();
    target.scrollIntoView();
  });
})();
