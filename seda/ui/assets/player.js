// The journey player: one ES module without dependencies, used by the Streamlit component (default export) and by the
// standalone HTML page (`mount`). It receives the payload of seda/export/payload.py once, keeps all play state in the
// browser, and reports step and selection when they have come to rest.
//
// Names that users typed reach the page through fillText and textContent only, never as markup.

/** @typedef {{name: string, color: string, symbol: string}} Styled */
/** @typedef {{name: string, thumbnail: string, answer: number, nearest: number, top: [number, number][], commitment: number}} Item */
/** @typedef {{step: number, selection: number[]}} ViewState */
/** @typedef {{height?: number, start?: ViewState|null, report?: (state: ViewState & {fingerprint: string}) => void}} Options */
/** @typedef {{x: number, y: number}} Point */

const TAU = Math.PI * 2;
const NARROW = 700; // px: below, the curves go under the map
const MAX_PICTURE_HEADS = 24; // more items are drawn as shapes
const HAND_OVER_REST = 0.7; // seconds that play rests at the hand-over, so that an audience can see it
const LOOP_REST = 1.8; // seconds on the last frame before a loop starts again
const MAX_ZOOM = 40;
const SPEEDS = [0.5, 0.75, 1, 1.5, 2, 4];
const STAGE_NAMES = ["visual feature", "semantic learner", "semantic translator"];

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const mix = (a, b, share) => a + (b - a) * share;

/** A number for the screen: a real minus sign, and none in front of zero. */
const numberText = (value, digits = 2) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

// ------------------------------------------------------------------------------------------------ payload

/** @param {string} text base64 @returns {ArrayBuffer} */
function decode(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes.buffer;
}

/** Reference points from uint16 within their bounds back to map units. */
function decodeReference(map) {
  const raw = new Uint16Array(decode(map.reference));
  const points = new Float32Array(raw.length);
  for (let i = 0; i < raw.length; i++) {
    points[i] = map.reference_low[i % 2] + (raw[i] / 65535) * map.reference_span[i % 2];
  }
  return points;
}

/** The payload with its binary parts as typed arrays. */
class Journey {
  constructor(payload) {
    const { map, similarities } = payload;
    Object.assign(this, {
      fingerprint: payload.fingerprint,
      title: payload.title,
      note: payload.note,
      mapNote: payload.map_note,
      settings: payload.settings,
      stages: payload.stages,
      timesteps: payload.timesteps,
      handOver: payload.hand_over,
    });
    /** @type {Styled[]} */ this.classes = payload.classes;
    /** @type {Styled[]} */ this.centers = payload.centers;
    /** @type {Item[]} */ this.items = payload.items;
    this.stateCount = this.stages.length;
    this.last = this.stateCount - 1;
    this.states = new Float32Array(decode(map.states)); // [n, s, 2]
    this.texts = new Float32Array(decode(map.texts)); // [k, 2]
    this.centerPoints = new Float32Array(decode(map.centers)); // [c, 2]
    this.reference = decodeReference(map); // [m, 2]
    this.referenceLabels = new Int16Array(decode(map.reference_labels)); // [m]
    this.referenceTotal = map.reference_total;
    const Numbers = similarities.encoding === "int16" ? Int16Array : Int8Array;
    this.similarityValues = new Numbers(decode(similarities.data)); // [n, s, kept]
    this.similarityScale = similarities.scale;
    /** Class index of each curve. */ this.curveClasses = similarities.classes;
    this.paths = new Paths(this.states, this.items.length, this.stateCount, [0, this.handOver]);
  }

  /** Cosine of an item's state to the class text of a curve. */
  similarity(item, state, curve) {
    const kept = this.curveClasses.length;
    return this.similarityValues[(item * this.stateCount + state) * kept + curve] * this.similarityScale;
  }

  /** Mean curves over items: Float32Array [kept, s]. */
  meanCurves(items) {
    const kept = this.curveClasses.length;
    const curves = new Float32Array(kept * this.stateCount);
    for (const item of items) {
      for (let state = 0; state < this.stateCount; state++) {
        for (let curve = 0; curve < kept; curve++) {
          curves[curve * this.stateCount + state] += this.similarity(item, state, curve) / items.length;
        }
      }
    }
    return curves;
  }

  /** "step 12 of 52 · semantic learner · t = 430" */
  caption(step) {
    const time = step === 0 ? "clean" : `t = ${this.timesteps[step]}`;
    const place = step === this.handOver ? "hand-over at the category centers" : STAGE_NAMES[this.stages[step]];
    return `step ${step} of ${this.last} · ${place} · ${time}`;
  }
}

/**
 * Smooth curves through the states of each item. Every state is passed exactly; handles are kept short, so that the
 * line cannot swing far outside of what was computed. Noising jumps (`jumps`: their first states) are straight.
 */
class Paths {
  constructor(states, itemCount, stateCount, jumps) {
    this.states = states;
    this.stateCount = stateCount;
    this.jumps = new Set(jumps);
    this.handles = new Float32Array(itemCount * stateCount * 4);
    for (let item = 0; item < itemCount; item++) {
      for (let segment = 0; segment < stateCount - 1; segment++) this.#setHandles(item, segment);
    }
  }

  #setHandles(item, segment) {
    const base = item * this.stateCount;
    const at = (state, axis) => this.states[(base + state) * 2 + axis];
    const length = Math.hypot(at(segment + 1, 0) - at(segment, 0), at(segment + 1, 1) - at(segment, 1));
    const open = (state) => state > 0 && state < this.stateCount - 1 && !this.jumps.has(state) && !this.jumps.has(state - 1);
    const tangent = (state) => {
      const whole = open(state);
      const before = whole ? state - 1 : segment;
      const after = whole ? state + 1 : segment + 1;
      let x = (at(after, 0) - at(before, 0)) / (whole ? 6 : 3);
      let y = (at(after, 1) - at(before, 1)) / (whole ? 6 : 3);
      const shrink = Math.min(1, (length * 0.38) / (Math.hypot(x, y) || 1));
      return [x * shrink, y * shrink];
    };
    const [startX, startY] = tangent(segment);
    const [endX, endY] = tangent(segment + 1);
    this.handles.set(
      [at(segment, 0) + startX, at(segment, 1) + startY, at(segment + 1, 0) - endX, at(segment + 1, 1) - endY],
      (base + segment) * 4,
    );
  }

  /** Point of an item's path at a fractional state. @returns {Point} */
  pointAt(item, position) {
    const segment = Math.min(Math.floor(position), this.stateCount - 2);
    const u = position - segment;
    const p = (item * this.stateCount + segment) * 2;
    const h = p * 2;
    const a = (1 - u) ** 3, b = 3 * u * (1 - u) ** 2, c = 3 * u * u * (1 - u), d = u ** 3;
    const { states, handles } = this;
    return {
      x: a * states[p] + b * handles[h] + c * handles[h + 2] + d * states[p + 2],
      y: a * states[p + 1] + b * handles[h + 1] + c * handles[h + 3] + d * states[p + 3],
    };
  }

  /** Add the path between two fractional states to ctx; with `jumping` only the noising jumps, else all but them. */
  trace(ctx, item, from, to, jumping = false) {
    let open = false;
    for (let segment = Math.floor(from); segment < to && segment < this.stateCount - 1; segment++) {
      if (this.jumps.has(segment) !== jumping) {
        open = false;
        continue;
      }
      if (!open) {
        const start = this.pointAt(item, Math.max(from, segment));
        ctx.moveTo(start.x, start.y);
        open = true;
      }
      this.#traceSegment(ctx, item, segment, Math.max(0, from - segment), Math.min(1, to - segment));
    }
  }

  #traceSegment(ctx, item, segment, u0, u1) {
    const p = (item * this.stateCount + segment) * 2;
    const h = p * 2;
    const { states: s, handles } = this;
    if (u0 === 0 && u1 === 1) {
      ctx.bezierCurveTo(handles[h], handles[h + 1], handles[h + 2], handles[h + 3], s[p + 2], s[p + 3]);
      return;
    }
    const x = subCurve(s[p], handles[h], handles[h + 2], s[p + 2], u0, u1);
    const y = subCurve(s[p + 1], handles[h + 1], handles[h + 3], s[p + 3], u0, u1);
    ctx.bezierCurveTo(x[0], y[0], x[1], y[1], x[2], y[2]);
  }
}

/** Control points 1 to 3 of a cubic Bezier's part between u0 and u1 (blossoms). */
function subCurve(a, b, c, d, u0, u1) {
  const blossom = (r, s, t) => {
    const ab = mix(a, b, r), bc = mix(b, c, r), cd = mix(c, d, r);
    return mix(mix(ab, bc, s), mix(bc, cd, s), t);
  };
  return [blossom(u0, u0, u1), blossom(u0, u1, u1), blossom(u1, u1, u1)];
}

// ------------------------------------------------------------------------------------------------ colours and shapes

