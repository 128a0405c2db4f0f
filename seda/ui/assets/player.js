// The journey player: one ES module without dependencies, used by the Streamlit component (default export) and by the
// standalone HTML page (`mount`). It receives the payload of seda/export/payload.py once, keeps all play state in the
// browser, and reports step, selection and map when they have come to rest.
//
// A journey lies on several maps. Each is projected to the screen by its own view (`View`), flat, solid or a timeline;
// everything is then drawn in pixels, so that one map can turn into another by mixing two sets of pixels (`Scene`).
//
// Names that users typed reach the page through fillText and textContent only, never as markup.

/** @typedef {{name: string, color: string, symbol: string}} Styled */
/** @typedef {{name: string, thumbnail: string, answer: number, nearest: number, top: [number, number][], commitment: number}} Item */
/** @typedef {{step: number, selection: number[], map: string}} ViewState */
/** @typedef {{height?: number, start?: ViewState|null, report?: (state: ViewState & {fingerprint: string}) => void}} Options */
/** @typedef {{x: number, y: number, size?: number}} Point */
/** @typedef {{top: number, bottom: number}} Insets room that controls take from the map, px */

const TAU = Math.PI * 2;
const NARROW = 700; // px: below, the curves go under the map
const MAX_PICTURE_HEADS = 24; // more items are drawn as shapes
const HAND_OVER_REST = 0.7; // seconds that play rests at the hand-over, so that an audience can see it
const LOOP_REST = 1.8; // seconds on the last frame before a loop starts again
const MAX_ZOOM = 40;
const MORPH_SECONDS = 0.6;
const NAMES_SHARE = 0.3; // of those seconds, for names to fade in afterwards
const MOVING_REFERENCE = 3000; // reference points drawn while the view turns; all of them once it rests
const EYE = 3.4; // distance of the eye from a solid map's middle, in its radii: a gentle perspective
const HOME = { zoom: 1, panX: 0, panY: 0, yaw: -0.55, pitch: 0.32 };
const SHADES = 6; // strengths that line segments are sorted into, so that each is one stroke
const SPEEDS = [0.5, 0.75, 1, 1.5, 2, 4];
const SHOWN_SCORES = ["trustworthiness", "continuity"]; // the others are the aligner's page's
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
    const axis = i % map.dims;
    points[i] = map.reference_low[axis] + (raw[i] / 65535) * map.reference_span[axis];
  }
  return points;
}

/** One map of the payload: where everything lies, q = 2 or 3 numbers a point, and how far it can be trusted. */
class MapData {
  constructor(map, stateCount) {
    Object.assign(this, { name: map.name, label: map.label, kind: map.kind, dims: map.dims, scores: map.scores, note: map.note });
    this.neighbors = map.n_neighbors;
    this.stateCount = stateCount;
    this.timeline = map.kind === "timeline";
    this.solid = map.dims === 3;
    this.states = new Float32Array(decode(map.states)); // [n, s, q]
    this.texts = new Float32Array(decode(map.texts)); // [k, q]
    this.centers = new Float32Array(decode(map.centers)); // [c, q]
    this.reference = decodeReference(map); // [m, q]
    this.kept = new Uint8Array(decode(map.neighbors_kept)); // [n, s]
    this.flags = new Int8Array(decode(map.step_flags)); // [n, s - 1]
    // A strip beside the start; the golden ratio spreads neighbours in the list evenly over it.
    if (this.timeline) for (let i = 0; i < this.reference.length; i += 2) this.reference[i] = -0.014 - 0.05 * ((i * 0.309017) % 1);
    this.bounds = this.#bounds();
  }

  flag(item, segment) {
    return this.flags[item * (this.stateCount - 1) + segment];
  }

  /** Share of the true neighbours that a state keeps, 0 to 1. */
  keptAt(item, state) {
    return this.kept[item * this.stateCount + state] / 255;
  }

  /**
   * Low and high corner of all that must be seen: paths, texts, centers, and nearly all reference points. On a solid
   * map a few noised states far out, which would make all else small, may lie beyond.
   */
  #bounds() {
    const low = new Array(this.dims).fill(Infinity), high = new Array(this.dims).fill(-Infinity);
    const paths = this.solid ? innerCorners(this.states, this.dims, 0.02) : this.states;
    for (const points of [paths, this.texts, this.centers, innerCorners(this.reference, this.dims, 0.01)]) {
      for (let i = 0; i < points.length; i++) {
        low[i % this.dims] = Math.min(low[i % this.dims], points[i]);
        high[i % this.dims] = Math.max(high[i % this.dims], points[i]);
      }
    }
    return { low, high };
  }
}

/** Two corners that hold all but an outer share of points a side; few points are returned as they are. */
function innerCorners(points, dims, outer) {
  if (points.length < 100 * dims) return points;
  const axes = Array.from({ length: dims }, (_, axis) => points.filter((_, i) => i % dims === axis).sort());
  return [outer, 1 - outer].flatMap((share) => axes.map((values) => values[Math.floor(share * (values.length - 1))]));
}

