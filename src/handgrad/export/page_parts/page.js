// The page: paper and pen, what the network answers, and what it computes on the way. No network mathematics here.

"use strict";

const find = (id) => document.getElementById(id);
const ABOUT = JSON.parse(find("about").textContent);
const NET = readNet(find("net").textContent);
const SHOWN = NET.map((layer, i) => ({ layer, i })).filter(({ layer }) => !["Flatten", "Dropout"].includes(layer.kind));
const FIRST = NET.findIndex((layer) => layer.kind === "Linear");
const MARGIN = 20; // paper around the drawing, so that ink at its very edge is still ink on paper
const PEN = 22;
const paper = find("paper"), brush = paper.getContext("2d", { willReadFrequently: true });

let strokes = []; // each a list of points, or a test image of 28 x 28 pixels
let sampleNext = 0;
let last = null; // {input, given, chances} of what is on the paper
let language = ABOUT.language;

// -- words

function say(key, values = {}) {
  return ABOUT.words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = language;
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", button.dataset.lang === language);
  }
  find("intro").textContent = say("intro", { sizes: ABOUT.sizes });
  showCheck();
  show();
}

const number = (value) => (Object.is(Math.round(value * 100), -0) ? 0 : value).toFixed(2);
const percent = (value) => `${(100 * value).toFixed(1)}%`;

// -- the paper

function redraw() {
  brush.fillStyle = "#000";
  brush.fillRect(0, 0, 280, 280);
  brush.strokeStyle = brush.fillStyle = "#fff";
  brush.lineWidth = PEN;
  brush.lineCap = brush.lineJoin = "round";
  for (const stroke of strokes) {
    if (stroke.pixels) drawPixels(stroke.pixels);
    else drawStroke(stroke.points);
  }
  find("hint").hidden = strokes.length > 0;
  find("undo").disabled = find("clear").disabled = strokes.length === 0;
  look();
}

function drawStroke(points) {
  brush.beginPath();
  brush.moveTo(...points[0]);
  for (const point of points) brush.lineTo(...point);
  brush.stroke();
}

function drawPixels(pixels) {
  pixels.forEach((value, place) => {
    brush.fillStyle = `rgb(${value},${value},${value})`;
    brush.fillRect((place % SIDE) * 10, Math.floor(place / SIDE) * 10, 10, 10);
  });
  brush.fillStyle = "#fff";
}

// What is drawn, on a sheet with a margin: one number from 0 to 255 a pixel.
function sheet() {
  const width = 280 + 2 * MARGIN;
  const grey = new Uint8Array(width * width);
  const { data } = brush.getImageData(0, 0, 280, 280);
  for (let y = 0; y < 280; y++) {
    for (let x = 0; x < 280; x++) grey[(y + MARGIN) * width + x + MARGIN] = data[4 * (y * 280 + x)];
  }
  return { grey, width };
}

// -- the network's turn

function look() {
  // A test image has its form already; what is drawn is brought to it.
  const only = strokes.length === 1 && strokes[0].pixels;
  const { grey, width } = sheet();
  const pixels = only || (strokes.length ? toMnist(grey, width) : null);
  if (pixels) {
    const input = toInput(pixels);
    const given = forward(NET, input);
    last = { pixels, input, given, chances: probabilities(NET, given.at(-1)) };
  } else last = null;
  show();
}

function show() {
  const chances = last ? Array.from(last.chances) : ABOUT.classes.map(() => 0);
  const best = last ? chances.indexOf(Math.max(...chances)) : -1;
  find("best").textContent = last ? ABOUT.classes[best] : "–";
  find("best").classList.toggle("word", last !== null && ABOUT.classes[best].length > 2);
  find("sure").textContent = last ? percent(chances[best]) : "";
  [...find("bars").tBodies[0].rows].forEach((row, k) => {
    row.classList.toggle("top", k === best);
    row.querySelector(".fill").style.width = percent(chances[k]);
    row.querySelector(".percent").textContent = percent(chances[k]);
  });
  picture(find("seen"), (place) => (last ? [last.pixels[place], last.pixels[place], last.pixels[place], 255] : [0, 0, 0, 255]));
  showLayers();
  showUnit();
}