const colorProbe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as [r, g, b]. */
function toRgb(color) {
  colorProbe.clearRect(0, 0, 1, 1);
  colorProbe.fillStyle = "#888";
  colorProbe.fillStyle = color;
  colorProbe.fillRect(0, 0, 1, 1);
  return [...colorProbe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

const css = ([r, g, b], alpha = 1) => `rgba(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)}, ${alpha})`;
const blend = (a, b, share) => a.map((value, i) => mix(value, b[i], share));

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

/** Colours of the surrounding page, and class colours brought far enough from its background to be seen. */
class Theme {
  /** @param {HTMLElement} root */
  constructor(root) {
    const style = getComputedStyle(root);
    this.font = style.fontFamily;
    this.ink = toRgb(style.color);
    this.paper = toRgb(style.backgroundColor);
    this.accent = toRgb(getComputedStyle(root.querySelector(".sp-accent-probe")).color);
    this.dark = luminance(this.paper) < luminance(this.ink);
    this.muted = blend(this.ink, this.paper, 0.42);
    this.grey = blend(this.ink, this.paper, 0.62);
    this.tuned = new Map();
  }

  /** @returns {number[]} the colour, mixed with the ink until its contrast to the paper is at least 1.9 */
  tune(color) {
    if (!this.tuned.has(color)) {
      const given = toRgb(color);
      let rgb = given;
      for (let share = 0.06; contrast(rgb, this.paper) < 1.9 && share < 1; share += 0.06) {
        rgb = blend(given, this.ink, share);
      }
      this.tuned.set(color, rgb);
    }
    return this.tuned.get(color);
  }

  get key() {
    return [this.ink, this.paper, this.accent].join("|");
  }
}

function polygon(ctx, x, y, radius, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (i * TAU) / corners;
    ctx[i ? "lineTo" : "moveTo"](x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  ctx.closePath();
}

function starPath(ctx, x, y, radius) {
  for (let i = 0; i < 10; i++) {
    const reach = i % 2 ? radius * 0.46 : radius;
    const angle = -TAU / 4 + (i * TAU) / 10;
    ctx[i ? "lineTo" : "moveTo"](x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  ctx.closePath();
}

function crossPath(ctx, x, y, radius) {
  const arm = radius * 0.36;
  const reach = radius;
  const corners = [[-arm, -reach], [arm, -reach], [arm, -arm], [reach, -arm], [reach, arm], [arm, arm]];
  const all = [...corners, ...corners.map(([a, b]) => [-a, -b])];
  all.forEach(([a, b], i) => ctx[i ? "lineTo" : "moveTo"](x + a, y + b));
  ctx.closePath();
}

/** Path of a shape by plotly's name, sized so that all shapes weigh about the same. */
function symbolPath(ctx, symbol, x, y, radius) {
  const shapes = {
    circle: () => { ctx.moveTo(x + radius * 0.9, y); ctx.arc(x, y, radius * 0.9, 0, TAU); },
    square: () => polygon(ctx, x, y, radius * 1.12, 4, TAU / 8),
    diamond: () => polygon(ctx, x, y, radius * 1.12, 4, 0),
    "triangle-up": () => polygon(ctx, x, y + radius * 0.16, radius * 1.22, 3, -TAU / 4),
    "triangle-down": () => polygon(ctx, x, y - radius * 0.16, radius * 1.22, 3, TAU / 4),
    cross: () => crossPath(ctx, x, y, radius * 1.05),
    hexagon: () => polygon(ctx, x, y, radius * 1.05, 6, 0),
    pentagon: () => polygon(ctx, x, y, radius * 1.08, 5, -TAU / 4),
    star: () => starPath(ctx, x, y, radius * 1.25),
  };
  (shapes[symbol] ?? shapes.circle)();
}

/** Cut a text with an ellipsis so that it fits a width. */
function fitText(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ctx.measureText(text.slice(0, middle).trimEnd() + "…").width <= width) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low).trimEnd() + "…";
}

// ------------------------------------------------------------------------------------------------ DOM helpers

/** Element with properties (class, text, attributes) and children. User text goes in as `text`: never as markup. */
function el(tag, { text, on, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on ?? {})) element.addEventListener(event, listener);
  element.append(...children.filter(Boolean));
  return element;
}

const ICONS = {
  play: "M8 5.2v13.6c0 .8.9 1.3 1.6.9l10.6-6.8c.6-.4.6-1.4 0-1.8L9.6 4.3c-.7-.4-1.6.1-1.6.9z",
  pause: "M7 5h3.4v14H7zM13.6 5H17v14h-3.4z",
  back: "M6 5h2.4v14H6zM19 6v12c0 .7-.8 1.1-1.4.7L9.6 12.8a1 1 0 0 1 0-1.6l8-5.9c.6-.4 1.4 0 1.4.7z",
  forward: "M18 5h-2.4v14H18zM5 6v12c0 .7.8 1.1 1.4.7l8-5.9a1 1 0 0 0 0-1.6l-8-5.9C5.800 4.900 5 5.300 5 6z",
  replay: "M12 5V2.300L7.200 6.300 12 10.300V7.200a5.300 5.300 0 1 1-5.300 5.300H4.500A7.500 7.500 0 1 0 12 5z",
  loop: "M7 7h9v2.800l4.200-3.900L16 2v2.800H4.800V11H7zM17 17H8v-2.800l-4.200 3.900L8 22v-2.800h11.200V13H17z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  minus: "M5 11h14v2H5z",
  fit: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function iconButton(name, label, testId, listener, extra = {}) {
  const button = el("button", {
    type: "button", class: "sp-button", "aria-label": label, title: label, "data-testid": testId, on: { click: listener }, ...extra,
  });
  button.append(icon(name));
  return button;
}

/** Size a canvas for the screen's pixel density. @returns {number} the density used */
function fitCanvas(canvas, width, height) {
  const density = Math.min(window.devicePixelRatio || 1, 3);
  const [w, h] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  return density;
}

// ------------------------------------------------------------------------------------------------ time

/** Play position: a fractional state index that moves with real time. */
class Clock {
  constructor(last, handOver) {
    this.last = last;
    this.handOver = handOver;
    this.position = 0;
    this.playing = false;
    this.speed = 1;
    this.loop = false;
    this.rest = 0;
    // Chosen here: about nine seconds for the whole way, between 4 and 14 states a second.
    this.rate = clamp(last / 9, 4, 14);
  }

  get step() {
    return Math.round(this.position);
  }

  play() {
    if (this.position >= this.last) this.position = 0;
    this.rest = 0;
    this.playing = true;
  }

  /** Advance by seconds; rests at the hand-over and on the last frame. */
  tick(seconds) {
    if (!this.playing) return;
    if (this.rest > 0) {
      this.rest -= seconds * this.speed;
      if (this.rest > 0) return;
      if (this.position >= this.last) {
        this.position = 0;
        return;
      }
    }
    const next = this.position + seconds * this.rate * this.speed;
    if (this.position < this.handOver && next >= this.handOver) {
      this.position = this.handOver;
      this.rest = HAND_OVER_REST;
    } else if (next >= this.last) {
      this.position = this.last;
      if (this.loop) this.rest = LOOP_REST;
      else this.playing = false;
    } else {
      this.position = next;
    }
  }
}

// ------------------------------------------------------------------------------------------------ map

/** Map units to screen pixels: a fit to the journey, then zoom and pan. Both axes have the same scale. */
class View {
  constructor() {
    this.width = this.height = 1;
    this.fit = { scale: 1, x: 0, y: 0 };
    this.reset();
  }

  reset() {
    this.zoom = 1;
    this.panX = this.panY = 0;
  }

  /** Fit everything that must be seen: paths, texts, centers, and nearly all reference points. */
  frame(journey, width, height) {
    const shrink = this.width > 1 ? width / this.width : 1;
    this.panX *= shrink;
    this.panY *= shrink;
    this.width = width;
    this.height = height;
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (const points of [journey.states, journey.texts, journey.centerPoints, innerBounds(journey.reference)]) {
      for (let i = 0; i < points.length; i++) {
        low[i % 2] = Math.min(low[i % 2], points[i]);
        high[i % 2] = Math.max(high[i % 2], points[i]);
      }
    }
    // Room for pictures and labels around the outermost points, and for the key of shapes at the foot.
    const padX = clamp(width * 0.1, 34, 96), padY = clamp(height * 0.11, 36, 64), foot = 22;
    const scale = Math.max(
      1e-6,
      Math.min(
        (width - 2 * padX) / Math.max(high[0] - low[0], 1e-6),
        (height - 2 * padY - foot) / Math.max(high[1] - low[1], 1e-6),
      ),
    );
    this.fit = { scale, x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2 - foot / 2 / scale };
  }

  get scale() {
    return this.fit.scale * this.zoom;
  }

  toX(x) {
    return this.width / 2 + this.panX + (x - this.fit.x) * this.scale;
  }

  toY(y) {
    return this.height / 2 + this.panY - (y - this.fit.y) * this.scale;
  }

  /** Draw in map units; a line of p pixels then has the width p / scale. */
  apply(ctx, density) {
    const scale = this.scale * density;
    ctx.setTransform(scale, 0, 0, -scale, this.toX(0) * density, this.toY(0) * density);
  }

  /** Zoom by a factor around a screen point. */
  zoomAt(factor, x, y) {
    const zoom = clamp(this.zoom * factor, 1, MAX_ZOOM);
    const ratio = zoom / this.zoom;
    this.panX = (this.panX + this.width / 2 - x) * ratio + x - this.width / 2;
    this.panY = (this.panY + this.height / 2 - y) * ratio + y - this.height / 2;
    this.zoom = zoom;
    if (zoom === 1) this.panX = this.panY = 0;
    this.limit();
  }

  /** Keep some of the picture in sight. */
  limit() {
    const reach = this.zoom * 0.5 + 0.1;
    this.panX = clamp(this.panX, -this.width * reach, this.width * reach);
    this.panY = clamp(this.panY, -this.height * reach, this.height * reach);
  }
}

/** Two corners that hold all but the outermost 1 % of points a side. */
function innerBounds(points) {
  if (points.length < 200) return points;
  const corner = (axis, share) => {
    const values = points.filter((_, i) => i % 2 === axis).sort();
    return values[Math.floor(share * (values.length - 1))];
  };
  return [corner(0, 0.01), corner(1, 0.01), corner(0, 0.99), corner(1, 0.99)];
}

/** Soft clouds of the reference points: a coarse density per category, blurred, as one small picture. */
class Clouds {
  constructor(journey) {
    const { reference, referenceLabels, centers } = journey;
    this.centers = centers;
    this.empty = referenceLabels.length === 0;
    if (this.empty) return;
    const bounds = innerBounds(reference);
    let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (let i = 0; i < bounds.length; i++) {
      low[i % 2] = Math.min(low[i % 2], bounds[i]);
      high[i % 2] = Math.max(high[i % 2], bounds[i]);
    }
    const margin = 0.12 * Math.max(high[0] - low[0], high[1] - low[1], 1e-6);
    this.low = low.map((value) => value - margin);
    this.high = high.map((value) => value + margin);
    const long = Math.max(this.high[0] - this.low[0], this.high[1] - this.low[1]);
    this.columns = Math.max(8, Math.round((150 * (this.high[0] - this.low[0])) / long));
    this.rows = Math.max(8, Math.round((150 * (this.high[1] - this.low[1])) / long));
    this.grids = centers.map(() => null);
    for (let i = 0; i < referenceLabels.length; i++) this.#count(referenceLabels[i], reference[2 * i], reference[2 * i + 1]);
    this.grids = this.grids.map((grid) => grid && blur(grid, this.columns, this.rows, 4));
  }

  #count(label, x, y) {
    const column = Math.floor(((x - this.low[0]) / (this.high[0] - this.low[0])) * this.columns);
    const row = Math.floor(((this.high[1] - y) / (this.high[1] - this.low[1])) * this.rows);
    if (!this.centers[label] || column < 0 || row < 0 || column >= this.columns || row >= this.rows) return;
    this.grids[label] ??= new Float32Array(this.columns * this.rows);
    this.grids[label][row * this.columns + column] += 1;
  }

  /** @param {(center: Styled) => number} weight share of its full strength that a category is drawn with */
  paint(theme, weight) {
    const size = this.columns * this.rows;
    const sums = new Float32Array(size * 4);
    this.grids.forEach((grid, label) => {
      if (!grid) return;
      const color = theme.tune(this.centers[label].color);
      const share = weight(this.centers[label]);
      for (let i = 0; i < size; i++) {
        const density = grid[i] * share;
        if (density < 1e-6) continue;
        for (let channel = 0; channel < 3; channel++) sums[4 * i + channel] += density * color[channel];
        sums[4 * i + 3] += density;
      }
    });
    const densities = [];
    for (let i = 3; i < sums.length; i += 4) if (sums[i] > 1e-4) densities.push(sums[i]);
    densities.sort((a, b) => a - b);
    const typical = densities[Math.floor(densities.length * 0.8)] || 1;
    this.picture ??= document.createElement("canvas");
    this.picture.width = this.columns;
    this.picture.height = this.rows;
    const ctx = this.picture.getContext("2d");
    const image = ctx.createImageData(this.columns, this.rows);
    for (let i = 0; i < size; i++) {
      const density = sums[4 * i + 3];
      if (density < 1e-6) continue;
      for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = sums[4 * i + channel] / density;
      image.data[4 * i + 3] = 255 * (theme.dark ? 0.34 : 0.26) * (1 - Math.exp(-density / typical));
    }
    ctx.putImageData(image, 0, 0);
  }

  draw(ctx, view) {
    if (this.empty) return;
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    const x = view.toX(this.low[0]), y = view.toY(this.high[1]);
    ctx.drawImage(this.picture, x, y, view.toX(this.high[0]) - x, view.toY(this.low[1]) - y);
  }
}

/** Three box blurs, which come close to a Gaussian. */
function blur(grid, columns, rows, radius) {
  let source = grid;
  for (let pass = 0; pass < 3; pass++) {
    source = boxBlur(source, columns, rows, radius, 1, columns);
    source = boxBlur(source, rows, columns, radius, columns, 1);
  }
  return source;
}

function boxBlur(source, length, lines, radius, step, lineStep) {
  const target = new Float32Array(source.length);
  for (let line = 0; line < lines; line++) {
    let sum = 0;
    const start = line * lineStep;
    for (let i = -radius; i < length; i++) {
      if (i + radius < length) sum += source[start + (i + radius) * step];
      if (i - radius - 1 >= 0) sum -= source[start + (i - radius - 1) * step];
      if (i >= 0) target[start + i * step] = sum / (2 * radius + 1);
    }
  }
  return target;
}

/** Places for labels beside their marks without overlap; a label with no free place is left out (hover names it). */
class LabelPlacer {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {[number, number, number, number][]} */ this.taken = [];
  }

  block(x, y, radius) {
    this.taken.push([x - radius, y - radius, x + radius, y + radius]);
  }

  #free([x0, y0, x1, y1]) {
    if (x0 < 4 || y0 < 4 || x1 > this.width - 4 || y1 > this.height - 4) return false;
    return this.taken.every(([a0, b0, a1, b1]) => x1 <= a0 || x0 >= a1 || y1 <= b0 || y0 >= b1);
  }

  /** @returns {{x: number, y: number, far: boolean}|null} left end and middle height of the label, and if it is set off */
  place(x, y, radius, width, height) {
    for (const extra of [4, 16, 30]) {
      const gap = radius + extra;
      const side = gap * 0.72;
      const places = [
        [x + gap, y], [x - gap - width, y], [x - width / 2, y - gap - height / 2], [x - width / 2, y + gap + height / 2],
        [x + side, y - side], [x + side, y + side], [x - side - width, y - side], [x - side - width, y + side],
      ];
      for (const [left, middle] of places) {
        const box = /** @type {[number, number, number, number]} */ ([left - 2, middle - height / 2, left + width + 2, middle + height / 2]);
        if (this.#free(box)) {
          this.taken.push(box);
          return { x: left, y: middle, far: extra > 4 };
        }
      }
    }
    return null;
  }
}

