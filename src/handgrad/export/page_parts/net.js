// The network, written by hand once more: the layers as they run after training, one sample at a time.
// Then what brings a drawing to the form of MNIST, pixel for pixel as `handgrad predict` does.
// The tests hold both against the library.

"use strict";

// -- the file that holds the network: safetensors, in base64

function readNet(base64) {
  const bytes = Uint8Array.from(atob(base64.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  const arrays = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, stop] = entry.data_offsets.map((offset) => offset + 8 + headerLength);
    const kind = entry.dtype === "F64" ? Float64Array : Float32Array;
    arrays[name] = new kind(bytes.buffer.slice(start, stop));
  }
  const layers = [];
  const open = (entries, prefix) => {
    for (const entry of entries) {
      const name = prefix + entry.name;
      if (entry.kind === "Sequential") open(entry.layers, name + ".");
      else layers.push({ ...entry, name, of: (what) => arrays[`${name}.${what}`] });
    }
  };
  open(JSON.parse(header.__metadata__.values).architecture.layers, "");
  return layers;
}

// -- the layers: x and what comes out are arrays of numbers

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

// The share of normally distributed numbers below z, by the Chebyshev series that the library uses.
function normalCdf(z) {
  const distance = Math.min(Math.abs(z), 40) * Math.sqrt(0.5);
  const t = 2 / (2 + distance);
  const u = 2 * t - 1;
  let [after, afterNext] = [0, 0];
  for (let k = NORMAL.length - 1; k > 0; k--) [after, afterNext] = [NORMAL[k] + 2 * u * after - afterNext, after];
  const upper = 0.5 * t * Math.exp(NORMAL[0] + u * after - afterNext - distance * distance);
  return z > 0 ? 1 - upper : upper;
}

function geluTanh(z) {
  const near = Math.min(Math.max(z, -10), 10);
  return z * 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (near + 0.044715 * near ** 3)));
}

function linear(x, layer) {
  const weight = layer.of("weight"), bias = layer.of("bias");
  const y = bias ? Float64Array.from(bias) : new Float64Array(layer.outputs);
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue; // most of a picture is black
    const row = i * layer.outputs;
    for (let j = 0; j < y.length; j++) y[j] += x[i] * weight[row + j];
  }
  return y;
}

function softmax(x) {
  const largest = Math.max(...x);
  const e = x.map((z) => Math.exp(z - largest));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((z) => z / sum);
}

function batchNorm(x, layer) {
  const [scale, shift, mean, variance] = ["scale", "shift", "running_mean", "running_var"].map(layer.of);
  return x.map((z, i) => (scale[i] * (z - mean[i])) / Math.sqrt(variance[i] + layer.eps) + shift[i]);
}

function layerNorm(x, layer) {
  const scale = layer.of("scale"), shift = layer.of("shift");
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, z) => sum + (z - mean) ** 2, 0) / x.length;
  return x.map((z, i) => (scale[i] * (z - mean)) / Math.sqrt(variance + layer.eps) + shift[i]);
}

const LAYERS = {
  Linear: linear,
  Sigmoid: (x) => x.map(sigmoid),
  Tanh: (x) => x.map(Math.tanh),
  ReLU: (x) => x.map((z) => Math.max(z, 0)),
  LeakyReLU: (x, layer) => x.map((z) => (z > 0 ? z : layer.slope * z)),
  ELU: (x, layer) => x.map((z) => (z > 0 ? z : layer.alpha * Math.expm1(z))),
  GELU: (x, layer) => x.map(layer.approximate === "tanh" ? geluTanh : (z) => z * normalCdf(z)),
  SiLU: (x) => x.map((z) => z * sigmoid(z)),
  Softplus: (x) => x.map((z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))),
  Softmax: softmax,
  Flatten: (x) => x,
  Dropout: (x) => x, // it drops nothing once the training is over
  BatchNorm: batchNorm,
  LayerNorm: layerNorm,
};

// What each layer gives for one sample, the last one's being the network's output.
function forward(layers, x) {
  const given = [];
  for (const layer of layers) given.push((x = LAYERS[layer.kind](x, layer)));
  return given;
}