// Said aloud when a stroke ends, and not at every move of the pen.
function announce() {
  if (!last) return void (find("spoken").textContent = say("nothing"));
  const order = Array.from(last.chances.keys()).sort((a, b) => last.chances[b] - last.chances[a]);
  const [one, two] = order.map((k) => ({ name: ABOUT.classes[k], chance: percent(last.chances[k]) }));
  find("spoken").textContent = say("spoken", { one: one.name, p: one.chance, two: two.name, q: two.chance });
}

function picture(canvas, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  for (let place = 0; place < SIDE * SIDE; place++) image.data.set(colour(place), 4 * place);
  context.putImageData(image, 0, 0);
}

// -- inside

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  return ["--above", "--below"].map((name) => style.getPropertyValue(name).trim().split(" ").map(Number));
};

function showLayers() {
  const [above, below] = colours();
  SHOWN.forEach(({ layer, i }, row) => {
    const box = find("layers").children[row];
    const values = last ? Array.from(last.given[i]) : [];
    const count = layer.size;
    const largest = Math.max(...values.map(Math.abs), 1e-12);
    const positive = values.filter((value) => value > 0).length;
    const text = last ? say("layer_now", { count, positive, largest: number(Math.max(...values)) }) : say("layer", { count });
    box.querySelector("p").textContent = text;
    const canvas = box.querySelector("canvas");
    canvas.setAttribute("aria-label", `${layer.name}: ${text}`);
    const wide = box.clientWidth >= 640, scale = window.devicePixelRatio || 1;
    const columns = Math.min(wide ? 64 : 32, count), cell = (wide ? 14 : 10) * (count > 32 ? 1 : 2);
    const named = count === ABOUT.classes.length && ABOUT.classes.every((name) => name.length <= 2);
    const width = columns * cell, height = Math.ceil(count / columns) * cell + (named ? 18 : 0);
    canvas.style.width = `${width}px`;
    canvas.style.aspectRatio = `${width} / ${height}`;
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    for (let k = 0; k < count; k++) {
      const value = last ? values[k] : 0;
      const strength = Math.abs(value) / largest;
      context.fillStyle = `rgba(${(value < 0 ? below : above).join(",")},${strength})`;
      const x = (k % columns) * cell, y = Math.floor(k / columns) * cell;
      context.fillRect(x, y, cell - 1, cell - 1);
      context.strokeStyle = "rgba(128,128,128,.35)";
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, cell - 2, cell - 2);
      if (!named) continue;
      context.fillStyle = getComputedStyle(box).color;
      context.font = "13px system-ui, sans-serif";
      context.textAlign = "center";
      context.fillText(ABOUT.classes[k], x + cell / 2, cell + 14);
    }
  });
}

function showUnit() {
  const layer = NET[FIRST];
  if (!layer || layer.inputs !== SIDE * SIDE) return;
  const unit = Number(find("which").value) - 1;
  const weight = layer.of("weight");
  const column = Array.from({ length: layer.inputs }, (_, i) => weight[i * layer.outputs + unit]);
  const largest = Math.max(...column.map(Math.abs), 1e-12);
  const [above, below] = colours();
  picture(find("weights"), (place) => {
    const value = column[place];
    return [...(value < 0 ? below : above), (255 * Math.abs(value)) / largest];
  });
  find("weights").setAttribute("aria-label", say("weights", { unit: unit + 1 }));
  const value = last ? number(last.given[FIRST][unit]) : "–";
  find("value").textContent = say("unit_now", { unit: unit + 1, count: layer.outputs, value });
}

// -- the check that the page makes when it is opened: the library's outputs on some images lie inside

function check() {
  let off = 0;
  const expected = ABOUT.outputs;
  ABOUT.images.forEach((image, row) => {
    forward(NET, toInput(image)).at(-1).forEach((value, k) => (off = Math.max(off, Math.abs(value - expected[row][k]))));
  });
  return off;
}

function showCheck() {
  const good = ABOUT.off <= 1e-5 * Math.max(1, ...ABOUT.outputs.flat().map(Math.abs));
  const values = { count: ABOUT.images.length, off: ABOUT.off.toExponential(1).replace("-", "\u2011") };
  find("check").textContent = say(good ? "check" : "check_failed", values);
}

// -- hands: pointer, keys, buttons

const place = (event) => {
  const box = paper.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * 280, ((event.clientY - box.top) / box.height) * 280];
};
let waiting = false;

function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    redraw();
  });
}

