// What the player's drawing needs of a browser, for V8 alone: canvases that write down what is drawn on them.
//
// A canvas is a recording: a list of operations that Python replays (seda/export/drawing/recording.py tells their forms). Transforms
// and styles are numbered once; a canvas that is drawn on another one is named by its recording and by how much of it there is.

/**
 * @typedef {[number, number, number, number, number, number]} Matrix
 * @typedef {string | Gradient} Paint
 * @typedef {(string | number | number[])[]} Op  its kind, and what that takes
 * @typedef {{fillStyle: Paint, strokeStyle: Paint, lineWidth: number, lineCap: string, lineJoin: string, dash: number[], globalAlpha: number,
 *   font: string, textAlign: string, textBaseline: string, direction: string, filter: string, matrix: Matrix,
 *   imageSmoothingEnabled: boolean, imageSmoothingQuality: string}} Style  what a context saves and restores
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Pixels
 */

/** @type {Map<string, number>} */
var measured = new Map(); // "font\ntext" to its width, told by Python
/** @type {Set<string>} */
var unmeasured = new Set(); // asked for, and not known yet
/** @type {{[source: string]: [number, number]}} */
var pictureSizes = {}; // by the source of a picture: [width, height]
var devicePixelRatio = 1; // pictures are drawn in px of the page; how dense they become is decided when they are replayed
var window = globalThis;
var performance = { now: () => 0 };
var requestAnimationFrame = () => 0, cancelAnimationFrame = () => {};

class Table {
  constructor() {
    /** @type {Map<string, number>} */ this.numbers = new Map();
    /** @type {unknown[]} */ this.fresh = [];
  }

  /** @param {unknown} value */
  number(value) {
    const key = JSON.stringify(value);
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(key, number);
      this.fresh.push(value);
    }
    return number;
  }

  take() {
    const fresh = this.fresh;
    this.fresh = [];
    return fresh;
  }
}

const transforms = new Table(), styles = new Table();
let recordings = 0;

class Recording {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.id = recordings++;
    this.width = width;
    this.height = height;
    /** @type {Op[]} */ this.ops = [];
    this.sent = 0;
    /** @type {Set<Recording>} */ this.parts = new Set(); // other recordings that are drawn on this one
  }
}

// Numbers of a path: 0 x y moves, 1 x y a line, 2 and six a curve, 3 closes, 4 x y radius from to an arc, 5 x y w h radius a rectangle.
class Outline {
  constructor() {
    /** @type {number[]} */ this.path = [];
    this.begun = false;
  }
  /** @param {number} x @param {number} y */
  moveTo(x, y) { this.path.push(0, x, y); this.begun = true; }
  /** @param {number} x @param {number} y */
  lineTo(x, y) { this.path.push(this.begun ? 1 : 0, x, y); this.begun = true; }
  /** @param {number} a @param {number} b @param {number} c @param {number} d @param {number} e @param {number} f */
  bezierCurveTo(a, b, c, d, e, f) { this.path.push(2, a, b, c, d, e, f); }
  closePath() { this.path.push(3); }
  /** @param {number} x @param {number} y @param {number} radius @param {number} from @param {number} to */
  arc(x, y, radius, from, to) { this.path.push(4, x, y, radius, from, to); this.begun = true; }
  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  rect(x, y, width, height) { this.path.push(5, x, y, width, height, 0); this.begun = true; }
  /** @param {number} x @param {number} y @param {number} width @param {number} height @param {number} radius */
  roundRect(x, y, width, height, radius) { this.path.push(5, x, y, width, height, radius); this.begun = true; }
}
var Path2D = Outline;

class Gradient {
  /** @param {number[]} circles */
  constructor(circles) {
    this.circles = circles;
    /** @type {[number, string][]} */ this.stops = [];
  }
  /** @param {number} at @param {string} color */
  addColorStop(at, color) { this.stops.push([at, color]); }
  toJSON() { return { circles: this.circles, stops: this.stops }; }
}

/** @type {Style} */
const CALM = {
  fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, lineCap: "butt", lineJoin: "miter", dash: [], globalAlpha: 1, font: "10px sans-serif",
  textAlign: "left", textBaseline: "alphabetic", direction: "ltr", filter: "none", matrix: [1, 0, 0, 1, 0, 0],
  imageSmoothingEnabled: true, imageSmoothingQuality: "low",
};

const STYLE_NAMES = /** @type {(keyof Style)[]} */ (Object.keys(CALM));