/** All that is drawn on the map: a base canvas that stands still, and a moving one above it. */
class MapPainter {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.base = el("canvas", { class: "sp-layer", "aria-hidden": "true" });
    this.moving = el("canvas", { class: "sp-layer", "data-testid": "map-canvas", "aria-hidden": "true" });
    this.landmarks = document.createElement("canvas");
    /** Clouds and reference points, with the view that they were painted for. */
    this.ground = document.createElement("canvas");
    this.groundView = null;
    this.sprites = new Map();
    this.density = 1;
  }

  load(journey) {
    this.journey = journey;
    this.clouds = new Clouds(journey);
    this.cloudKey = "";
    this.groundView = null;
    this.offsets = journey.items.map(() => ({ x: 0, y: 0 }));
    /** Where each head was drawn last, for hover and click. @type {Point[]} */
    this.heads = journey.items.map(() => ({ x: -99, y: -99 }));
    this.images = journey.items.map((item) => this.#loadImage(item));
    this.sprites.clear();
    const centerNames = new Set(journey.classes.map((one) => one.name.trim().toLowerCase()));
    this.namedCenters = journey.centers.map((center) => !centerNames.has(center.name.trim().toLowerCase()));
  }

  #loadImage(item) {
    if (!item.thumbnail) return null;
    const image = new Image();
    image.onload = () => {
      this.sprites.clear();
      this.player.invalidate();
    };
    image.src = item.thumbnail;
    return image;
  }

  get picturesFit() {
    return this.journey.items.length <= MAX_PICTURE_HEADS;
  }

  get headRadius() {
    const { width, height } = this.player.view;
    const room = Math.min(width, height * 1.3);
    const count = this.journey.items.length;
    return this.picturesFit ? clamp(room / (17 + count * 0.7), 11, 25) : clamp(room / 105, 4.5, 7);
  }

  resize(width, height) {
    for (const canvas of [this.base, this.moving, this.landmarks, this.ground]) this.density = fitCanvas(canvas, width, height);
    this.sprites.clear();
  }

  // ---- the still layer

  /** @param {boolean} moving while the view moves, the reference points are the last picture of them, moved along */
  drawBase(moving) {
    const { view } = this.player;
    const ctx = this.base.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    this.#drawGrid(ctx);
    if (!moving || !this.groundView) this.#paintGround();
    const then = this.groundView;
    const ratio = view.scale / then.scale;
    ctx.drawImage(
      this.ground, view.toX(0) - then.x * ratio, view.toY(0) - then.y * ratio, view.width * ratio, view.height * ratio,
    );
    this.#drawFuture(ctx);
    this.#drawLandmarks();
  }

  #paintGround() {
    const { view, theme } = this.player;
    const ctx = this.ground.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    const key = `${theme.key} ${this.player.highlight}`;
    if (key !== this.cloudKey && !this.clouds.empty) {
      this.clouds.paint(theme, (center) => (this.player.isDimmed(center) ? 0.08 : 1));
      this.cloudKey = key;
    }
    this.clouds.draw(ctx, view);
    this.#drawReference(ctx);
    this.groundView = { scale: view.scale, x: view.toX(0), y: view.toY(0) };
  }

  /** A faint dot grid that moves with the map: it shows zoom and pan without pretending to be an axis. */
  #drawGrid(ctx) {
    const { view, theme } = this.player;
    let spacing = view.scale;
    while (spacing > 84) spacing /= 2;
    while (spacing < 42) spacing *= 2;
    ctx.fillStyle = css(theme.ink, theme.dark ? 0.085 : 0.075);
    const startX = view.toX(0) % spacing, startY = view.toY(0) % spacing;
    for (let x = startX - spacing; x < view.width + spacing; x += spacing) {
      for (let y = startY - spacing; y < view.height + spacing; y += spacing) ctx.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
    }
  }

  #drawReference(ctx) {
    const { view } = this.player;
    const { reference, referenceLabels, centers } = this.journey;
    const many = referenceLabels.length > 6000;
    const radius = (many ? 1.5 : 2.1) * Math.min(2.2, view.zoom ** 0.3);
    const sprites = centers.map((center) => this.#pointSprite(center, radius, many));
    for (let i = 0; i < referenceLabels.length; i++) {
      const sprite = sprites[referenceLabels[i]];
      if (!sprite) continue;
      const x = view.toX(reference[2 * i]), y = view.toY(reference[2 * i + 1]);
      if (x < -8 || y < -8 || x > view.width + 8 || y > view.height + 8) continue;
      ctx.drawImage(sprite, x - sprite.reach, y - sprite.reach, 2 * sprite.reach, 2 * sprite.reach);
    }
  }

  #pointSprite(center, radius, many) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const sprite = document.createElement("canvas");
    sprite.reach = radius + 1.5;
    sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.density);
    const ctx = sprite.getContext("2d");
    const scale = sprite.width / (2 * sprite.reach);
    ctx.scale(scale, scale);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.tune(center.color), dimmed ? 0.12 : many ? 0.3 : 0.42);
    ctx.beginPath();
    symbolPath(ctx, center.symbol, sprite.reach, sprite.reach, radius);
    ctx.fill();
    return sprite;
  }

  /** Where each item will go: the whole path, faint; the past is drawn over it. */
  #drawFuture(ctx) {
    const { view, theme } = this.player;
    const { items, paths, last } = this.journey;
    const many = items.length > MAX_PICTURE_HEADS;
    view.apply(ctx, this.density);
    ctx.lineJoin = ctx.lineCap = "round";
    items.forEach((item, index) => {
      const vivid = this.player.isVivid(index);
      const color = vivid ? theme.tune(this.journey.classes[item.answer].color) : theme.grey;
      ctx.strokeStyle = css(color, (vivid ? (theme.dark ? 0.26 : 0.24) : 0.09) * (many ? 0.7 : 1));
      ctx.lineWidth = 1.1 / view.scale;
      ctx.setLineDash([]);
      ctx.beginPath();
      paths.trace(ctx, index, 0, last);
      ctx.stroke();
      ctx.setLineDash([1.5 / view.scale, 5 / view.scale]);
      ctx.beginPath();
      paths.trace(ctx, index, 0, last, true);
      ctx.stroke();
    });
    ctx.setLineDash([]);
  }

  #drawLandmarks() {
    const { view } = this.player;
    const ctx = this.landmarks.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    const placer = new LabelPlacer(view.width, view.height);
    const texts = this.#points(this.journey.texts), centers = this.#points(this.journey.centerPoints);
    this.starRadius = clamp(Math.min(view.width, view.height) / 46, 8, 13) * (texts.length > 30 ? 0.75 : 1);
    this.textPoints = texts;
    /** Boxes of the class names that were drawn: pictures keep off them. */
    this.labelBoxes = [];
    this.centerScreen = centers;
    centers.forEach((point, i) => this.#drawCenter(ctx, point, this.journey.centers[i]));
    texts.forEach((point, i) => this.#drawStar(ctx, point, this.journey.classes[i]));
    for (const point of texts) placer.block(point.x, point.y, this.starRadius);
    for (const point of centers) placer.block(point.x, point.y, this.starRadius * 0.6);
    const narrow = view.width < 520;
    texts.forEach((point, i) => this.#drawLabel(ctx, placer, point, this.journey.classes[i], narrow ? 12 : 13.5, 650));
    centers.forEach((point, i) => {
      if (this.namedCenters[i]) this.#drawLabel(ctx, placer, point, this.journey.centers[i], 11, 450);
    });
  }

  #points(array) {
    const points = [];
    for (let i = 0; i < array.length; i += 2) points.push({ x: this.player.view.toX(array[i]), y: this.player.view.toY(array[i + 1]) });
    return points;
  }

  #drawCenter(ctx, { x, y }, center) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const radius = this.starRadius * 0.66;
    ctx.beginPath();
    symbolPath(ctx, "diamond", x, y, radius);
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.9);
    ctx.stroke();
    ctx.fillStyle = css(dimmed ? blend(theme.grey, theme.paper, 0.5) : theme.tune(center.color));
    ctx.fill();
    ctx.lineWidth = 1.2;
    ctx.strokeStyle = css(theme.ink, dimmed ? 0.12 : 0.55);
    ctx.stroke();
  }

  #drawStar(ctx, { x, y }, one) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(one);
    const color = dimmed ? blend(theme.grey, theme.paper, 0.5) : theme.tune(one.color);
    const reach = this.starRadius * 3.4;
    if (!dimmed) {
      const glow = ctx.createRadialGradient(x, y, 0, x, y, reach);
      glow.addColorStop(0, css(color, theme.dark ? 0.55 : 0.42));
      glow.addColorStop(0.4, css(color, theme.dark ? 0.2 : 0.14));
      glow.addColorStop(1, css(color, 0));
      ctx.fillStyle = glow;
      ctx.fillRect(x - reach, y - reach, 2 * reach, 2 * reach);
    }
    ctx.lineJoin = "round";
    ctx.beginPath();
    starPath(ctx, x, y, this.starRadius);
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.95);
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
    ctx.lineWidth = 1.1;
    ctx.strokeStyle = css(theme.dark ? [255, 255, 255] : theme.ink, dimmed ? 0.12 : 0.6);
    ctx.stroke();
  }

  #drawLabel(ctx, placer, point, one, size, weight) {
    const { theme, view } = this.player;
    if (point.x < 0 || point.y < 0 || point.x > view.width || point.y > view.height) return;
    ctx.font = `${weight} ${size}px ${this.player.theme.font}`;
    const text = fitText(ctx, one.name, clamp(view.width * 0.24, 70, 190));
    const width = ctx.measureText(text).width;
    const place = placer.place(point.x, point.y, this.starRadius + 1, width, size + 5);
    if (!place) return;
    if (weight > 500) this.labelBoxes.push([place.x, place.y - size / 2, place.x + width, place.y + size / 2]);
    const dimmed = this.player.isDimmed(one);
    if (place.far) this.#drawLeader(ctx, point, place, width, theme);
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.85);
    ctx.strokeText(text, place.x, place.y);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.ink, dimmed ? 0.7 : 1);
    ctx.fillText(text, place.x, place.y);
  }

  /** A thin line from a mark to its label, where the label had to be set off. */
  #drawLeader(ctx, point, place, width, theme) {
    const end = { x: clamp(point.x, place.x, place.x + width), y: place.y };
    const gap = Math.hypot(end.x - point.x, end.y - point.y);
    const share = Math.min(1, this.starRadius / gap);
    ctx.strokeStyle = css(theme.ink, 0.35);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(mix(point.x, end.x, share), mix(point.y, end.y, share));
    ctx.lineTo(end.x, end.y);
    ctx.stroke();
  }

  // ---- the moving layer

  /** @returns {boolean} whether heads are still sliding apart and another frame is needed */
  drawMoving(position, hurried) {
    const { view } = this.player;
    const ctx = this.moving.getContext("2d");
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.moving.width, this.moving.height);
    const order = this.#drawOrder();
    view.apply(ctx, this.density);
    for (const item of order) this.#drawPast(ctx, item, position);
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.#drawHandOver(ctx, position);
    ctx.drawImage(this.landmarks, 0, 0, view.width, view.height);
    const points = this.journey.items.map((_, item) => {
      const point = this.journey.paths.pointAt(item, position);
      return { x: view.toX(point.x), y: view.toY(point.y) };
    });
    const sliding = this.picturesFit && this.#spread(points, hurried);
    for (const item of order) this.#drawPin(ctx, item, points[item]);
    for (const item of order) this.#drawHead(ctx, item, points[item]);
    return sliding;
  }

  /** Vivid items late, so that they lie on top; the one under the pointer last. */
  #drawOrder() {
    const rank = this.journey.items.map((_, item) => Number(this.player.isVivid(item)) + 2 * Number(item === this.player.hovered));
    return rank.map((_, item) => item).sort((a, b) => rank[a] - rank[b]);
  }

  /** The past: solid, and brighter toward the head. */
  #drawPast(ctx, item, position) {
    const { view, theme } = this.player;
    const { paths, classes, items, last } = this.journey;
    const vivid = this.player.isVivid(item);
    const color = vivid ? theme.tune(classes[items[item].answer].color) : theme.grey;
    const thin = this.picturesFit ? 1 : 0.72;
    const strength = vivid ? 1 : 0.3;
    const tail = Math.max(3, last * 0.16);
    const parts = vivid ? 5 : 1;
    const stroke = (from, to, alpha, width) => {
      ctx.strokeStyle = css(color, alpha * strength);
      ctx.lineWidth = (width * thin) / view.scale;
      ctx.beginPath();
      paths.trace(ctx, item, Math.max(0, from), to);
      ctx.stroke();
    };
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    const old = position - tail;
    if (old > 0) stroke(0, old, 0.42, 1.7);
    for (let part = 0; part < parts; part++) {
      const from = old + (tail * part) / parts, to = old + (tail * (part + 1)) / parts;
      if (to <= 0) continue;
      const share = (part + 1) / parts;
      if (theme.dark && share > 0.5) stroke(from, to, 0.16 * share, 9);
      stroke(from, to, mix(0.42, 0.95, share), mix(1.7, 3.2, share));
    }
    ctx.setLineDash([1.5 / view.scale, 5 / view.scale]);
    ctx.strokeStyle = css(color, 0.55 * strength);
    ctx.lineWidth = (1.4 * thin) / view.scale;
    ctx.beginPath();
    paths.trace(ctx, item, 0, position, true);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** Rings around the category centers while the path is handed over there. */
  #drawHandOver(ctx, position) {
    const nearness = 1 - Math.abs(position - this.journey.handOver) / 1.6;
    if (nearness <= 0) return;
    const { theme } = this.player;
    const ease = nearness * nearness * (3 - 2 * nearness);
    this.centerScreen.forEach(({ x, y }, i) => {
      ctx.strokeStyle = css(theme.tune(this.journey.centers[i].color), 0.75 * ease);
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.arc(x, y, this.starRadius * mix(2.6, 1.5, ease), 0, TAU);
      ctx.stroke();
    });
  }

  /**
   * Pictures that would cover one another or a star are moved apart; a pin (`#drawPin`) marks the true place.
   * One step of a damped relaxation a frame; `hurried` runs it to rest at once.
   */
  #spread(points, hurried) {
    const radius = this.headRadius + 1.5;
    let moved = 0;
    for (let round = hurried ? 40 : 1; round > 0; round--) {
      const places = points.map((point, i) => ({ x: point.x + this.offsets[i].x * 0.9, y: point.y + this.offsets[i].y * 0.9 }));
      for (let pass = 0; pass < 5; pass++) {
        this.#push(places, radius);
        places.forEach((place, i) => this.#keepInside(place, points[i], radius + 3));
      }
      moved = 0;
      places.forEach((place, i) => {
        const x = place.x - points[i].x, y = place.y - points[i].y;
        moved = Math.max(moved, Math.abs(x - this.offsets[i].x), Math.abs(y - this.offsets[i].y));
        this.offsets[i] = { x, y };
      });
    }
    return moved > 0.15;
  }

  #push(places, radius) {
    const apart = (a, b, distance, shareA, tie) => {
      let dx = a.x - b.x, dy = a.y - b.y;
      let gap = Math.hypot(dx, dy);
      if (gap >= distance) return;
      if (gap < 0.01) {
        dx = Math.cos(tie * 2.4);
        dy = Math.sin(tie * 2.4);
        gap = 1;
      }
      const push = (distance - gap) / gap;
      a.x += dx * push * shareA;
      a.y += dy * push * shareA;
      b.x -= dx * push * (1 - shareA);
      b.y -= dy * push * (1 - shareA);
    };
    for (let i = 0; i < places.length; i++) {
      for (let j = 0; j < i; j++) apart(places[i], places[j], 2 * radius, 0.5, i);
      for (const star of this.textPoints) apart(places[i], { ...star }, radius + this.starRadius + 2, 1, i);
      for (const [left, top, right, bottom] of this.labelBoxes) {
        // The point of the box that is nearest to the picture, a little inside, so that there is a direction to go.
        const edge = { x: clamp(places[i].x, left, right), y: clamp(places[i].y, top + 5, bottom - 5) };
        apart(places[i], edge, radius + 4, 1, i);
      }
    }
  }

  /** A picture whose point is in sight stays in sight. */
  #keepInside(place, point, margin) {
    const { width, height } = this.player.view;
    if (point.x < 0 || point.y < 0 || point.x > width || point.y > height) return;
    place.x = clamp(place.x, margin, width - margin);
    place.y = clamp(place.y, margin, height - margin);
  }

  #drawPin(ctx, item, point) {
    if (!this.picturesFit) return;
    const { theme } = this.player;
    const vivid = this.player.isVivid(item);
    const color = vivid ? theme.tune(this.journey.classes[this.journey.items[item].answer].color) : theme.grey;
    const offset = this.offsets[item];
    if (Math.hypot(offset.x, offset.y) < 1.5) return;
    ctx.strokeStyle = css(color, vivid ? 0.8 : 0.25);
    ctx.lineWidth = 1.3;
    ctx.beginPath();
    ctx.moveTo(point.x, point.y);
    ctx.lineTo(point.x + offset.x, point.y + offset.y);
    ctx.stroke();
    ctx.fillStyle = css(color, vivid ? 1 : 0.3);
    ctx.beginPath();
    ctx.arc(point.x, point.y, 2.4, 0, TAU);
    ctx.fill();
  }

  #drawHead(ctx, item, point) {
    const offset = this.picturesFit ? this.offsets[item] : { x: 0, y: 0 };
    const place = { x: point.x + offset.x, y: point.y + offset.y };
    this.heads[item] = place;
    const sprite = this.#headSprite(item);
    const grown = item === this.player.hovered ? 1.18 : 1;
    const reach = sprite.reach * grown;
    ctx.drawImage(sprite, place.x - reach, place.y - reach, 2 * reach, 2 * reach);
  }

  /** A head drawn once: the round picture with a ring and the class shape, or the shape alone when there are many. */
  #headSprite(item) {
    const vivid = this.player.isVivid(item);
    const chosen = this.player.selection.has(item);
    // Among many shapes the few selected ones, and the one under the pointer, show their picture.
    const few = (chosen && this.player.selection.size <= MAX_PICTURE_HEADS) || item === this.player.hovered;
    const pictured = this.picturesFit || few;
    const key = `${item} ${vivid} ${chosen} ${pictured} ${this.player.theme.key}`;
    let sprite = this.sprites.get(key);
    if (!sprite) {
      sprite = document.createElement("canvas");
      const radius = pictured ? Math.max(this.headRadius, 15) : this.headRadius;
      sprite.reach = radius + 9;
      sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.density);
      const ctx = sprite.getContext("2d");
      const scale = sprite.width / (2 * sprite.reach);
      ctx.scale(scale, scale);
      ctx.translate(sprite.reach, sprite.reach);
      ctx.globalAlpha = vivid ? 1 : 0.4;
      if (pictured) this.#paintPicture(ctx, item, radius, vivid, chosen);
      else this.#paintShape(ctx, item, chosen ? radius * 1.35 : radius, vivid);
      this.sprites.set(key, sprite);
    }
    return sprite;
  }

  #paintPicture(ctx, item, radius, vivid, chosen) {
    const { theme } = this.player;
    const one = this.journey.classes[this.journey.items[item].answer];
    const color = vivid ? theme.tune(one.color) : theme.grey;
    const image = this.images[item];
    const glow = ctx.createRadialGradient(0, 0, radius * 0.8, 0, 0, radius + 8);
    glow.addColorStop(0, theme.dark ? css(color, vivid ? 0.6 : 0.1) : css(theme.ink, 0.28));
    glow.addColorStop(1, theme.dark ? css(color, 0) : css(theme.ink, 0));
    ctx.fillStyle = glow;
    ctx.fillRect(-radius - 9, -radius - 9, 2 * radius + 18, 2 * radius + 18);
    ctx.save();
    ctx.beginPath();
    ctx.arc(0, 0, radius, 0, TAU);
    ctx.fillStyle = css(blend(theme.paper, color, 0.35));
    ctx.fill();
    ctx.clip();
    if (image?.complete && image.naturalWidth) {
      const side = Math.min(image.naturalWidth, image.naturalHeight);
      ctx.imageSmoothingQuality = "high";
      if (!vivid) ctx.filter = "grayscale(1)";
      ctx.drawImage(
        image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, -radius, -radius, 2 * radius, 2 * radius,
      );
    }
    ctx.restore();
    ctx.beginPath();
    ctx.arc(0, 0, radius - 0.5, 0, TAU);
    ctx.lineWidth = chosen ? 4 : 2.6;
    ctx.strokeStyle = css(color);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(0, 0, radius + (chosen ? 2.4 : 1.4), 0, TAU);
    ctx.lineWidth = chosen ? 2 : 1;
    ctx.strokeStyle = chosen ? css(theme.ink) : css(theme.paper, 0.9);
    ctx.stroke();
    const badge = clamp(radius * 0.27, 3.6, 6);
    ctx.beginPath();
    symbolPath(ctx, one.symbol, radius * 0.72, radius * 0.72, badge);
    ctx.lineWidth = 3;
    ctx.strokeStyle = css(theme.paper);
    ctx.lineJoin = "round";
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
  }

  #paintShape(ctx, item, radius, vivid) {
    const { theme } = this.player;
    const one = this.journey.classes[this.journey.items[item].answer];
    ctx.lineJoin = "round";
    ctx.beginPath();
    symbolPath(ctx, one.symbol, 0, 0, radius);
    ctx.lineWidth = 3;
    ctx.strokeStyle = css(theme.paper, 0.95);
    ctx.stroke();
    ctx.fillStyle = css(vivid ? theme.tune(one.color) : theme.grey);
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = css(theme.ink, 0.7);
    ctx.stroke();
  }

  // ---- what lies under the pointer

  /** @returns {{kind: "item"|"text"|"center", index: number}|null} */
  hit(x, y) {
    const nearest = (points, reach) => {
      let best = -1, bestGap = reach;
      points?.forEach((point, i) => {
        const gap = Math.hypot(point.x - x, point.y - y);
        if (gap <= bestGap) [best, bestGap] = [i, gap];
      });
      return best;
    };
    const item = nearest(this.heads, this.headRadius + 6);
    if (item >= 0) return { kind: "item", index: item };
    const text = nearest(this.textPoints, this.starRadius + 6);
    if (text >= 0) return { kind: "text", index: text };
    const center = nearest(this.centerScreen, this.starRadius + 4);
    return center >= 0 ? { kind: "center", index: center } : null;
  }
}