function lift() {
  if (drawing === null) return;
  drawing = null;
  redraw();
  announce();
}

let drawing = null; // the pointer that draws
const cursor = { x: 140, y: 60, down: false };

function begin(point) {
  if (strokes.some((stroke) => stroke.pixels)) strokes = []; // a test image is not written over
  strokes.push({ points: [point] });
}

paper.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || drawing !== null) return;
  drawing = event.pointerId;
  paper.setPointerCapture(drawing);
  showPen(false);
  begin(place(event));
  redraw();
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawing) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const one of events.length ? events : [event]) strokes.at(-1).points.push(place(one));
  drawSoon();
});
for (const kind of ["pointerup", "pointercancel"]) {
  paper.addEventListener(kind, (event) => event.pointerId === drawing && lift());
}

function showPen(visible) {
  const pen = find("pen");
  pen.hidden = !visible;
  pen.classList.toggle("down", cursor.down);
  pen.style.left = `${(cursor.x / 280) * 100}%`;
  pen.style.top = `${(cursor.y / 280) * 100}%`;
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.key in MOVES) {
    const [dx, dy] = MOVES[event.key], step = event.shiftKey ? 3 : 10;
    cursor.x = Math.min(Math.max(cursor.x + dx * step, 0), 280);
    cursor.y = Math.min(Math.max(cursor.y + dy * step, 0), 280);
    if (cursor.down) {
      strokes.at(-1).points.push([cursor.x, cursor.y]);
      redraw();
    }
  } else if (event.key === " " || event.key === "Enter") {
    cursor.down = !cursor.down;
    if (cursor.down) {
      begin([cursor.x, cursor.y]);
      redraw();
      find("spoken").textContent = say("pen_down");
    } else announce();
  } else if (event.key === "Delete" || event.key === "Backspace") clear();
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
  else return;
  event.preventDefault();
  showPen(true);
});
paper.addEventListener("focus", () => paper.matches(":focus-visible") && showPen(true));
paper.addEventListener("blur", () => {
  cursor.down = false;
  showPen(false);
});

function clear() {
  cursor.down = false;
  strokes = [];
  redraw();
  announce();
}

function undo() {
  cursor.down = false;
  strokes.pop();
  redraw();
  announce();
}

find("clear").addEventListener("click", clear);
find("undo").addEventListener("click", undo);
find("sample").addEventListener("click", () => {
  strokes = [{ pixels: ABOUT.images[sampleNext++ % ABOUT.images.length] }];
  redraw();
  announce();
});
find("which").addEventListener("input", showUnit);
for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => speak(button.dataset.lang));
}
window.addEventListener("resize", showLayers);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

// -- what is built once

function build() {
  const bytes = Uint8Array.from(atob(ABOUT.images), (letter) => letter.charCodeAt(0));
  ABOUT.images = ABOUT.outputs.map((_, row) => bytes.subarray(row * SIDE * SIDE, (row + 1) * SIDE * SIDE));
  ABOUT.off = check();
  const given = forward(NET, new Float64Array(SIDE * SIDE));
  for (const { layer, i } of SHOWN) {
    layer.size = given[i].length;
    const box = document.createElement("div");
    box.className = "layer";
    const title = document.createElement("h3");
    title.textContent = layer.name === layer.kind ? layer.kind : `${layer.name} · ${layer.kind}`;
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    const text = document.createElement("p");
    text.className = "quiet";
    box.append(title, text, canvas);
    find("layers").append(box);
  }
  for (const name of ABOUT.classes) {
    const row = find("bars").tBodies[0].insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const bar = document.createElement("div"), track = document.createElement("div"), fill = document.createElement("span");
    const share = document.createElement("span");
    [bar.className, track.className, fill.className, share.className] = ["bar", "track", "fill", "percent"];
    track.setAttribute("aria-hidden", "true");
    track.append(fill);
    bar.append(track, share);
    row.append(head);
    row.insertCell().append(bar);
  }
  find("sample").hidden = !ABOUT.real;
  if (NET[FIRST]?.inputs === SIDE * SIDE) {
    find("unit").hidden = false;
    find("which").max = NET[FIRST].outputs;
  }
  const known = navigator.languages.map((name) => name.slice(0, 2)).find((name) => name in ABOUT.words);
  speak(known ?? language);
  redraw();
}

build();