/** The payload with its binary parts as typed arrays. */
class Journey {
  constructor(payload) {
    const { similarities } = payload;
    Object.assign(this, {
      fingerprint: payload.fingerprint,
      title: payload.title,
      note: payload.note,
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
    /** @type {MapData[]} */ this.maps = payload.maps.map((map) => new MapData(map, this.stateCount));
    this.referenceLabels = new Int16Array(decode(payload.reference_labels)); // [m]
    this.referenceTotal = payload.reference_total;
    const Numbers = similarities.encoding === "int16" ? Int16Array : Int8Array;
    this.similarityValues = new Numbers(decode(similarities.data)); // [n, s, kept]
    this.similarityScale = similarities.scale;
    /** Class index of each curve. */ this.curveClasses = similarities.classes;
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
 * Smooth curves through the states of each item, in pixels. Every state is passed exactly; handles are kept short, so
 * that the line cannot swing far outside of what was computed. Noising jumps (`jumps`: their first states) are straight.
 */
class Paths {
  constructor(itemCount, stateCount, jumps) {
    this.itemCount = itemCount;
    this.stateCount = stateCount;
    this.jumps = new Set(jumps);
    /** Whether the path is smooth at a state: neither an end nor the end of a jump. */
    this.smooth = Array.from(
      { length: stateCount }, (_, state) => state > 0 && state < stateCount - 1 && !this.jumps.has(state) && !this.jumps.has(state - 1),
    );
    this.states = new Float32Array(itemCount * stateCount * 2);
    this.sizes = new Float32Array(itemCount * stateCount).fill(1);
    this.handles = new Float32Array(itemCount * stateCount * 4);
  }

  /** Handles for the states as they lie now. */
  update() {
    const { states, handles, smooth } = this;
    for (let item = 0; item < this.itemCount; item++) {
      for (let segment = 0; segment < this.stateCount - 1; segment++) {
        const p = (item * this.stateCount + segment) * 2;
        const longest = 0.38 * Math.hypot(states[p + 2] - states[p], states[p + 3] - states[p + 1]);
        for (const end of [0, 2]) {
          // The tangent at either end: along its two neighbours, or along the segment where the path has a corner.
          const whole = smooth[segment + end / 2];
          const before = whole ? p + end - 2 : p, after = whole ? p + end + 2 : p + 2;
          const x = (states[after] - states[before]) / (whole ? 6 : 3), y = (states[after + 1] - states[before + 1]) / (whole ? 6 : 3);
          const shrink = Math.min(1, longest / (Math.hypot(x, y) || 1)) * (end ? -1 : 1);
          handles[2 * p + end] = states[p + end] + x * shrink;
          handles[2 * p + end + 1] = states[p + end + 1] + y * shrink;
        }
      }
    }
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
      size: mix(this.sizes[p / 2], this.sizes[p / 2 + 1], u),
    };
  }

  /** Add the path between two fractional states to ctx: of all segments, those that `wanted` is true for. */
  trace(ctx, item, from, to, wanted) {
    let open = false;
    for (let segment = Math.floor(from); segment < to && segment < this.stateCount - 1; segment++) {
      if (!wanted(segment)) {
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

/**
 * One map's way to the screen: a fit to all of it, then zoom, pan, and for a solid map two angles. Flat maps have the
 * same scale on both axes; a timeline fills the width.
 */
class View {
  /** @param {MapData} map */
  constructor(map) {
    this.map = map;
    this.width = this.height = 1;
    Object.assign(this, HOME);
    this.fit = null;
  }

  /** @param {Insets} insets */
  frame(width, height, insets) {
    this.panX *= this.width > 1 ? width / this.width : 1;
    this.panY *= this.width > 1 ? width / this.width : 1;
    this.width = width;
    this.height = height;
    this.insets = insets;
    // Room for pictures and labels around the outermost points.
    const padX = clamp(width * 0.1, 34, 96), padY = clamp((height - insets.top - insets.bottom) * 0.07, 22, 48);
    const box = { left: padX, right: width - padX, top: insets.top + padY, bottom: height - insets.bottom - padY };
    if (this.map.timeline) this.fit = this.#timelineFit(box);
    else if (this.map.solid) this.fit = this.#solidFit(box);
    else this.fit = this.#flatFit(box);
  }

  /** The box's middle shows the map's middle (`at`, in map units), `scale` pixels a unit. */
  #flatFit({ left, right, top, bottom }) {
    const { low, high } = this.map.bounds;
    const scale = Math.max(1e-6, Math.min((right - left) / Math.max(high[0] - low[0], 1e-6), (bottom - top) / Math.max(high[1] - low[1], 1e-6)));
    return { x: (left + right) / 2, y: (top + bottom) / 2, at: [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2], scale: [scale, scale] };
  }

  #timelineFit({ top, bottom }) {
    const { low, high } = this.map.bounds;
    const right = clamp(this.width * 0.17, 76, 190), left = clamp(this.width * 0.03, 10, 34);
    const from = Math.min(low[0], 0);
    const axis = 22, head = 20; // px: the steps at the foot, the names of the stages on top
    const span = Math.max(high[1] - low[1], 1e-6);
    return {
      x: (left + this.width - right) / 2, y: (top + head + bottom - axis) / 2, at: [(from + 1) / 2, (low[1] + high[1]) / 2],
      scale: [(this.width - right - left) / (1 - from), (bottom - axis - top - head) / span],
    };
  }

  /** So that turning sideways moves nothing out of sight. */
  #solidFit({ left, right, top, bottom }) {
    const { low, high } = this.map.bounds;
    const at = low.map((value, axis) => (value + high[axis]) / 2);
    const half = low.map((value, axis) => Math.max((high[axis] - value) / 2, 1e-6));
    // The corners of the box are mostly empty: most of the way to them holds nearly everything.
    const around = Math.max(half[0], half[2], 0.8 * Math.hypot(half[0], half[2]));
    const tall = half[1] * Math.cos(HOME.pitch) + 0.7 * around * Math.sin(HOME.pitch);
    const scale = Math.min((right - left) / 2 / around, (bottom - top) / 2 / tall);
    return { x: (left + right) / 2, y: (top + bottom) / 2, at, scale: [scale, scale], half, radius: Math.max(around, half[1]) };
  }

  /** Where the map's middle lies on the screen: zooming moves everything straight away from it. */
  get middle() {
    return { x: this.fit.x + this.panX, y: this.fit.y + this.panY };
  }

  /** Screen x and y of a point of a flat map or a timeline. */
  toX(x) {
    return this.middle.x + (x - this.fit.at[0]) * this.fit.scale[0] * this.zoom;
  }

  toY(y) {
    return this.middle.y - (y - this.fit.at[1]) * this.fit.scale[1] * this.zoom;
  }

  /**
   * All points of an array to the screen.
   * @param {ArrayLike<number>} source [m, q] @param {Float32Array} points [m, 2] receives pixels
   * @param {Float32Array} sizes [m] receives how much larger than in the middle a thing is drawn: near ones above 1
   */
  project(source, points, sizes) {
    const { fit, zoom } = this;
    const { x: middleX, y: middleY } = this.middle;
    const [scaleX, scaleY] = [fit.scale[0] * zoom, fit.scale[1] * zoom];
    const [atX, atY, atZ] = fit.at;
    if (!this.map.solid) {
      for (let i = 0; i < source.length; i += 2) {
        points[i] = middleX + (source[i] - atX) * scaleX;
        points[i + 1] = middleY - (source[i + 1] - atY) * scaleY;
      }
      sizes.fill(1);
      return;
    }
    const cosYaw = Math.cos(this.yaw), sinYaw = Math.sin(this.yaw), cosPitch = Math.cos(this.pitch), sinPitch = Math.sin(this.pitch);
    const eye = EYE * fit.radius;
    for (let i = 0, p = 0; i < source.length; i += 3, p += 1) {
      const x = source[i] - atX, y = source[i + 1] - atY, z = source[i + 2] - atZ;
      const side = cosYaw * x + sinYaw * z, away = cosYaw * z - sinYaw * x;
      const depth = cosPitch * away - sinPitch * y; // grows away from the eye
      const size = eye / Math.max(eye + depth, eye * 0.3);
      points[2 * p] = middleX + side * scaleX * size;
      points[2 * p + 1] = middleY - (cosPitch * y + sinPitch * away) * scaleY * size;
      sizes[p] = size;
    }
  }

  /** Zoom by a factor around a screen point. */
  zoomAt(factor, x, y) {
    const zoom = clamp(this.zoom * factor, 1, MAX_ZOOM);
    const ratio = zoom / this.zoom;
    this.panX = (this.panX + this.fit.x - x) * ratio + x - this.fit.x;
    this.panY = (this.panY + this.fit.y - y) * ratio + y - this.fit.y;
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

  /** Turn a solid map; it stays upright. */
  orbit(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = clamp(this.pitch + pitch, -1.45, 1.45);
  }

  /** What must be equal for a painted picture to be only moved and scaled. */
  get turn() {
    return `${this.map.name} ${this.yaw} ${this.pitch}`;
  }
}

/** Everything on the screen, in pixels: one map through its view, or something between two of them. */
class Scene {
  constructor(journey) {
    const points = (count) => ({ points: new Float32Array(2 * count), sizes: new Float32Array(count).fill(1) });
    this.paths = new Paths(journey.items.length, journey.stateCount, [0, journey.handOver]);
    this.parts = {
      states: { points: this.paths.states, sizes: this.paths.sizes },
      texts: points(journey.classes.length),
      centers: points(journey.centers.length),
      reference: points(journey.referenceLabels.length),
    };
  }

  /** @param {View} view */
  project(view) {
    for (const [name, { points, sizes }] of Object.entries(this.parts)) view.project(view.map[name], points, sizes);
  }

  /** From here (share 0) toward another scene (share 1). */
  mixWith(other, share) {
    for (const [name, part] of Object.entries(this.parts)) {
      for (const kind of ["points", "sizes"]) {
        const mine = part[kind], theirs = other.parts[name][kind];
        for (let i = 0; i < mine.length; i++) mine[i] += (theirs[i] - mine[i]) * share;
      }
    }
  }

  /** @returns {Point[]} */
  list(name) {
    const { points, sizes } = this.parts[name];
    return Array.from(sizes, (size, i) => ({ x: points[2 * i], y: points[2 * i + 1], size }));
  }
}

/** How strongly a thing is drawn by its size: what is far is fainter, a thing of size 1 or more is not. */
const depthFade = (size) => clamp(1 + (size - 1) * 2.4, 0.3, 1);

/** Soft clouds of the reference points: a coarse density per category, blurred, as one small picture. */
class Clouds {
  /** @param {MapData} map a flat one */
  constructor(map, { referenceLabels, centers }) {
    const { reference } = map;
    this.centers = centers;
    this.key = "";
    this.empty = referenceLabels.length === 0;
    if (this.empty) return;
    const bounds = innerCorners(reference, 2, 0.01);
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
  paint(theme, highlight, weight) {
    const key = `${theme.key} ${highlight}`;
    if (this.empty || key === this.key) return;
    this.key = key;
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

/** How much larger a head is drawn by its depth on a solid map. */
const headScale = (point) => clamp(point.size, 0.7, 1.3);

/** Add the mark of a flagged step to a path: two slanted ticks across the line, as on a broken axis, or a ring on it. */
function addFlag(path, flag, x, y, angle) {
  if (flag < 0) {
    path.moveTo(x + 3.4, y);
    path.arc(x, y, 3.4, 0, TAU);
    return;
  }
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (const along of [-1.9, 1.9]) {
    for (const [verb, across] of [["moveTo", -5], ["lineTo", 5]]) {
      const a = along + across * 0.35;
      path[verb](x + a * cos - across * sin, y + a * sin + across * cos);
    }
  }
}

/** The key's picture of a line that fades, or of a mark on a line. */
function paintTrustKey(canvas, ctx, shape, theme) {
  const { width, height } = canvas;
  const color = theme?.muted ?? [128, 128, 128];
  for (let part = 0; part < 6; part++) {
    ctx.fillStyle = css(color, shape === "trust" ? (6 - part) / 6 : 0.5);
    ctx.fillRect((width * part) / 6, height / 2 - 1.6, width / 6, 3.2);
  }
  if (shape === "trust" || !theme) return;
  const [breaks, rings] = [new Path2D(), new Path2D()];
  addFlag(shape === "break" ? breaks : rings, shape === "break" ? 1 : -1, 0, 0, 0);
  ctx.setTransform(2, 0, 0, 2, width / 2, height / 2);
  paintFlags(ctx, theme, breaks, rings);
  ctx.setTransform(1, 0, 0, 1, 0, 0);
}

function paintFlags(ctx, theme, breaks, rings) {
  ctx.lineCap = "round";
  ctx.lineWidth = 4;
  ctx.strokeStyle = css(theme.paper, 0.9);
  ctx.stroke(breaks);
  ctx.fillStyle = css(theme.paper);
  ctx.fill(rings);
  ctx.lineWidth = 1.4;
  ctx.strokeStyle = css(theme.ink, 0.72);
  ctx.stroke(breaks);
  ctx.stroke(rings);
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

  /**
   * @param {number} [last] the choice made in the frame before: kept while it is free, so that labels do not flicker
   * @returns {{x: number, y: number, far: boolean, choice: number}|null} left end and middle height, and if it is set off
   */
  place(x, y, radius, width, height, last) {
    const places = [4, 16, 30].flatMap((extra) => {
      const gap = radius + extra;
      const side = gap * 0.72;
      return [
        [x + gap, y], [x - gap - width, y], [x - width / 2, y - gap - height / 2], [x - width / 2, y + gap + height / 2],
        [x + side, y - side], [x + side, y + side], [x - side - width, y - side], [x - side - width, y + side],
      ];
    });
    for (const choice of [...(last === undefined ? [] : [last]), ...places.keys()]) {
      const [left, middle] = places[choice];
      const box = /** @type {[number, number, number, number]} */ ([left - 2, middle - height / 2, left + width + 2, middle + height / 2]);
      if (this.#free(box)) {
        this.taken.push(box);
        return { x: left, y: middle, far: choice > 7, choice };
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
    this.pointSprites = { key: "", sprites: [] };
    this.density = 1;
  }

  load(journey) {
    this.journey = journey;
    this.scene = new Scene(journey);
    /** Clouds of the flat maps, made when first shown. @type {Map<MapData, Clouds>} */
    this.clouds = new Map();
    this.groundView = null;
    /** Strength of each path segment, 1 (faintest) to SHADES; and which ones an item has, as bits. */
    this.shades = new Uint8Array(journey.items.length * journey.last);
    this.usedShades = new Uint8Array(journey.items.length);
    /** Where each label was put last. @type {Map<Styled, number>} */
    this.labelChoices = new Map();
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
    // On a timeline all stand above one another.
    if (this.player.view.map.timeline && this.picturesFit) return clamp(room / (24 + count), 9, 20);
    return this.picturesFit ? clamp(room / (17 + count * 0.7), 11, 25) : clamp(room / 105, 4.5, 7);
  }

  resize(width, height) {
    for (const canvas of [this.base, this.moving, this.landmarks, this.ground]) this.density = fitCanvas(canvas, width, height);
    this.sprites.clear();
    this.pointSprites.key = "";
    this.groundView = null;
  }

  /** The scene as it is; from now on another one is drawn into. */
  takeScene() {
    const scene = this.scene;
    this.scene = new Scene(this.journey);
    return scene;
  }

  /** Put everything where the view has it, or on the way there from another map. */
  #layOut(morph) {
    const { scene } = this;
    scene.project(this.player.view);
    if (morph) scene.mixWith(morph.from, 1 - morph.ease);
    scene.paths.update();
    this.#shade();
  }

  /** Line strength by trust (how many true neighbours the map keeps at both ends) and, on a solid map, by depth. */
  #shade() {
    const { items, last, stateCount } = this.journey;
    const { map } = this.player.view;
    const { sizes } = this.scene.paths;
    for (let item = 0; item < items.length; item++) {
      this.usedShades[item] = 0;
      for (let segment = 0; segment < last; segment++) {
        const at = item * stateCount + segment;
        const kept = (map.kept[at] + map.kept[at + 1]) / 510;
        const strength = (this.player.trust ? mix(0.2, 1, kept) : 1) * depthFade((sizes[at] + sizes[at + 1]) / 2);
        const shade = clamp(Math.round(strength * SHADES), 1, SHADES);
        this.shades[item * last + segment] = shade;
        this.usedShades[item] |= 1 << (shade - 1);
      }
    }
  }

  /** Strength of the segment under a fractional state, 0 to 1. */
  #strengthAt(item, position) {
    const { last } = this.journey;
    return this.shades[item * last + clamp(Math.floor(position), 0, last - 1)] / SHADES;
  }

  /** One stroke for each strength that an item's path has between two states; noising jumps are left out. */
  #strokeShaded(ctx, item, from, to, color, alpha) {
    const { paths } = this.scene;
    const first = item * this.journey.last;
    for (let shade = 1; shade <= SHADES; shade++) {
      if (!(this.usedShades[item] & (1 << (shade - 1)))) continue;
      ctx.strokeStyle = css(color, (alpha * shade) / SHADES);
      ctx.beginPath();
      paths.trace(ctx, item, from, to, (segment) => this.shades[first + segment] === shade && !paths.jumps.has(segment));
      ctx.stroke();
    }
  }

  /** The noising jumps, dotted. */
  #strokeJumps(ctx, item, to, color, alpha) {
    const { paths } = this.scene;
    ctx.lineCap = "round";
    ctx.setLineDash([1.5, 5]);
    for (const jump of paths.jumps) {
      if (jump >= to) continue;
      ctx.strokeStyle = css(color, alpha * mix(0.4, 1, this.#strengthAt(item, jump)));
      ctx.beginPath();
      paths.trace(ctx, item, jump, Math.min(to, jump + 1), () => true);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  // ---- the still layer

  /** @param {boolean} moving the view is moving: what is costly is drawn in a cheaper way until it rests */
  drawBase(moving, morph) {
    const { view } = this.player;
    this.#layOut(morph);
    const ctx = this.base.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    if (morph) this.#drawFrame(ctx, morph.view, 1 - morph.ease);
    this.#drawFrame(ctx, view, morph ? morph.ease : 1);
    if (morph) this.#drawMorphingGround(ctx, morph);
    else this.#drawGround(ctx, moving);
    this.#drawFuture(ctx);
    this.#drawLandmarks(moving, morph);
  }

  /** What shows that the map moves without pretending to be an axis; a timeline does have one. */
  #drawFrame(ctx, view, alpha) {
    ctx.globalAlpha = alpha;
    if (view.map.timeline) this.#drawTimeline(ctx, view);
    else if (view.map.solid) this.#drawFloor(ctx, view);
    else this.#drawDots(ctx, view);
    ctx.globalAlpha = 1;
  }

  #drawDots(ctx, view) {
    const { theme } = this.player;
    let spacing = view.fit.scale[0] * view.zoom;
    while (spacing > 84) spacing /= 2;
    while (spacing < 42) spacing *= 2;
    ctx.fillStyle = css(theme.ink, theme.dark ? 0.085 : 0.075);
    const startX = view.toX(0) % spacing, startY = view.toY(0) % spacing;
    for (let x = startX - spacing; x < view.width + spacing; x += spacing) {
      for (let y = startY - spacing; y < view.height + spacing; y += spacing) ctx.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
    }
  }

  /** A net below a solid map, so that its turning can be seen. */
  #drawFloor(ctx, view) {
    const { theme } = this.player;
    const { at, half } = view.fit;
    const ends = [];
    for (let line = -4; line <= 4; line++) {
      const x = (half[0] * line) / 4, z = (half[2] * line) / 4;
      for (const [a, b] of [[x, -half[2]], [x, half[2]], [-half[0], z], [half[0], z]]) ends.push(at[0] + a, at[1] - half[1] * 1.02, at[2] + b);
    }
    const points = new Float32Array((ends.length / 3) * 2);
    view.project(ends, points, new Float32Array(ends.length / 3));
    ctx.strokeStyle = css(theme.ink, theme.dark ? 0.1 : 0.085);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let i = 0; i < points.length; i += 4) {
      ctx.moveTo(points[i], points[i + 1]);
      ctx.lineTo(points[i + 2], points[i + 3]);
    }
    ctx.stroke();
  }

  /** The two stages as bands, the hand-over between them, and the steps along the foot. */
  #drawTimeline(ctx, view) {
    const { theme } = this.player;
    const { handOver, last } = this.journey;
    const x = (step) => view.toX(step / last);
    const top = view.insets.top + 6, foot = view.height - view.insets.bottom - 20;
    const [start, middle, end] = [x(0), x(handOver), x(last)];
    ctx.fillStyle = css(theme.ink, theme.dark ? 0.045 : 0.03);
    ctx.fillRect(start, top, middle - start, foot - top);
    ctx.fillStyle = css(theme.accent, theme.dark ? 0.085 : 0.05);
    ctx.fillRect(middle, top, end - middle, foot - top);
    ctx.setLineDash([3, 4]);
    ctx.strokeStyle = css(theme.ink, 0.5);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(middle, top + 22); // below its name
    ctx.lineTo(middle, foot);
    ctx.stroke();
    ctx.setLineDash([]);
    this.#drawTimelineTexts(ctx, { x, start, middle, end, top, foot });
  }

  #drawTimelineTexts(ctx, { x, start, middle, end, top, foot }) {
    const { theme } = this.player;
    const { handOver, last } = this.journey;
    ctx.fillStyle = css(theme.muted);
    ctx.textBaseline = "middle";
    ctx.font = `550 12px ${theme.font}`;
    const hint = "hand-over";
    const room = ctx.measureText(hint).width / 2 + 14;
    ctx.textAlign = "left";
    const first = (texts, width) => texts.find((text) => ctx.measureText(text).width <= width) ?? "";
    ctx.fillText(first(["1 · to category centers", "1 · to centers", "1"], middle - start - room - 10), start + 10, top + 12);
    ctx.fillText(first(["2 · to class texts", "2 · to texts", "2"], end - middle - room), middle + room, top + 12);
    ctx.textAlign = "center";
    ctx.fillStyle = css(theme.ink);
    ctx.fillText(hint, middle, top + 12);
    ctx.font = `500 11px ${theme.font}`;
    ctx.fillStyle = css(theme.muted);
    const every = [1, 2, 5, 10, 20, 25, 50, 100, 200].find((size) => x(size) - x(0) >= 44) ?? 500;
    for (let step = 0; step <= last; step += every) {
      // The last step is always named, and the hand-over's number is kept free of its neighbours'.
      if (x(last) - x(step) < 44 && step !== last) continue;
      this.#drawTick(ctx, x(step), foot, String(step));
    }
    this.#drawTick(ctx, x(last), foot, `step ${last}`);
    if (Math.min(handOver % every, every - (handOver % every)) * (x(1) - x(0)) > 22) this.#drawTick(ctx, middle, foot, String(handOver));
    ctx.textAlign = "left";
  }

  #drawTick(ctx, x, foot, text) {
    ctx.fillRect(Math.round(x), foot, 1, 4);
    ctx.fillText(text, x, foot + 12);
  }

  #drawGround(ctx, moving) {
    const { view } = this.player;
    // Thousands of points take longer than a frame. While a map is zoomed or shifted their last picture moves along;
    // while it turns, fewer are drawn.
    if (moving && this.groundView?.turn !== view.turn) {
      this.#drawReference(ctx, MOVING_REFERENCE);
      return;
    }
    if (!moving || !this.groundView) this.#paintGround();
    const then = this.groundView;
    const ratio = view.zoom / then.zoom;
    ctx.drawImage(this.ground, view.middle.x - then.x * ratio, view.middle.y - then.y * ratio, view.width * ratio, view.height * ratio);
  }

  #paintGround() {
    const { view } = this.player;
    const ctx = this.ground.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    this.#drawClouds(ctx, view, 1);
    this.#drawReference(ctx, Infinity);
    this.groundView = { turn: view.turn, zoom: view.zoom, ...view.middle };
  }