// ------------------------------------------------------------------------------------------------ curves

/** The projection-free twin: cosine to each class text against the step. */
class CurvePainter {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.base = el("canvas", { class: "sp-layer", "aria-hidden": "true" });
    this.moving = el("canvas", { class: "sp-layer", "data-testid": "curve-canvas", "aria-hidden": "true" });
    this.width = this.height = 1;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    for (const canvas of [this.base, this.moving]) this.density = fitCanvas(canvas, width, height);
  }

  /** Recompute for the items shown (the selection, or all). */
  load(journey, items) {
    this.journey = journey;
    this.values = journey.meanCurves(items);
    let low = Infinity, high = -Infinity;
    for (const value of this.values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const margin = Math.max(0.02, (high - low) * 0.06);
    this.low = Math.max(-1, low - margin);
    this.high = Math.min(1.02, high + margin);
    const finals = journey.curveClasses.map((_, curve) => this.value(curve, journey.last));
    this.ranking = finals.map((_, curve) => curve).sort((a, b) => finals[b] - finals[a]);
    this.items = items;
  }

  /** Cosine at a fractional step. */
  value(curve, position) {
    const base = curve * this.journey.stateCount;
    const step = Math.min(Math.floor(position), this.journey.last - 1);
    return mix(this.values[base + step], this.values[base + step + 1], position - step);
  }

  get area() {
    return { left: 40, right: this.width - (this.width < 300 ? 70 : 92), top: 22, bottom: this.height - 28 };
  }

  x(position) {
    const { left, right } = this.area;
    return left + ((right - left) * position) / this.journey.last;
  }

  y(value) {
    const { top, bottom } = this.area;
    return bottom - ((bottom - top) * (value - this.low)) / (this.high - this.low);
  }

  /** Step under a screen x. */
  positionAt(x) {
    const { left, right } = this.area;
    return clamp(((x - left) / (right - left)) * this.journey.last, 0, this.journey.last);
  }

  #style(curve) {
    return this.journey.classes[this.journey.curveClasses[curve]];
  }

  drawBase() {
    const ctx = this.base.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    this.#drawFrame(ctx);
    const strong = new Set(this.ranking.slice(0, 6));
    for (const curve of [...this.ranking].reverse()) this.#drawCurve(ctx, curve, strong.has(curve));
    this.#drawCommitment(ctx);
    this.#drawEndLabels(ctx);
  }

  #drawFrame(ctx) {
    const { theme } = this.player;
    const { left, right, top, bottom } = this.area;
    const middle = this.x(this.journey.handOver);
    ctx.fillStyle = css(theme.ink, 0.028);
    ctx.fillRect(left, top, middle - left, bottom - top);
    ctx.font = `500 11px ${this.player.theme.font}`;
    ctx.textBaseline = "middle";
    const { values, digits } = ticks(this.low, this.high);
    for (const tick of values) {
      const y = this.y(tick);
      ctx.fillStyle = css(theme.ink, 0.09);
      ctx.fillRect(left, Math.round(y), right - left, 1);
      ctx.fillStyle = css(theme.muted);
      ctx.textAlign = "right";
      ctx.fillText(numberText(tick, digits), left - 8, y);
    }
    ctx.setLineDash([3, 4]);
    ctx.strokeStyle = css(theme.ink, 0.45);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(middle, top - 4);
    ctx.lineTo(middle, bottom);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = css(theme.muted);
    ctx.textAlign = "center";
    ctx.fillText("hand-over", middle, top - 12);
    ctx.textAlign = "left";
    ctx.fillText("0", left, bottom + 18);
    ctx.textAlign = "right";
    ctx.fillText(`step ${this.journey.last}`, right, bottom + 18);
  }

  #drawCurve(ctx, curve, strong) {
    const { theme } = this.player;
    const style = this.#style(curve);
    const dimmed = this.player.isDimmed(style);
    const first = curve === this.ranking[0];
    ctx.strokeStyle = css(dimmed ? theme.grey : theme.tune(style.color), dimmed ? 0.25 : strong ? 0.95 : 0.4);
    ctx.lineWidth = dimmed ? 1 : first ? 2.6 : strong ? 1.7 : 1;
    ctx.lineJoin = "round";
    ctx.beginPath();
    for (let step = 0; step <= this.journey.last; step++) {
      ctx[step ? "lineTo" : "moveTo"](this.x(step), this.y(this.value(curve, step)));
    }
    ctx.stroke();
  }

  /** Where items commit: a flag on the axis for each, and for a single one a line up to its curve. */
  #drawCommitment(ctx) {
    const { theme } = this.player;
    const { bottom } = this.area;
    for (const index of this.items) {
      const item = this.journey.items[index];
      const style = this.journey.classes[item.nearest];
      const color = this.player.isDimmed(style) ? theme.grey : theme.tune(style.color);
      const x = this.x(item.commitment);
      const reach = this.items.length === 1 ? 6 : 4;
      ctx.beginPath();
      ctx.moveTo(x - reach, bottom + 1.7 * reach);
      ctx.lineTo(x + reach, bottom + 1.7 * reach);
      ctx.lineTo(x, bottom + 1);
      ctx.closePath();
      ctx.fillStyle = css(color, this.items.length === 1 ? 1 : 0.7);
      ctx.fill();
      if (this.items.length === 1) this.#drawCommitmentLine(ctx, item, color, x);
    }
  }

  #drawCommitmentLine(ctx, item, color, x) {
    const { theme } = this.player;
    const curve = this.journey.curveClasses.indexOf(item.nearest);
    if (curve < 0) return;
    const y = this.y(this.value(curve, item.commitment));
    ctx.strokeStyle = css(color, 0.75);
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    ctx.moveTo(x, this.area.bottom);
    ctx.lineTo(x, y);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, y, 4.5, 0, TAU);
    ctx.fillStyle = css(theme.paper);
    ctx.fill();
    ctx.lineWidth = 2;
    ctx.strokeStyle = css(color);
    ctx.stroke();
  }

  #drawEndLabels(ctx) {
    const { theme } = this.player;
    const { right, top, bottom } = this.area;
    const spacing = 15;
    const shown = this.ranking.slice(0, clamp(Math.floor((bottom - top) / spacing), 1, 6));
    const labels = shown
      .map((curve) => ({ curve, y: this.y(this.value(curve, this.journey.last)) }))
      .sort((a, b) => a.y - b.y);
    spreadLabels(labels, spacing, top + 4, bottom - 4);
    ctx.font = `550 11.5px ${this.player.theme.font}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const { curve, y } of labels) {
      const style = this.#style(curve);
      const dimmed = this.player.isDimmed(style);
      ctx.beginPath();
      symbolPath(ctx, style.symbol, right + 11, y, 4.2);
      ctx.fillStyle = css(dimmed ? theme.grey : theme.tune(style.color));
      ctx.fill();
      ctx.fillStyle = css(dimmed ? theme.grey : theme.ink);
      ctx.fillText(fitText(ctx, style.name, this.width - right - 22), right + 20, y);
    }
  }

  drawMoving(position) {
    const { theme } = this.player;
    const { top, bottom } = this.area;
    const ctx = this.moving.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    const x = this.x(position);
    ctx.fillStyle = css(theme.accent, 0.9);
    ctx.fillRect(x - 1, top - 2, 2, bottom - top + 2);
    for (const curve of this.ranking.slice(0, 6).reverse()) {
      const style = this.#style(curve);
      if (this.player.isDimmed(style)) continue;
      ctx.beginPath();
      symbolPath(ctx, style.symbol, x, this.y(this.value(curve, position)), 5);
      ctx.lineWidth = 2.5;
      ctx.lineJoin = "round";
      ctx.strokeStyle = css(theme.paper);
      ctx.stroke();
      ctx.fillStyle = css(theme.tune(style.color));
      ctx.fill();
    }
  }
}

/** Three to six round values within bounds, and the decimals that they need. */
function ticks(low, high) {
  const step = [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((size) => (high - low) / size <= 5.5) ?? 1;
  const values = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return { values, digits: step < 0.1 ? 2 : 1 };
}

/** Push sorted labels apart so that they neither overlap nor leave their range. */
function spreadLabels(labels, spacing, top, bottom) {
  for (let i = 0; i < labels.length; i++) {
    const least = i ? labels[i - 1].y + spacing : top;
    labels[i].y = Math.max(labels[i].y, least);
  }
  for (let i = labels.length - 1; i >= 0; i--) {
    const most = i < labels.length - 1 ? labels[i + 1].y - spacing : bottom;
    labels[i].y = Math.min(labels[i].y, most);
  }
}

// ------------------------------------------------------------------------------------------------ the player

/** Controls, linked views and state. One per page element; a rerun only calls `update`. */
class Player {
  /** @param {ParentNode} host @param {object} payload @param {Options} options */
  constructor(host, payload, options) {
    this.options = options;
    this.view = new View();
    /** @type {Set<number>} */ this.selection = new Set();
    /** Class style that is highlighted, as "#rrggbb symbol". @type {string|null} */ this.highlight = null;
    this.hovered = -1;
    this.lastStep = -1;
    this.framesDrawn = 0;
    this.abort = new AbortController();
    this.motion = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.map = new MapPainter(this);
    this.curves = new CurvePainter(this);
    this.#build();
    host.append(this.root);
    this.root.sedaPlayer = this; // for tests and benchmarks
    this.theme = new Theme(this.root);
    this.#listen();
    this.load(payload);
    this.update(options);
    this.resize();
  }

  // ---- content

  /** Show a journey from its beginning. */
  load(payload) {
    const journey = new Journey(payload);
    this.journey = journey;
    const { speed = 1, loop = false } = this.clock ?? {};
    this.clock = new Clock(journey.last, journey.handOver);
    Object.assign(this.clock, { speed, loop });
    this.selection.clear();
    this.highlight = null;
    this.hovered = -1;
    this.lastStep = -1;
    this.reported = "";
    this.root.dataset.fingerprint = journey.fingerprint;
    this.parts.title.textContent = journey.title;
    this.parts.note.textContent = journey.note;
    this.parts.note.title = journey.note;
    this.parts.mapNote.textContent = journey.mapNote;
    this.parts.scrub.max = String(journey.last);
    this.#layOutTrack();
    this.#buildLegend();
    this.#buildGallery();
    this.#buildSettings();
    this.map.load(journey);
    this.view.reset();
    this.zoomGoal = null;
    this.root.dataset.zoom = "1.00";
    this.#selectionChanged(false);
    this.resize();
    if (this.motion.matches) this.clock.position = journey.last;
    else if (!this.options.start) this.clock.play();
    this.invalidate(true);
  }

  /** New options after a rerun: callbacks, height, and a state to show when Python asks for another one. */
  update(options) {
    this.options = options;
    // at least as high as asked for; a tall window gives it three quarters of itself
    if (options.height) this.root.style.setProperty("--sp-height", `max(${options.height}px, min(74vh, 1000px))`);
    const asked = JSON.stringify(options.start ?? null);
    // What this player itself reported may come back as `start`, late: it must not undo what the user did since.
    if (options.start && asked !== this.asked && asked !== this.reported) {
      this.selection = new Set(options.start.selection.filter((item) => item >= 0 && item < this.journey.items.length));
      this.#selectionChanged(false);
      this.pause();
      this.seek(options.start.step);
    }
    this.asked = asked;
  }

  // ---- state

  get step() {
    return this.clock.step;
  }

  /** Whether an item is drawn in colour: selected (or nothing is), and of the highlighted class (or none is). */
  isVivid(item) {
    const one = this.journey.classes[this.journey.items[item].answer];
    return (this.selection.size === 0 || this.selection.has(item)) && !this.isDimmed(one);
  }

  /** @param {Styled} one */
  isDimmed(one) {
    return this.highlight !== null && this.highlight !== styleKey(one);
  }

  play() {
    this.glide = null;
    this.clock.play();
    this.lastFrame = 0;
    this.invalidate();
  }

  pause() {
    if (!this.clock.playing) return;
    this.clock.playing = false;
    this.clock.position = this.clock.step;
    this.invalidate();
    this.#settle();
  }

  toggle() {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  /** Go to a step at once. */
  seek(position) {
    this.glide = null;
    this.clock.position = clamp(position, 0, this.journey.last);
    this.clock.rest = 0;
    this.hurried = !this.clock.playing;
    this.invalidate();
    if (!this.clock.playing) this.#settle();
  }

  /** Go to a neighbouring step with a short glide. */
  stepBy(count) {
    const goal = clamp((this.glide ?? this.clock.step) + count, 0, this.journey.last);
    this.clock.playing = false;
    if (this.motion.matches) this.seek(goal);
    else this.glide = goal;
    this.invalidate();
    this.#settle();
  }

  select(item, additive = false) {
    const alone = this.selection.size === 1 && this.selection.has(item);
    if (additive) this.selection[this.selection.has(item) ? "delete" : "add"](item);
    else this.selection = alone ? new Set() : new Set([item]);
    this.#selectionChanged();
  }

  clearSelection() {
    if (this.selection.size === 0) return;
    this.selection.clear();
    this.#selectionChanged();
  }

  toggleHighlight(one) {
    this.highlight = this.isDimmed(one) || this.highlight === null ? styleKey(one) : null;
    for (const { button, style } of this.legendRows) button.setAttribute("aria-pressed", String(this.highlight === styleKey(style)));
    this.root.dataset.highlight = this.highlight ?? "";
    this.invalidate(true);
  }

  #selectionChanged(settles = true) {
    const chosen = [...this.selection].sort((a, b) => a - b);
    this.root.dataset.selection = chosen.join(",");
    const shown = chosen.length ? chosen : this.journey.items.map((_, index) => index);
    this.curves.load(this.journey, shown);
    this.cards.forEach((card, index) => {
      card.setAttribute("aria-pressed", String(this.selection.has(index)));
      card.classList.toggle("is-grey", chosen.length > 0 && !this.selection.has(index));
    });
    if (chosen.length) this.#showCard(this.cards[chosen.at(-1)]);
    this.#describeCurves(shown);
    this.lastStep = -1;
    this.invalidate(true);
    if (settles) this.#settle();
  }

  /** Bring a card of the strip into sight without moving the page, as scrollIntoView would. */
  #showCard(card) {
    const { gallery } = this.parts;
    const left = card.offsetLeft - gallery.offsetLeft, right = left + card.offsetWidth;
    if (left < gallery.scrollLeft) gallery.scrollLeft = left - 12;
    else if (right > gallery.scrollLeft + gallery.clientWidth) gallery.scrollLeft = right - gallery.clientWidth + 12;
  }

  /** The sentences above the curves. */
  #describeCurves(shown) {
    const { items, classes, curveClasses } = this.journey;
    const whose = shown.length === 1 ? items[shown[0]].name : this.selection.size ? `mean of ${shown.length} selected items` : `mean of all ${shown.length} items`;
    this.parts.curveWhose.textContent = whose;
    const kept = curveClasses.length < classes.length ? ` Curves of the nearest ${curveClasses.length} of ${classes.length} class texts.` : "";
    this.parts.commitment.textContent = (shown.length === 1 ? this.#oneCommitment(items[shown[0]]) : this.#allCommitments(shown)) + kept;
    this.parts.curveStage.setAttribute(
      "aria-label", `Similarity to each class text against the step, ${whose}. ${this.parts.commitment.textContent}`,
    );
  }

  #oneCommitment(item) {
    const winner = this.journey.classes[item.nearest].name;
    if (item.commitment === 0) return `Nearest to “${winner}” from the start.`;
    return `Commits at step ${item.commitment}: “${winner}” stays nearest from there.`;
  }

  #allCommitments(shown) {
    const steps = shown.map((index) => this.journey.items[index].commitment).sort((a, b) => a - b);
    const middle = steps[Math.floor(steps.length / 2)];
    return `Items commit to a class text between step ${steps[0]} and ${steps.at(-1)} (median ${middle}). Select one to follow it.`;
  }

  /** Tell Python and screen readers once things have come to rest. */
  #settle() {
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => {
      if (this.clock.playing || (this.glide ?? null) !== null) return;
      this.#announce(true);
      const state = { step: this.step, selection: [...this.selection].sort((a, b) => a - b) };
      const text = JSON.stringify(state);
      if (text === this.reported) return;
      this.reported = text;
      this.options.report?.({ ...state, fingerprint: this.journey.fingerprint });
    }, 280);
  }

  #announce(now = false) {
    const time = performance.now();
    if (!now && time - (this.announced ?? 0) < 4000) return;
    this.announced = time;
    const playing = this.clock.playing ? "playing, " : "";
    this.parts.live.textContent = playing + this.journey.caption(this.step);
  }

  // ---- frames

  /** Ask for a frame; `still` also redraws the layers that do not move. */
  invalidate(still = false) {
    this.stillDirty ||= still;
    this.frameRequest ||= requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now) {
    this.frameRequest = 0;
    if (this.destroyed || !this.theme) return;
    if (!this.root.isConnected) {
      this.lastFrame = 0;
      return;
    }
    const seconds = this.lastFrame ? Math.min(0.1, (now - this.lastFrame) / 1000) : 0;
    this.lastFrame = now;
    const wasPlaying = this.clock.playing;
    this.clock.tick(seconds);
    const gliding = this.#glideOn(seconds) | this.#zoomOn(seconds);
    if (wasPlaying && !this.clock.playing) this.#settle();
    // With reduced motion nothing slides: the picture changes from state to state.
    const position = this.motion.matches ? this.clock.step : this.clock.position;
    if (this.stillDirty) {
      this.map.drawBase(now < (this.viewMovingUntil ?? 0));
      this.curves.drawBase();
      this.stillDirty = false;
    }
    const sliding = this.map.drawMoving(position, this.hurried || this.motion.matches);
    this.hurried = false;
    this.curves.drawMoving(position);
    this.#showState(position, now);
    this.framesDrawn += 1;
    if (this.clock.playing || gliding || sliding) this.invalidate();
    else this.lastFrame = 0;
  }

  #glideOn(seconds) {
    if (this.glide === null || this.glide === undefined) return false;
    const gap = this.glide - this.clock.position;
    if (Math.abs(gap) < 0.02) {
      this.clock.position = this.glide;
      this.glide = null;
      this.#settle();
      return false;
    }
    this.clock.position += gap * Math.min(1, Math.max(seconds, 0.008) * 16);
    return true;
  }

  #zoomOn(seconds) {
    if (!this.zoomGoal) return false;
    const share = Math.min(1, Math.max(seconds, 0.008) * 12);
    for (const name of ["zoom", "panX", "panY"]) this.view[name] = mix(this.view[name], this.zoomGoal[name], share);
    if (Math.abs(this.view.zoom - this.zoomGoal.zoom) < 0.004) {
      Object.assign(this.view, this.zoomGoal);
      this.zoomGoal = null;
    }
    this.#viewChanged();
    return true;
  }

  /** Text and controls; those that change with the step only are written only then. */
  #showState(position, now) {
    const { parts, clock, journey } = this;
    if (document.activeElement !== parts.scrub || !this.scrubbing) parts.scrub.value = String(position);
    parts.track.style.setProperty("--sp-past", String(position / journey.last));
    parts.firstFill.style.transform = `scaleX(${clamp(position / journey.handOver, 0, 1)})`;
    const second = (position - journey.handOver - 1) / Math.max(1, journey.last - journey.handOver - 1);
    parts.secondFill.style.transform = `scaleX(${clamp(second, 0, 1)})`;
    if (this.root.dataset.playing !== String(clock.playing)) this.#showPlaying();
    if (now - (this.legendShown ?? 0) > 90 || this.step !== this.lastStep && !clock.playing) {
      this.legendShown = now;
      this.#showLegendValues(position);
    }
    if (this.step === this.lastStep) return;
    this.lastStep = this.step;
    const caption = journey.caption(this.step);
    parts.caption.textContent = caption;
    parts.scrub.setAttribute("aria-valuetext", caption);
    this.root.dataset.step = String(this.step);
    parts.stageMarks.forEach((mark, i) => mark.classList.toggle("is-now", journey.stages[this.step] === i + 1));
    parts.handOverMark.classList.toggle("is-now", this.step === journey.handOver);
    if (this.tip) this.#fillTooltip();
    if (clock.playing) this.#announce();
  }

  #showPlaying() {
    const { play } = this.parts;
    const playing = this.clock.playing;
    this.root.dataset.playing = String(playing);
    play.replaceChildren(icon(playing ? "pause" : "play"));
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = playing ? "Pause (space)" : "Play (space)";
  }

  #showLegendValues(position) {
    const { low, high } = this.curves;
    for (const row of this.legendRows) {
      if (row.curve < 0) continue;
      const value = this.curves.value(row.curve, position);
      row.bar.style.transform = `scaleX(${clamp((value - low) / (high - low), 0.01, 1)})`;
      row.value.textContent = numberText(value);
    }
  }

  // ---- size and theme

  resize() {
    const width = this.root.clientWidth;
    this.root.classList.toggle("is-narrow", width < NARROW);
    const map = this.parts.mapStage.getBoundingClientRect();
    const curve = this.parts.curveStage.getBoundingClientRect();
    if (map.width < 2 || map.height < 2) return;
    this.view.frame(this.journey, map.width, map.height);
    this.map.resize(map.width, map.height);
    this.curves.resize(Math.max(curve.width, 2), Math.max(curve.height, 2));
    this.hurried = !this.clock.playing;
    this.invalidate(true);
  }

  restyle() {
    const theme = new Theme(this.root);
    if (theme.key === this.theme.key) return;
    this.theme = theme;
    this.#paintSwatches();
    this.invalidate(true);
  }

  #viewChanged() {
    this.root.dataset.zoom = this.view.zoom.toFixed(2);
    this.parts.mapStage.classList.toggle("is-zoomed", this.view.zoom > 1.01);
    this.hideTooltip();
    this.invalidate(true);
    // Painting thousands of points takes longer than a frame; that waits until the view has come to rest.
    this.viewMovingUntil = performance.now() + 110;
    clearTimeout(this.viewTimer);
    this.viewTimer = setTimeout(() => this.invalidate(true), 130);
  }

  zoomBy(factor, x = this.view.width / 2, y = this.view.height / 2) {
    this.zoomGoal = null;
    this.view.zoomAt(factor, x, y);
    this.#viewChanged();
  }

  resetZoom() {
    this.zoomGoal = { zoom: 1, panX: 0, panY: 0 };
    if (this.motion.matches) Object.assign(this.view, this.zoomGoal);
    this.invalidate();
  }

  // ---- building

  #build() {
    const parts = (this.parts = {});
    parts.title = el("h2", { class: "sp-title" });
    parts.note = el("p", { class: "sp-note" });
    parts.caption = el("p", { class: "sp-caption", "data-testid": "player-caption" });
    parts.live = el("p", { class: "sp-hidden", role: "status", "aria-live": "polite", "data-testid": "live-status" });
    parts.tooltip = el("div", { class: "sp-tooltip", role: "tooltip", "data-testid": "tooltip", hidden: true });
    parts.legend = el("div", { class: "sp-legend", role: "group", "aria-label": "Classes: press to highlight", "data-testid": "legend" });
    parts.gallery = el("div", { class: "sp-gallery", role: "group", "aria-label": "Items: press to select", "data-testid": "gallery" });
    parts.mapNote = el("p", { class: "sp-map-note", "data-testid": "map-note" });
    parts.settings = el("dl", { class: "sp-settings" });
    this.root = el(
      "section", { class: "sp-root", "aria-label": "Journey player", "data-testid": "player-root" },
      el("span", { class: "sp-accent-probe", "aria-hidden": "true" }),
      el("header", { class: "sp-header" }, el("div", { class: "sp-heading" }, parts.title, parts.note), parts.caption),
      el("div", { class: "sp-main" }, this.#buildMap(), this.#buildSide()),
      this.#buildTransport(),
      parts.gallery,
      el("footer", { class: "sp-footer" }, parts.mapNote, this.#buildDetails()),
      parts.live,
      parts.tooltip,
    );
  }

  #buildDetails() {
    return el("details", { class: "sp-details", "data-testid": "settings" }, el("summary", { text: "How this was made" }), this.parts.settings);
  }

  #buildMap() {
    const key = (shape, text) => {
      const canvas = el("canvas", { class: "sp-key-shape", "data-shape": shape, width: 32, height: 32, "aria-hidden": "true" });
      return el("span", {}, canvas, el("span", { text }));
    };
    this.parts.mapKey = el("div", { class: "sp-map-key" }, key("diamond", "category center"), key("star", "class text"), key("circle", "training feature"));
    this.parts.mapStage = el(
      "div",
      { class: "sp-map", tabindex: 0, role: "group", "aria-label": "Map of the journey. Space plays, arrows step, plus and minus zoom.", "data-testid": "map" },
      this.map.base, this.map.moving, this.parts.mapKey,
      el(
        "div", { class: "sp-zoom" },
        iconButton("plus", "Zoom in", "zoom-in", () => this.zoomBy(1.5)),
        iconButton("minus", "Zoom out", "zoom-out", () => this.zoomBy(1 / 1.5)),
        iconButton("fit", "Show all", "zoom-reset", () => this.resetZoom()),
      ),
    );
    return this.parts.mapStage;
  }

  #buildSide() {
    const { parts } = this;
    parts.curveWhose = el("span", { class: "sp-whose", "data-testid": "curve-whose" });
    parts.commitment = el("p", { class: "sp-commitment", "data-testid": "commitment" });
    parts.curveStage = el("div", { class: "sp-curves", role: "img" }, this.curves.base, this.curves.moving);
    const heading = el("h3", { class: "sp-side-title" }, el("span", { text: "Similarity to each class text" }), parts.curveWhose);
    return el("aside", { class: "sp-side" }, el("div", { class: "sp-curve-card" }, heading, parts.curveStage, parts.commitment), parts.legend);
  }

  #buildTransport() {
    const { parts } = this;
    parts.play = el("button", { type: "button", class: "sp-button sp-play", "data-testid": "play", on: { click: () => this.toggle() } });
    parts.scrub = el("input", {
      type: "range", class: "sp-scrub", min: 0, max: 1, step: "any", value: 0, "aria-label": "Step of the journey", "data-testid": "scrub",
    });
    parts.firstFill = el("i");
    parts.secondFill = el("i");
    const segment = (name, fill) => el("div", { class: `sp-segment ${name}` }, fill);
    parts.stageMarks = [el("span", { text: "1 · to category centers" }), el("span", { text: "2 · to class texts" })];
    parts.handOverMark = el("b", { class: "sp-hand-over", title: "hand-over at the category centers" });
    parts.first = el("div", { class: "sp-stage", "data-testid": "stage-1" }, parts.stageMarks[0], segment("is-first", parts.firstFill));
    parts.second = el("div", { class: "sp-stage", "data-testid": "stage-2" }, parts.stageMarks[1], segment("is-second", parts.secondFill));
    parts.track = el("div", { class: "sp-track" }, parts.first, parts.second, parts.handOverMark, parts.scrub);
    parts.speed = el(
      "select", { class: "sp-speed", "aria-label": "Speed", title: "Speed", "data-testid": "speed" },
      ...SPEEDS.map((speed) => el("option", { value: speed, text: `${speed}×`, selected: speed === 1 })),
    );
    parts.loop = iconButton("loop", "Loop", "loop", () => this.#toggleLoop(), { "aria-pressed": "false" });
    return el(
      "div", { class: "sp-transport", role: "group", "aria-label": "Playback" },
      el(
        "div", { class: "sp-buttons" },
        iconButton("replay", "Replay from the start", "replay", () => this.replay()),
        iconButton("back", "One step back", "step-back", () => this.stepBy(-1)),
        parts.play,
        iconButton("forward", "One step forward", "step-forward", () => this.stepBy(1)),
      ),
      parts.track,
      el("div", { class: "sp-extras" }, parts.speed, parts.loop),
    );
  }

  replay() {
    this.seek(0);
    this.play();
  }

  #toggleLoop() {
    this.clock.loop = !this.clock.loop;
    this.parts.loop.setAttribute("aria-pressed", String(this.clock.loop));
  }

  /** Place the two segments so that they end exactly under the thumb's way. */
  #layOutTrack() {
    const { journey, parts } = this;
    const place = (part, from, to) => {
      part.style.setProperty("--sp-from", String(from / journey.last));
      part.style.setProperty("--sp-to", String(to / journey.last));
    };
    place(parts.first, 0, journey.handOver);
    place(parts.second, journey.handOver + 1, journey.last);
    place(parts.handOverMark, journey.handOver, journey.handOver);
  }

  #buildLegend() {
    const { classes, centers, curveClasses } = this.journey;
    this.legendRows = [];
    const curveOf = new Map(curveClasses.map((one, curve) => [one, curve]));
    const rows = classes.map((style, index) => this.#legendRow(style, curveOf.get(index) ?? -1, index));
    const shown = new Set(classes.map(styleKey));
    const others = centers.filter((center) => !shown.has(styleKey(center)));
    const otherRows = others.map((style) => this.#legendRow(style, -1, -1));
    const heading = others.length ? [el("p", { class: "sp-legend-heading", text: "Training categories without a class text here" })] : [];
    this.parts.legend.replaceChildren(...rows, ...heading, ...otherRows);
    this.#paintSwatches();
  }

  #legendRow(style, curve, index) {
    const swatch = el("canvas", { class: "sp-swatch", width: 36, height: 36, "aria-hidden": "true" });
    const bar = el("i", { class: "sp-bar" });
    const value = el("span", { class: "sp-value" });
    const button = el(
      "button",
      {
        type: "button", class: "sp-legend-row", "aria-pressed": "false", title: style.name,
        "data-testid": "legend-entry", "data-index": index, on: { click: () => this.toggleHighlight(style) },
      },
      swatch, el("span", { class: "sp-legend-name", text: style.name }),
      ...(curve >= 0 ? [el("span", { class: "sp-bar-ground" }, bar), value] : []),
    );
    this.legendRows.push({ button, swatch, bar, value, style, curve });
    return button;
  }

  #paintSwatches() {
    const paint = (canvas, symbol, color) => {
      const ctx = canvas.getContext("2d");
      ctx.clearRect(0, 0, canvas.width, canvas.height);
      ctx.beginPath();
      symbolPath(ctx, symbol, canvas.width / 2, canvas.height / 2, canvas.width * 0.34);
      ctx.fillStyle = css(color);
      ctx.fill();
    };
    for (const { swatch, bar, style } of this.legendRows) {
      const color = this.theme ? this.theme.tune(style.color) : toRgb(style.color);
      paint(swatch, style.symbol, color);
      bar.style.backgroundColor = css(color);
    }
    const ink = this.theme?.muted ?? [128, 128, 128];
    for (const canvas of this.parts.mapKey.querySelectorAll("canvas")) paint(canvas, canvas.dataset.shape, ink);
  }

  #buildGallery() {
    const { items, classes } = this.journey;
    this.cards = items.map((item, index) => {
      const answer = classes[item.answer];
      const picture = item.thumbnail ? el("img", { src: item.thumbnail, alt: "", draggable: "false" }) : el("span", { class: "sp-no-picture" });
      const card = el(
        "button",
        {
          type: "button", class: "sp-card", "aria-pressed": "false", title: item.name, "data-testid": "gallery-card", "data-index": index,
          on: {
            click: (event) => this.select(index, event.shiftKey || event.ctrlKey || event.metaKey),
            pointerenter: (event) => event.pointerType === "mouse" && this.#hoverItem(index, card),
            pointerleave: () => this.hideTooltip(),
            focus: () => card.matches(":focus-visible") && this.#hoverItem(index, card),
            blur: () => this.hideTooltip(),
          },
        },
        picture,
        el("span", { class: "sp-card-text" }, el("span", { class: "sp-card-name", text: item.name }), el("span", { class: "sp-card-answer", text: answer.name })),
      );
      card.style.setProperty("--sp-class", answer.color);
      return card;
    });
    this.parts.gallery.replaceChildren(...this.cards);
  }

  #buildSettings() {
    const { journey } = this;
    const total = journey.referenceTotal, shown = journey.referenceLabels.length;
    const reference = shown < total ? `${shown.toLocaleString("en")} of ${total.toLocaleString("en")}` : total.toLocaleString("en");
    const lines = [["items", String(journey.items.length)], ["states", String(journey.stateCount)], ["training features shown", reference], ...journey.settings];
    this.parts.settings.replaceChildren(...lines.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  }

  // ---- tooltip

  #hoverItem(index, anchor) {
    this.hovered = index;
    this.tip = { kind: "item", index, anchor };
    this.#fillTooltip();
    this.invalidate();
  }

  #hover(hit) {
    this.hovered = hit?.kind === "item" ? hit.index : -1;
    this.parts.mapStage.classList.toggle("is-over", Boolean(hit) && hit.kind !== "center");
    if (!hit) return this.hideTooltip();
    this.tip = hit;
    this.#fillTooltip();
    return this.invalidate();
  }

  hideTooltip() {
    if (!this.tip) return;
    this.tip = null;
    this.hovered = -1;
    this.parts.tooltip.hidden = true;
    this.invalidate();
  }

  #fillTooltip() {
    const { tooltip } = this.parts;
    const { kind, index } = this.tip;
    tooltip.replaceChildren(...(kind === "item" ? this.#itemTip(index) : this.#landmarkTip(kind, index)));
    tooltip.hidden = false;
    this.#placeTooltip();
  }

  #landmarkTip(kind, index) {
    const one = kind === "text" ? this.journey.classes[index] : this.journey.centers[index];
    const what = kind === "text" ? "class text" : "category center";
    return [el("div", {}, el("strong", { text: one.name }), el("p", { class: "sp-tip-what", text: what }))];
  }

  #itemTip(index) {
    const { items, classes, curveClasses } = this.journey;
    const item = items[index];
    const values = curveClasses.map((one, curve) => ({ style: classes[one], value: this.journey.similarity(index, this.step, curve) }));
    values.sort((a, b) => b.value - a.value);
    const rows = values.slice(0, 3).map(({ style, value }) => {
      const dot = el("i", { class: "sp-dot" });
      dot.style.backgroundColor = css(this.theme.tune(style.color));
      return el("li", {}, dot, el("span", { text: style.name }), el("span", { class: "sp-value", text: numberText(value) }));
    });
    const [answer, probability] = item.top[0];
    const result = `ends at “${classes[answer].name}” with ${Math.round(probability * 100)} %`;
    return [
      item.thumbnail ? el("img", { src: item.thumbnail, alt: "" }) : null,
      el(
        "div", {}, el("strong", { text: item.name }),
        el("p", { class: "sp-tip-what", text: `step ${this.step}: nearest class texts` }), el("ol", {}, ...rows),
        el("p", { class: "sp-tip-what", text: result }),
      ),
    ].filter(Boolean);
  }

  #placeTooltip() {
    const { tooltip, mapStage } = this.parts;
    const root = this.root.getBoundingClientRect();
    const box = this.tip.anchor?.getBoundingClientRect();
    let x, y, gap;
    if (box) {
      [x, y, gap] = [box.left + box.width / 2 - root.left, box.top - root.top, 8];
    } else {
      const stage = mapStage.getBoundingClientRect();
      const places = { item: this.map.heads, text: this.map.textPoints, center: this.map.centerScreen };
      const point = places[this.tip.kind][this.tip.index];
      [x, y, gap] = [stage.left - root.left + point.x, stage.top - root.top + point.y, this.map.headRadius + 10];
    }
    const width = tooltip.offsetWidth, height = tooltip.offsetHeight;
    const left = clamp(x - width / 2, 6, Math.max(6, root.width - width - 6));
    const top = y - gap - height < 0 ? y + gap : y - gap - height;
    tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  // ---- input

  #listen() {
    const { parts, root } = this;
    const signal = this.abort.signal;
    const on = (target, event, listener, options = {}) => target.addEventListener(event, listener, { signal, ...options });
    on(root, "keydown", (event) => this.#onKey(event));
    on(parts.scrub, "input", () => this.#onScrub());
    on(parts.scrub, "change", () => this.#endScrub());
    on(parts.speed, "change", () => { this.clock.speed = Number(parts.speed.value); });
    on(this.motion, "change", () => this.invalidate(true));
    // A colour transition of almost no length tells when Streamlit's or the system's theme has changed.
    on(root, "transitionend", (event) => event.target === root && this.restyle());
    this.#listenToMap(on);
    this.#listenToCurves(on);
    this.resizeObserver = new ResizeObserver(() => this.resize());
    for (const element of [root, parts.mapStage, parts.curveStage]) this.resizeObserver.observe(element);
  }

  #onKey(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
    const pressed = target instanceof HTMLButtonElement || target.tagName === "SUMMARY";
    const actions = {
      " ": pressed ? null : () => this.toggle(),
      ArrowRight: () => this.stepBy(1),
      ArrowLeft: () => this.stepBy(-1),
      ArrowUp: target === this.parts.scrub ? () => this.stepBy(1) : null,
      ArrowDown: target === this.parts.scrub ? () => this.stepBy(-1) : null,
      PageUp: target === this.parts.scrub ? () => this.stepBy(5) : null,
      PageDown: target === this.parts.scrub ? () => this.stepBy(-5) : null,
      Home: () => this.#jump(0),
      End: () => this.#jump(this.journey.last),
      "+": () => this.zoomBy(1.4),
      "-": () => this.zoomBy(1 / 1.4),
      0: () => this.resetZoom(),
      Escape: () => this.#escape(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #jump(step) {
    this.clock.playing = false;
    this.seek(step);
  }

  #escape() {
    this.hideTooltip();
    if (this.highlight !== null) this.toggleHighlight(this.legendRows.find(({ style }) => styleKey(style) === this.highlight).style);
    this.clearSelection();
  }

  #onScrub() {
    this.scrubbing = true;
    this.clock.playing = false;
    this.seek(Number(this.parts.scrub.value));
  }

  /** Let go between two states: glide to the nearer one. */
  #endScrub() {
    this.scrubbing = false;
    this.stepBy(0);
  }

  #listenToMap(on) {
    const stage = this.parts.mapStage;
    const pointers = new Map();
    let travelled = 0;
    const local = (event) => {
      const box = stage.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const onControl = (event) => event.target.closest?.("button");
    on(stage, "wheel", (event) => {
      // At the outermost view a wheel that zooms out scrolls the page, so that nobody is caught in the map.
      if (event.deltaY > 0 && this.view.zoom <= 1) return;
      event.preventDefault();
      const { x, y } = local(event);
      this.zoomBy(Math.exp(-clamp(event.deltaY, -120, 120) * (event.ctrlKey ? 0.012 : 0.0028)), x, y);
    }, { passive: false });
    on(stage, "pointerdown", (event) => {
      if (onControl(event) || event.button > 0) return;
      pointers.set(event.pointerId, local(event));
      travelled = 0;
      stage.setPointerCapture(event.pointerId);
    });
    on(stage, "pointermove", (event) => {
      const now = local(event);
      const before = pointers.get(event.pointerId);
      if (!before) {
        if (event.pointerType === "mouse") this.#hover(onControl(event) ? null : this.map.hit(now.x, now.y));
        return;
      }
      travelled += Math.hypot(now.x - before.x, now.y - before.y);
      if (pointers.size === 1 && travelled > 4) this.#pan(now.x - before.x, now.y - before.y);
      if (pointers.size === 2) this.#pinch(pointers, event.pointerId, before, now);
      pointers.set(event.pointerId, now);
    });
    const release = (event) => {
      const known = pointers.delete(event.pointerId);
      if (known && event.type === "pointerup" && travelled <= 4) this.#click(local(event), event);
    };
    on(stage, "pointerup", release);
    on(stage, "pointercancel", release);
    on(stage, "pointerleave", () => this.hideTooltip());
    on(stage, "dblclick", (event) => !onControl(event) && this.resetZoom());
  }

  #pan(dx, dy) {
    if (this.view.zoom <= 1) return;
    this.zoomGoal = null;
    this.view.panX += dx;
    this.view.panY += dy;
    this.view.limit();
    this.#viewChanged();
  }

  #pinch(pointers, moving, before, now) {
    const other = [...pointers].find(([id]) => id !== moving)[1];
    const gap = Math.hypot(before.x - other.x, before.y - other.y) || 1;
    this.zoomBy(Math.hypot(now.x - other.x, now.y - other.y) / gap, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  #click({ x, y }, event) {
    const hit = this.map.hit(x, y);
    if (hit?.kind === "item") this.select(hit.index, event.shiftKey || event.ctrlKey || event.metaKey);
    else if (hit?.kind === "text") this.toggleHighlight(this.journey.classes[hit.index]);
    else if (hit?.kind === "center") this.toggleHighlight(this.journey.centers[hit.index]);
    else this.clearSelection();
    if (event.pointerType !== "mouse") this.#hover(hit);
  }

  #listenToCurves(on) {
    const stage = this.parts.curveStage;
    const seek = (event) => {
      this.clock.playing = false;
      this.seek(this.curves.positionAt(event.clientX - stage.getBoundingClientRect().left));
    };
    on(stage, "pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      seek(event);
    });
    on(stage, "pointermove", (event) => stage.hasPointerCapture(event.pointerId) && seek(event));
    on(stage, "pointerup", () => this.stepBy(0));
  }

  destroy() {
    this.destroyed = true;
    cancelAnimationFrame(this.frameRequest);
    clearTimeout(this.settleTimer);
    clearTimeout(this.viewTimer);
    this.abort.abort();
    this.resizeObserver.disconnect();
    this.root.remove();
  }
}

const styleKey = (one) => `${one.color} ${one.symbol}`;

// ------------------------------------------------------------------------------------------------ entrances

/**
 * Show a journey inside an element of a plain page.
 * @param {HTMLElement} host @param {object} payload @param {Options} [options] @returns {Player}
 */
export function mount(host, payload, options = {}) {
  return new Player(host, payload, options);
}

/** Entrance for st.components.v2: called at mount and again at each rerun. */
export default function streamlitComponent({ data, parentElement, setStateValue }) {
  const options = { ...data.options, report: (state) => setStateValue("view", state) };
  // Kept at the element: the module itself may be loaded again between two calls.
  let player = parentElement.sedaPlayer;
  if (!player || player.destroyed) {
    player = parentElement.sedaPlayer = new Player(parentElement, data.payload, options);
  } else {
    if (player.journey.fingerprint !== data.payload.fingerprint) player.load(data.payload);
    player.update(options);
  }
  player.owner = (player.owner ?? 0) + 1;
  const call = player.owner;
  return () => {
    // Streamlit may clean up between two reruns; only a player that nobody took over is gone for good.
    setTimeout(() => {
      if (player.owner !== call || player.root.isConnected) return;
      player.destroy();
      parentElement.sedaPlayer = null;
    }, 0);
  };
}