class Context extends Outline {
  fillStyle = CALM.fillStyle;
  strokeStyle = CALM.strokeStyle;
  lineWidth = CALM.lineWidth;
  lineCap = CALM.lineCap;
  lineJoin = CALM.lineJoin;
  dash = CALM.dash;
  globalAlpha = CALM.globalAlpha;
  font = CALM.font;
  textAlign = CALM.textAlign;
  textBaseline = CALM.textBaseline;
  direction = CALM.direction;
  filter = CALM.filter;
  matrix = CALM.matrix;
  imageSmoothingEnabled = CALM.imageSmoothingEnabled;
  imageSmoothingQuality = CALM.imageSmoothingQuality;
  /** @type {Style[]} */ stack = [];
  /** @type {number[]} */ path = [];

  /** @param {Canvas} canvas */
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.renew();
  }

  renew() {
    Object.assign(this, CALM);
    this.stack = [];
    this.beginPath();
  }

  beginPath() {
    this.path = [];
    this.begun = false;
  }

  save() {
    this.stack.push(/** @type {Style} */ (Object.fromEntries(STYLE_NAMES.map((name) => [name, this[name]]))));
    this.write(6);
  }

  restore() {
    const before = this.stack.pop();
    if (!before) return;
    Object.assign(this, before);
    this.write(7);
  }

  /** @param {Matrix} matrix */
  setTransform(...matrix) { this.matrix = matrix; }
  /** @param {number} x @param {number} y */
  scale(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    this.matrix = [a * x, b * x, c * y, d * y, e, f];
  }
  /** @param {number} x @param {number} y */
  translate(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    this.matrix = [a, b, c, d, e + a * x + c * y, f + b * x + d * y];
  }
  /** @param {number[]} dash */
  setLineDash(dash) { this.dash = dash; }
  /** @param {number[]} circles */
  createRadialGradient(...circles) { return new Gradient(circles); }

  /** @param {Op} op */
  write(...op) { this.canvas.recording.ops.push(op); }
  get turn() { return transforms.number(this.matrix); }
  /** @param {object} [more] */
  filling(more) { return styles.number({ color: this.fillStyle, alpha: this.globalAlpha, ...more }); }
  /** @param {object} [more] */
  stroking(more) {
    const { strokeStyle: color, globalAlpha: alpha, lineWidth: width, lineCap: cap, lineJoin: join, dash } = this;
    return styles.number({ color, alpha, width, cap, join, dash, ...more });
  }
  get lettering() {
    const { font, textAlign, textBaseline, direction } = this;
    return { font, textAlign, textBaseline, direction };
  }

  /** @param {Outline} outline */
  fill(outline = this) { if (outline.path.length) this.write(0, this.turn, this.filling(), outline.path); }
  /** @param {Outline} outline */
  stroke(outline = this) { if (outline.path.length) this.write(1, this.turn, this.stroking(), outline.path); }
  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  fillRect(x, y, width, height) { this.write(0, this.turn, this.filling(), [5, x, y, width, height, 0]); }
  clip() { this.write(5, this.turn, this.path); }
  /** @param {string} text @param {number} x @param {number} y */
  fillText(text, x, y) { if (text) this.write(2, this.turn, this.filling(this.lettering), text, x, y); }
  /** @param {string} text @param {number} x @param {number} y */
  strokeText(text, x, y) { if (text) this.write(2, this.turn, this.stroking(this.lettering), text, x, y); }

  // Everything is cleared at once, nowhere a part.
  clearRect() { this.canvas.begin(); }

  /** @param {Canvas | InstanceType<typeof Image>} source @param {number[]} at */
  drawImage(source, ...at) {
    if (source instanceof Canvas) {
      const { recording } = source;
      const [x, y, width = source.width, height = source.height] = at;
      if (!recording.ops.length || !source.width || !source.height) return;
      this.canvas.recording.parts.add(recording);
      this.write(3, this.turn, this.globalAlpha, recording.id, recording.ops.length, x, y, width / source.width, height / source.height);
    } else {
      this.write(4, this.turn, this.globalAlpha, this.filter === "none" ? 0 : 1, source.src, ...at);
    }
  }

  /** @param {number} width @param {number} height @returns {Pixels} */
  createImageData(width, height) { return { width, height, data: new Uint8ClampedArray(4 * width * height) }; }
  /** @param {Pixels} pixels @param {number} x @param {number} y */
  putImageData({ width, height, data }, x, y) { this.write(8, x, y, width, height, Array.from(data)); }

  // A colour that is looked up: the one pixel that was filled last.
  getImageData() { return { data: rgbOf(/** @type {string} */ (this.fillStyle)) }; }

  /** @param {string} text */
  measureText(text) {
    if (!text) return { width: 0 };
    const key = `${this.font}\n${text}`;
    const width = measured.get(key);
    if (width === undefined) unmeasured.add(key);
    return { width: width ?? 0.5 * parseFloat(this.font.split(" ")[1]) * text.length };
  }
}