  /** The points fly; the clouds of one map fade before those of the other appear. */
  #drawMorphingGround(ctx, { view, ease }) {
    this.groundView = null;
    this.#drawClouds(ctx, view, clamp(1 - 2.5 * ease, 0, 1));
    this.#drawClouds(ctx, this.player.view, clamp(2.5 * ease - 1.5, 0, 1));
    this.#drawReference(ctx, MOVING_REFERENCE);
  }

  #drawClouds(ctx, view, alpha) {
    const { map } = view;
    if (map.solid || map.timeline || alpha === 0) return;
    if (!this.clouds.has(map)) this.clouds.set(map, new Clouds(map, this.journey));
    const clouds = this.clouds.get(map);
    clouds.paint(this.player.theme, this.player.highlight, (center) => (this.player.isDimmed(center) ? 0.08 : 1));
    ctx.globalAlpha = alpha;
    clouds.draw(ctx, view);
    ctx.globalAlpha = 1;
  }

  /** The reference points, at most `limit` of them; on a solid map the far ones first, smaller and fainter. */
  #drawReference(ctx, limit) {
    const { view } = this.player;
    const { referenceLabels } = this.journey;
    const { points, sizes } = this.scene.parts.reference;
    const stride = Math.ceil(referenceLabels.length / limit) || 1;
    const bands = view.map.solid ? [0.72, 0.86, 1, 1.16] : [1];
    const sprites = this.#referenceSprites(bands);
    const bandOf = (size) => (bands.length === 1 ? 0 : clamp(Math.round((size - 0.72) / 0.147), 0, 3));
    for (let band = 0; band < bands.length; band++) {
      for (let i = 0; i < referenceLabels.length; i += stride) {
        const x = points[2 * i], y = points[2 * i + 1];
        if (bandOf(sizes[i]) !== band || x < -8 || y < -8 || x > view.width + 8 || y > view.height + 8) continue;
        const sprite = sprites[band][referenceLabels[i]];
        if (sprite) ctx.drawImage(sprite, x - sprite.reach, y - sprite.reach, 2 * sprite.reach, 2 * sprite.reach);
      }
    }
  }

  /** Small pictures of a reference point for each depth and category; kept, since a turning map needs them each frame. */
  #referenceSprites(bands) {
    const { view, theme, highlight } = this.player;
    const { referenceLabels, centers } = this.journey;
    const many = referenceLabels.length > 6000;
    const radius = (view.map.timeline ? 1.4 : many ? 1.5 : 2.1) * Math.min(2.2, Math.round(20 * view.zoom ** 0.3) / 20);
    const key = [theme.key, highlight, radius, bands.length].join(" ");
    if (this.pointSprites.key !== key) {
      const sprites = bands.map((size) => centers.map((center) => this.#pointSprite(center, radius * size ** 1.5, many, depthFade(size))));
      this.pointSprites = { key, sprites };
    }
    return this.pointSprites.sprites;
  }

  #pointSprite(center, radius, many, strength) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const sprite = document.createElement("canvas");
    sprite.reach = radius + 1.5;
    sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.density);
    const ctx = sprite.getContext("2d");
    const scale = sprite.width / (2 * sprite.reach);
    ctx.scale(scale, scale);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.tune(center.color), (dimmed ? 0.12 : many ? 0.3 : 0.42) * strength);
    ctx.beginPath();
    symbolPath(ctx, center.symbol, sprite.reach, sprite.reach, radius);
    ctx.fill();
    return sprite;
  }

  /** Where each item will go: the whole path, faint; the past is drawn over it. */
  #drawFuture(ctx) {
    const { theme } = this.player;
    const { items, last } = this.journey;
    const many = items.length > MAX_PICTURE_HEADS;
    items.forEach((item, index) => {
      const vivid = this.player.isVivid(index);
      const color = vivid ? theme.tune(this.journey.classes[item.answer].color) : theme.grey;
      const alpha = (vivid ? (theme.dark ? 0.3 : 0.28) : 0.09) * (many ? 0.7 : 1);
      ctx.lineJoin = "round";
      ctx.lineCap = "butt";
      ctx.lineWidth = 1.1;
      this.#strokeShaded(ctx, index, 0, last, color, alpha);
      this.#strokeJumps(ctx, index, last, color, alpha);
    });
  }

  #drawLandmarks(moving, morph) {
    const { view } = this.player;
    const ctx = this.landmarks.getContext("2d");
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    const placer = new LabelPlacer(view.width, view.height);
    const texts = this.scene.list("texts"), centers = this.scene.list("centers");
    this.starRadius = clamp(Math.min(view.width, view.height) / 46, 8, 13) * (texts.length > 30 ? 0.75 : 1);
    this.textPoints = texts;
    /** Boxes of the class names that were drawn: pictures keep off them. */
    this.labelBoxes = [];
    this.centerScreen = centers;
    const fromFar = (points) => [...points.keys()].sort((a, b) => points[a].size - points[b].size);
    for (const i of fromFar(centers)) this.#drawCenter(ctx, centers[i], this.journey.centers[i]);
    for (const i of fromFar(texts)) this.#drawStar(ctx, texts[i], this.journey.classes[i]);
    for (const point of texts) placer.block(point.x, point.y, this.starRadius);
    for (const point of centers) placer.block(point.x, point.y, this.starRadius * 0.6);
    const narrow = view.width < 520;
    ctx.globalAlpha = morph ? morph.names : 1;
    for (const i of fromFar(texts).reverse()) this.#drawLabel(ctx, placer, texts[i], this.journey.classes[i], narrow ? 12 : 13.5, 650, moving);
    for (const i of fromFar(centers).reverse()) {
      if (this.namedCenters[i]) this.#drawLabel(ctx, placer, centers[i], this.journey.centers[i], 11, 450, moving);
    }
    ctx.globalAlpha = 1;
  }

  #drawCenter(ctx, { x, y, size }, center) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const radius = this.starRadius * 0.66 * size;
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

  #drawStar(ctx, { x, y, size }, one) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(one);
    const color = dimmed ? blend(theme.grey, theme.paper, 0.5) : blend(theme.paper, theme.tune(one.color), mix(0.4, 1, depthFade(size)));
    const radius = this.starRadius * size;
    const reach = radius * 3.4;
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
    starPath(ctx, x, y, radius);
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.95);
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
    ctx.lineWidth = 1.1;
    ctx.strokeStyle = css(theme.dark ? [255, 255, 255] : theme.ink, dimmed ? 0.12 : 0.6);
    ctx.stroke();
  }

  #drawLabel(ctx, placer, point, one, size, weight, moving) {
    const { theme, view } = this.player;
    if (point.x < 0 || point.y < 0 || point.x > view.width || point.y > view.height) return;
    ctx.font = `${weight} ${size}px ${this.player.theme.font}`;
    const text = fitText(ctx, one.name, clamp(view.width * 0.24, 70, 190));
    const width = ctx.measureText(text).width;
    const last = this.labelChoices.get(one);
    const place = placer.place(point.x, point.y, this.starRadius * point.size + 1, width, size + 5, moving || last < 8 ? last : undefined);
    if (!place) return;
    this.labelChoices.set(one, place.choice);
    if (weight > 500) this.labelBoxes.push([place.x, place.y - size / 2, place.x + width, place.y + size / 2]);
    const dimmed = this.player.isDimmed(one);
    if (place.far) this.#drawLeader(ctx, point, place, width, theme);
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.85);
    ctx.strokeText(text, place.x, place.y);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.ink, dimmed ? 0.7 : mix(0.45, 1, depthFade(point.size)));
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
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    const points = this.journey.items.map((_, item) => this.scene.paths.pointAt(item, position));
    const order = this.#drawOrder(points);
    for (const item of order) this.#drawPast(ctx, item, position);
    if (this.player.trust) this.#drawFlags(ctx, position);
    this.#drawHandOver(ctx, position);
    ctx.drawImage(this.landmarks, 0, 0, view.width, view.height);
    const sliding = this.picturesFit && this.#spread(points, hurried);
    for (const item of order) this.#drawPin(ctx, item, points[item]);
    for (const item of order) this.#drawHead(ctx, item, points[item]);
    return sliding;
  }

  /** Far ones early; vivid items late, so that they lie on top; the one under the pointer last. */
  #drawOrder(points) {
    const rank = points.map(({ size }, item) => size + 10 * Number(this.player.isVivid(item)) + 20 * Number(item === this.player.hovered));
    return [...rank.keys()].sort((a, b) => rank[a] - rank[b]);
  }

  /** The past: wider than the future, and brighter toward the head. */
  #drawPast(ctx, item, position) {
    const { theme } = this.player;
    const { classes, items, last } = this.journey;
    const { paths } = this.scene;
    const vivid = this.player.isVivid(item);
    const color = vivid ? theme.tune(classes[items[item].answer].color) : theme.grey;
    const thin = this.picturesFit ? 1 : 0.72;
    const strength = vivid ? 1 : 0.3;
    const tail = Math.max(3, last * 0.16);
    const parts = vivid ? 5 : 1;
    const stroke = (from, to, alpha, width) => {
      ctx.strokeStyle = css(color, alpha * strength);
      ctx.lineWidth = width * thin;
      ctx.beginPath();
      paths.trace(ctx, item, Math.max(0, from), to, (segment) => !paths.jumps.has(segment));
      ctx.stroke();
    };
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    const old = position - tail;
    ctx.lineWidth = 1.8 * thin;
    if (old > 0) this.#strokeShaded(ctx, item, 0, old, color, (theme.dark ? 0.85 : 0.7) * strength);
    for (let part = 0; part < parts; part++) {
      const from = old + (tail * part) / parts, to = old + (tail * (part + 1)) / parts;
      if (to <= 0) continue;
      const share = (part + 1) / parts;
      const trust = mix(0.25, 1, this.#strengthAt(item, (from + to) / 2)); // the head's own tail is never lost
      if (theme.dark && share > 0.5) stroke(from, to, 0.16 * share * trust, 9);
      stroke(from, to, mix(theme.dark ? 0.85 : 0.7, 0.98, share) * trust, mix(1.8, 3.2, share));
    }
    ctx.lineWidth = 1.4 * thin;
    this.#strokeJumps(ctx, item, position, color, 0.6 * strength);
  }

  /** Marks on passed steps where map and features disagree: an axis break where the map jumps, a ring where it stands still. */
  #drawFlags(ctx, position) {
    const { items } = this.journey;
    const { map } = this.player.view;
    const breaks = new Path2D(), rings = new Path2D();
    for (let item = 0; item < items.length; item++) {
      // Among many items only the chosen ones carry marks.
      if (!this.player.isVivid(item) || !(this.picturesFit || this.player.selection.has(item))) continue;
      let previous = { x: -99, y: -99 };
      for (let segment = 0; segment + 0.5 <= position; segment++) {
        const flag = map.flag(item, segment);
        if (flag === 0) continue;
        const before = this.scene.paths.pointAt(item, segment + 0.45), after = this.scene.paths.pointAt(item, segment + 0.55);
        // Where many short steps are flagged in a row, a few marks stand for them.
        if (Math.hypot(before.x - previous.x, before.y - previous.y) < 15) continue;
        previous = before;
        addFlag(flag > 0 ? breaks : rings, flag, (before.x + after.x) / 2, (before.y + after.y) / 2, Math.atan2(after.y - before.y, after.x - before.x));
      }
    }
    paintFlags(ctx, this.player.theme, breaks, rings);
  }

  /** Rings around the category centers while the path is handed over there. */
  #drawHandOver(ctx, position) {
    const nearness = 1 - Math.abs(position - this.journey.handOver) / 1.6;
    if (nearness <= 0) return;
    const { theme } = this.player;
    const ease = nearness * nearness * (3 - 2 * nearness);
    this.centerScreen.forEach(({ x, y, size }, i) => {
      ctx.strokeStyle = css(theme.tune(this.journey.centers[i].color), 0.75 * ease);
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.arc(x, y, this.starRadius * size * mix(2.6, 1.5, ease), 0, TAU);
      ctx.stroke();
    });
  }

  /**
   * Pictures that would cover one another or a star are moved apart; a pin (`#drawPin`) marks the true place.
   * One step of a damped relaxation a frame; `hurried` runs it to rest at once.
   */
  #spread(points, hurried) {
    const radii = points.map((point) => this.headRadius * headScale(point) + 1.5);
    let moved = 0;
    for (let round = hurried ? 40 : 1; round > 0; round--) {
      const places = points.map((point, i) => ({ x: point.x + this.offsets[i].x * 0.9, y: point.y + this.offsets[i].y * 0.9 }));
      for (let pass = 0; pass < 5; pass++) {
        this.#push(places, radii);
        places.forEach((place, i) => this.#keepInside(place, points[i], radii[i] + 3));
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

  #push(places, radii) {
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
      const radius = radii[i];
      for (let j = 0; j < i; j++) apart(places[i], places[j], radius + radii[j], 0.5, i);
      for (const star of this.textPoints) apart(places[i], { ...star }, radius + this.starRadius + 2, 1, i);
      for (const [left, top, right, bottom] of this.labelBoxes) {
        // The point of the box that is nearest to the picture, a little inside, so that there is a direction to go.
        const edge = { x: clamp(places[i].x, left, right), y: clamp(places[i].y, top + 5, bottom - 5) };
        apart(places[i], edge, radius + 4, 1, i);
      }
    }
  }

  /** A picture whose point is in sight stays in sight, and clear of the buttons above and the legend below. */
  #keepInside(place, point, margin) {
    const { width, height, insets } = this.player.view;
    if (point.x < 0 || point.y < insets.top || point.x > width || point.y > height - insets.bottom) return;
    place.x = clamp(place.x, margin, width - margin);
    place.y = clamp(place.y, insets.top + margin - 6, height - insets.bottom - margin + 6);
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
    const reach = sprite.reach * grown * headScale(point);
    ctx.globalAlpha = mix(0.6, 1, depthFade(point.size));
    ctx.drawImage(sprite, place.x - reach, place.y - reach, 2 * reach, 2 * reach);
    ctx.globalAlpha = 1;
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
      const radius = pictured && !this.picturesFit ? Math.max(this.headRadius, 15) : this.headRadius;
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

/** ".94": a score of 0 to 1 as statistics are printed. */
const scoreText = (value) => numberText(value).replace(/^(−?)0\./, "$1.");

/** "20,000 of 100,000 reference points drawn (every 5th)"; empty when all are. */
function thinningText(drawn, total) {
  if (drawn >= total) return "";
  const every = Math.round(total / Math.max(drawn, 1));
  const ending = every % 100 > 10 && every % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][every % 10] ?? "th";
  const rhythm = drawn && every > 1 ? ` (every ${every}${ending})` : "";
  return `${drawn.toLocaleString("en")} of ${total.toLocaleString("en")} reference points drawn${rhythm}`;
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
    /** One for each map: zoom and turn stay with their map. @type {View[]} */ this.views = [];
    this.mapIndex = 0;
    /** Whether line strength shows trust. */ this.trust = true;
    /** The way from one map to another: share 0 to 1. @type {{from: Scene, view: View, share: number, ease: number, names: number}|null} */
    this.morph = null;
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
    this.root.dataset.trust = "true";
    this.#listen();
    this.load(payload);
    this.update(options);
    this.resize();
  }

  // ---- content

  /** Show a journey from its beginning. */
  load(payload) {
    const journey = new Journey(payload);
    const wanted = this.journey?.maps[this.mapIndex].name;
    this.journey = journey;
    this.views = journey.maps.map((map) => new View(map));
    this.mapIndex = Math.max(0, journey.maps.findIndex((map) => map.name === wanted));
    this.morph = null;
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
    this.parts.scrub.max = String(journey.last);
    this.#layOutTrack();
    this.#buildLegend();
    this.#buildGallery();
    this.#buildSettings();
    this.#buildMapButtons();
    this.map.load(journey);
    this.zoomGoal = null;
    this.#describeMap();
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
      this.showMap(this.journey.maps.findIndex((map) => map.name === options.start.map));
      this.pause();
      this.seek(options.start.step);
    }
    this.asked = asked;
  }

  // ---- state

  get step() {
    return this.clock.step;
  }

  /** @returns {View} of the map that is shown */
  get view() {
    return this.views[this.mapIndex];
  }

  /** Show another map; everything flies to its place there, and step, playing and selection stay. */
  showMap(index) {
    if (index === this.mapIndex || !this.journey.maps[index]) return;
    if (this.zoomGoal) Object.assign(this.view, this.zoomGoal);
    this.zoomGoal = null;
    const view = this.view;
    this.mapIndex = index;
    this.#describeMap();
    if (this.framesDrawn && !this.motion.matches) this.morph = { from: this.map.takeScene(), view, share: 0, ease: 0, names: 1 };
    if (!this.morph) this.map.labelChoices.clear();
    this.resize();
    this.#settle();
  }

  /** Name, key and sentences of the map that is shown. */
  #describeMap() {
    const { parts, journey } = this;
    const { map } = this.view;
    this.hideTooltip();
    this.root.dataset.map = map.name;
    this.root.dataset.zoom = this.view.zoom.toFixed(2);
    parts.mapStage.classList.toggle("is-zoomed", this.view.zoom > 1.01);
    parts.mapStage.classList.toggle("is-solid", map.solid);
    this.mapButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === this.mapIndex)));
    const turn = map.solid ? " Drag or shift and arrows turn it." : "";
    parts.mapStage.setAttribute(
      "aria-label", `Map of the journey, ${map.label}. Space plays, arrows step, plus and minus zoom, m shows the next map.${turn}`,
    );
    parts.mapKey.querySelector("[data-shape=break]").parentElement.hidden = !map.flags.includes(1);
    parts.mapKey.querySelector("[data-shape=ring]").parentElement.hidden = !map.flags.includes(-1);
    const scores = SHOWN_SCORES.filter((name) => name in map.scores).map((name) => `${name} ${scoreText(map.scores[name])}`);
    parts.mapNote.textContent = map.note;
    parts.mapScores.textContent = scores.join(" · ");
    parts.mapThinning.textContent = thinningText(journey.referenceLabels.length, journey.referenceTotal);
  }

  toggleTrust() {
    this.trust = !this.trust;
    this.parts.trust.setAttribute("aria-pressed", String(this.trust));
    this.root.dataset.trust = String(this.trust);
    this.parts.mapKey.classList.toggle("is-plain", !this.trust);
    this.mapDirty = true;
    this.invalidate();
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
      const state = { step: this.step, selection: [...this.selection].sort((a, b) => a - b), map: this.view.map.name };
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
    this.mapDirty ||= still;
    this.curvesDirty ||= still;
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
    const gliding = this.#glideOn(seconds) | this.#zoomOn(seconds) | this.#morphOn(seconds);
    if (wasPlaying && !this.clock.playing) this.#settle();
    // With reduced motion nothing slides: the picture changes from state to state.
    const position = this.motion.matches ? this.clock.step : this.clock.position;
    if (this.mapDirty) this.map.drawBase(now < (this.viewMovingUntil ?? 0), this.morph);
    if (this.curvesDirty) this.curves.drawBase();
    this.mapDirty = this.curvesDirty = false;
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
    const { view, zoomGoal } = this;
    const share = Math.min(1, Math.max(seconds, 0.008) * 12);
    for (const name of Object.keys(zoomGoal)) view[name] = mix(view[name], zoomGoal[name], share);
    const far = (name, least) => Math.abs(view[name] - zoomGoal[name]) >= least;
    if (!far("zoom", 0.004) && !far("panX", 0.5) && !far("panY", 0.5) && !far("yaw", 0.004) && !far("pitch", 0.004)) {
      Object.assign(view, zoomGoal);
      this.zoomGoal = null;
    }
    this.#viewChanged();
    return true;
  }

  #morphOn(seconds) {
    const { morph } = this;
    if (!morph) return false;
    const before = morph.ease;
    morph.share += Math.max(seconds, 0.008) / MORPH_SECONDS;
    const share = Math.min(1, morph.share);
    morph.ease = share ** 2 * (3 - 2 * share);
    // Names fade out at the start. When all else has arrived they take new places, and fade in during what is left.
    morph.names = morph.share < 1 ? clamp(1 - 2.5 * share, 0, 1) : (morph.share - 1) / NAMES_SHARE;
    if (before < 1 && morph.ease === 1) this.map.labelChoices.clear();
    if (morph.share >= 1 + NAMES_SHARE) this.morph = null;
    this.mapDirty = true;
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
    const narrow = width < NARROW;
    const { mapTools, mapKey } = this.parts;
    // On wide screens the controls and the key lie over the map; nothing is fitted below them.
    const insets = narrow ? { top: 4, bottom: 4 } : { top: mapTools.offsetHeight + 14, bottom: mapKey.offsetHeight + 14 };
    this.view.frame(map.width, map.height, insets);
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
    this.mapDirty = true;
    this.invalidate();
    // Painting thousands of points takes longer than a frame; that waits until the view has come to rest.
    this.viewMovingUntil = performance.now() + 180;
    clearTimeout(this.viewTimer);
    this.viewTimer = setTimeout(() => {
      this.mapDirty = true;
      this.invalidate();
    }, 200);
  }

  zoomBy(factor, x = this.view.middle.x, y = this.view.middle.y) {
    this.zoomGoal = null;
    this.view.zoomAt(factor, x, y);
    this.#viewChanged();
  }

  /** Everything in sight again, and a solid map as it stood first, turned back the short way. */
  resetZoom() {
    const { view } = this;
    view.yaw = HOME.yaw + Math.atan2(Math.sin(view.yaw - HOME.yaw), Math.cos(view.yaw - HOME.yaw));
    this.zoomGoal = { ...HOME };
    if (this.motion.matches) Object.assign(view, HOME);
    this.invalidate();
  }

  /** Turn a solid map, or shift it when `shift` is held; a flat one is shifted where it is larger than its frame. */
  moveMap(dx, dy, shift = false) {
    const { view } = this;
    this.zoomGoal = null;
    if (view.map.solid && !shift) {
      view.orbit(-dx * 0.008, dy * 0.008);
    } else {
      if (view.zoom <= 1 && !view.map.solid) return;
      view.panX += dx;
      view.panY += dy;
      view.limit();
    }
    this.#viewChanged();
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
    parts.mapNote = el("span", { "data-testid": "map-note" });
    parts.mapScores = el("span", { "data-testid": "map-scores" });
    parts.mapThinning = el("span", { "data-testid": "map-thinning" });
    parts.settings = el("dl", { class: "sp-settings" });
    this.root = el(
      "section", { class: "sp-root", "aria-label": "Journey player", "data-testid": "player-root" },
      el("span", { class: "sp-accent-probe", "aria-hidden": "true" }),
      el("header", { class: "sp-header" }, el("div", { class: "sp-heading" }, parts.title, parts.note), parts.caption),
      el("div", { class: "sp-main" }, this.#buildMap(), this.#buildSide()),
      el("div", { class: "sp-below" }, el("p", { class: "sp-map-line" }, parts.mapNote, " ", parts.mapScores, " ", parts.mapThinning), this.#buildDetails()),
      this.#buildTransport(),
      parts.gallery,
      parts.live,
      parts.tooltip,
    );
  }

  #buildDetails() {
    return el("details", { class: "sp-details", "data-testid": "settings" }, el("summary", { text: "How this was made" }), this.parts.settings);
  }

  #buildMap() {
    const key = (shape, text) => {
      const wide = ["trust", "break", "ring"].includes(shape);
      const canvas = el("canvas", {
        class: `sp-key-shape${wide ? " is-wide" : ""}`, "data-shape": shape, width: wide ? 52 : 32, height: 32, "aria-hidden": "true",
      });
      return el("span", {}, canvas, el("span", { text }));
    };
    const { parts } = this;
    parts.mapKey = el(
      "div", { class: "sp-map-key", "data-testid": "map-key" },
      el("div", {}, key("diamond", "category center"), key("star", "class text"), key("circle", "training feature")),
      el("div", { class: "sp-key-trust" }, key("trust", "solid: neighbours kept"), key("break", "only the map jumps"), key("ring", "only the features jump")),
    );
    parts.mapButtons = el("div", { class: "sp-maps", role: "group", "aria-label": "Map" });
    parts.trust = el("button", {
      type: "button", class: "sp-trust", text: "Trust", "aria-pressed": "true", "data-testid": "trust",
      title: "Draw each path as strongly as the map can be trusted there (t)", on: { click: () => this.toggleTrust() },
    });
    parts.mapTools = el("div", { class: "sp-map-tools" }, parts.mapButtons, parts.trust);
    parts.mapStage = el(
      "div", { class: "sp-map", tabindex: 0, role: "group", "data-testid": "map" },
      this.map.base, this.map.moving,
      el(
        "div", { class: "sp-zoom" },
        iconButton("plus", "Zoom in", "zoom-in", () => this.zoomBy(1.5)),
        iconButton("minus", "Zoom out", "zoom-out", () => this.zoomBy(1 / 1.5)),
        iconButton("fit", "Show all", "zoom-reset", () => this.resetZoom()),
      ),
    );
    return el("div", { class: "sp-map-column" }, parts.mapTools, parts.mapStage, parts.mapKey);
  }

  #buildMapButtons() {
    const { maps } = this.journey;
    this.mapButtons = maps.map((map, index) => el("button", {
      type: "button", text: map.label, "aria-pressed": "false", title: "Show this map (m: the next one)", "data-testid": "map-button", "data-name": map.name,
      on: { click: () => this.showMap(index) },
    }));
    this.parts.mapButtons.replaceChildren(...this.mapButtons);
    this.parts.mapButtons.hidden = maps.length < 2;
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
      if (["trust", "break", "ring"].includes(symbol)) return paintTrustKey(canvas, ctx, symbol, this.theme);
      ctx.beginPath();
      symbolPath(ctx, symbol, canvas.width / 2, canvas.height / 2, canvas.width * 0.34);
      ctx.fillStyle = css(color);
      return ctx.fill();
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
        ...this.#trustTip(index).map((text) => el("p", { class: "sp-tip-what", text })),
        el("p", { class: "sp-tip-what", text: result }),
      ),
    ].filter(Boolean);
  }

  /** How far the map can be trusted where an item is now, in words. */
  #trustTip(index) {
    const { map } = this.view;
    const kept = map.keptAt(index, this.step);
    const count = map.neighbors ? `${Math.round(kept * map.neighbors)} of ${map.neighbors}` : `${Math.round(kept * 100)} % of the`;
    const flag = this.step > 0 ? map.flag(index, this.step - 1) : 0;
    const words = { 1: "On the way here the map jumps, the features do not.", [-1]: "On the way here the features jump, the map does not." };
    return [`${count} nearest neighbours kept here`, ...(flag ? [words[flag]] : [])];
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
    const turns = { ArrowRight: [14, 0], ArrowLeft: [-14, 0], ArrowUp: [0, -14], ArrowDown: [0, 14] };
    if (event.shiftKey && turns[event.key]) {
      event.preventDefault();
      this.moveMap(...turns[event.key]);
      return;
    }
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
      m: () => this.showMap((this.mapIndex + 1) % this.journey.maps.length),
      t: () => this.toggleTrust(),
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
      if (pointers.size === 1 && travelled > 4) this.moveMap(now.x - before.x, now.y - before.y, event.shiftKey);
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