// Outputs as they are where they are probabilities already, else their softmax.
function probabilities(layers, output) {
  const sum = output.reduce((a, b) => a + b, 0);
  const distribution = output.every((p) => p >= 0) && Math.abs(sum - 1) < 1e-3;
  return distribution || layers.at(-1).kind === "Sigmoid" ? output : softmax(output);
}

const toInput = (pixels) => Float64Array.from(pixels, (pixel) => Math.fround(pixel * Math.fround(1 / 255)));

// -- a drawing in the form of MNIST: bright ink on black paper that shows at every edge

const SIDE = 28, BOX = 20, FAINT = Math.fround(0.2);

function halfToEven(number) {
  const low = Math.floor(number);
  const rest = number - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

// grey: Uint8 pixels, row by row. Returns 28 x 28 pixels, or null where there is no ink.
function toMnist(grey, width) {
  const strongest = grey.reduce((a, b) => Math.max(a, b), 0);
  if (strongest < 12) return null;
  const ink = Float32Array.from(grey, (pixel) => pixel / strongest);
  let [top, bottom, left, right] = [Infinity, 0, Infinity, 0];
  ink.forEach((value, place) => {
    if (value <= FAINT) return;
    const row = Math.floor(place / width), column = place % width;
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  const rows = [];
  for (let row = top; row <= bottom; row++) rows.push(ink.subarray(row * width + left, row * width + right + 1));
  return centred(fitted(rows));
}

// The ink at the size where its longer side is 20 pixels: along the rows first, then along the columns.
function fitted(rows) {
  const height = rows.length, width = rows[0].length;
  const scale = BOX / Math.max(height, width);
  const across = weightsFor(width, Math.max(1, halfToEven(width * scale)), scale < 1);
  const down = weightsFor(height, Math.max(1, halfToEven(height * scale)), scale < 1);
  const narrow = rows.map((row) => Float32Array.from(across, (parts) => weighted(parts, (i) => row[i])));
  return down.map((parts) =>
    Float32Array.from(narrow[0], (_, column) => weighted(parts, (i) => narrow[i][column])));
}

const weighted = (parts, at) => parts.weights.reduce((sum, weight, i) => sum + at(parts.first + i) * weight, 0);

// For each new pixel which old ones it averages, and how: all alike to shrink a picture, by distance to enlarge it.
function weightsFor(size, newSize, shrinks) {
  if (size === newSize) return Array.from({ length: size }, (_, i) => ({ first: i, weights: [1] }));
  const step = size / newSize;
  const reach = Math.max(step, 1);
  const support = shrinks ? 0.5 * reach : reach;
  const weight = shrinks ? (d) => (d > -0.5 && d <= 0.5 ? 1 : 0) : (d) => Math.max(0, 1 - Math.abs(d));
  return Array.from({ length: newSize }, (_, i) => {
    const centre = (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const stop = Math.min(size, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: stop - first }, (_, k) => weight((k + first - centre + 0.5) * (1 / reach)));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => w / sum) };
  });
}

// The ink placed in 28 x 28 with its centre of mass in the middle, its strongest pixel 255.
function centred(rows) {
  const offset = (masses) => {
    const total = masses.reduce((a, b) => a + b, 0);
    const centre = masses.reduce((sum, mass, i) => sum + mass * i, 0) / total;
    return Math.min(Math.max(Math.floor(SIDE / 2 - centre + 0.5), 0), SIDE - masses.length);
  };
  const top = offset(rows.map((row) => row.reduce((a, b) => a + b, 0)));
  const left = offset(Array.from(rows[0], (_, column) => rows.reduce((sum, row) => sum + row[column], 0)));
  const strongest = Math.max(...rows.map((row) => Math.max(...row)));
  const picture = new Uint8Array(SIDE * SIDE);
  rows.forEach((row, y) => row.forEach((value, x) => {
    picture[(top + y) * SIDE + left + x] = halfToEven(Math.fround(Math.fround(value / strongest) * 255));
  }));
  return picture;
}