/** @param {string} color */
function rgbOf(color) {
  const hex = /^#(..)(..)(..)$/.exec(color);
  if (hex) return hex.slice(1).map((part) => parseInt(part, 16));
  const short = /^#(.)(.)(.)$/.exec(color);
  if (short) return short.slice(1).map((part) => 17 * parseInt(part, 16));
  return (color.match(/[\d.]+/g) ?? [136, 136, 136]).slice(0, 3).map(Number);
}

class Canvas {
  #width = 300;
  #height = 150;
  /** @type {Context | null} */ #context = null;
  constructor() { this.recording = new Recording(this.#width, this.#height); }
  get width() { return this.#width; }
  get height() { return this.#height; }
  set width(value) { this.#width = value; this.#resized(); }
  set height(value) { this.#height = value; this.#resized(); }
  #resized() { this.begin(); this.#context?.renew(); }
  begin() { this.recording = new Recording(this.#width, this.#height); }
  getContext() { return (this.#context ??= new Context(this)); }
  setAttribute() {}
  append() {}
  addEventListener() {}
}

class Element {
  constructor() { this.style = { setProperty() {} }; }
  setAttribute() {}
  append() {}
  addEventListener() {}
  replaceChildren() {}
}

var document = {
  /** @param {string} tag */
  createElement: (tag) => (tag === "canvas" ? new Canvas() : new Element()),
  createElementNS: () => new Element(),
};

var Image = class {
  source = "";
  naturalWidth = 0;
  naturalHeight = 0;
  set src(source) {
    this.source = source;
    [this.naturalWidth, this.naturalHeight] = pictureSizes[source] ?? [0, 0];
  }
  get src() { return this.source; }
  get complete() { return true; }
  addEventListener() {} // it is there at once
};

/** @template T @param {{colors: T}} element */
var getComputedStyle = (element) => element.colors;

const LETTERS_OF_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES_OF_BASE64 = new Uint8Array(128);
[...LETTERS_OF_BASE64].forEach((letter, value) => { VALUES_OF_BASE64[letter.charCodeAt(0)] = value; });
/** @param {string} text */
function atob(text) {
  /** @type {string[]} */ const parts = [];
  /** @type {number[]} */ let bytes = [];
  let bits = 0, held = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 61) break;
    held = ((held << 6) | VALUES_OF_BASE64[code]) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
    if (bytes.length === 8192) {
      parts.push(String.fromCharCode(...bytes));
      bytes = [];
    }
  }
  return parts.join("") + String.fromCharCode(...bytes);
}

/**
 * What Python does not have yet of a canvas and of all that is drawn on it.
 * @param {Canvas} canvas
 */
function handOut(canvas) {
  const reached = new Set([canvas.recording]);
  for (const recording of reached) for (const part of recording.parts) reached.add(part);
  /** @type {(key: string, value: unknown) => unknown} */
  const rounded = (key, value) => (typeof value === "number" && !Number.isInteger(value) ? Math.round(value * 1e4) / 1e4 : value);
  const told = [...reached].map((recording) => {
    const ops = recording.ops.slice(recording.sent);
    recording.sent = recording.ops.length;
    return { id: recording.id, width: recording.width, height: recording.height, ops };
  });
  return JSON.stringify({ root: canvas.recording.id, transforms: transforms.take(), styles: styles.take(), recordings: told }, rounded);
}

/** What was measured without being known, "font\ntext"; forgotten here. */
function takeUnmeasured() {
  const asked = [...unmeasured];
  unmeasured = new Set();
  return JSON.stringify(asked);
}

/**
 * What the theme asks an element of the page for.
 * @param {{paper: string, ink: string, accent: string}} colors
 */
function rootOf({ paper, ink, accent }) {
  const probe = { colors: { color: accent } };
  const colors = { color: ink, backgroundColor: paper, fontFamily: "paper", getPropertyValue: () => "" };
  return { colors, querySelector: () => probe };
}
