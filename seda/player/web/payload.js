// The payload of seda/player/payload.py, with its binary parts as typed arrays.

import { clamp, mix } from "./numbers.js";
import { LiveNumbers } from "./live_numbers.js";
import { bytesOf } from "./payload_bytes.js";
import { strays } from "./truth.js";

/** @typedef {{name: string, color: string, symbol: string}} Styled */
/**
 * What the parts of a journey are called, from seda/player/wording.py.
 * @typedef {{name: string, short: string, title: string, way: string, heading: string, end: string, still: string, term: string}} StageWords
 * @typedef {{item: string, known: string, text: string, at: string, start: {place: string, still: string, term: string}, stages: StageWords[]}} Wording
 */
/**
 * What seda/player/payload.py sends; a text that is named "base64" holds numbers.
 *
 * @typedef {{name: string, thumbnail: string, answer: number, nearest: number, landed: boolean, top: [number, number][], commitment: number,
 *   flips: number, margin: number, sentences: [number, string][], hint: string, truth?: number, kind?: number, shape?: string, sound?: string}} Item  thumbnail: a data URL, or empty; landed: whether its path ends at the nearest word, and not away from all; top: class
 *   texts and their probabilities, the most probable first, empty where nobody has answered; sentences: each with its step; truth: the right
 *   class text, -1 where nobody knows; absent where nothing is labelled; answer, nearest: -1 without class texts; kind: its group then; shape: of its head, round where absent; sound: a data URL, heard where the pointer rests on its head
 * @typedef {{name: string, label: string, kind: string, dims: number, scores: Object<string, number>, n_neighbors: number,
 *   note: string, states: Base64, texts: Base64, centers: Base64, reference: Base64, reference_low: number[],
 *   reference_span: number[], neighbors_kept: Base64, step_flags: Base64}} MapPart
 * @typedef {{count: number, indices: Base64, similarities: Base64, labels: number[], sheet: string, columns: number,
 *   tile: number}} NeighborPart  sheet: a data URL, or empty
 * @typedef {{changes: string[], items: number[], stages: number[], hand_overs: number[], classes: Styled[],
 *   answers: [number, number][], differences: Base64, maps: Object<string, {states: Base64, texts: Base64}>}} GhostPart
 * @typedef {{item: number, seeds: number[], maps: Object<string, Base64>, low: Base64, high: Base64, spread: Base64,
 *   ends: number[], answers: number[], sentence: string, short: string}} CloudPart
 * @typedef {{encoding: "int16"|"int8", scale: number, data: Base64, classes: number[]}} SimilarityPart
 * @typedef {{fingerprint: string, version: number, title: string, note: string, stages: number[], timesteps: number[],
 *   hand_overs: number[], jumps: number[], wording: Wording, classes: Styled[], kinds: Styled[], centers: Styled[], items: Item[], maps: MapPart[], reference_labels: Base64,
 *   reference_total: number, similarities: SimilarityPart, ghost: GhostPart|null, clouds: CloudPart[],
 *   settings: [string, string][], neighbors: NeighborPart|null, numbers: import("./live_numbers.js").NumberPart}} Payload
 * @typedef {string} Base64
 */
/** @typedef {{picture: number, label: number, similarity: number}} Neighbor  a training picture, and the group that it belongs to */

/**
 * Reference points from uint16 within their bounds back to map units.
 * @param {MapPart} map
 */
function decodeReference(map) {
  const raw = new Uint16Array(bytesOf(map.reference));
  const points = new Float32Array(raw.length);
  for (let i = 0; i < raw.length; i++) {
    const axis = i % map.dims;
    points[i] = map.reference_low[axis] + (raw[i] / 65535) * map.reference_span[axis];
  }
  return points;
}

/**
 * How sure an answer is; where nobody has answered, how much nearer the end is to its word than to the next.
 * @param {Item} item
 */
export const surenessOf = ({ top, margin }) => top[0]?.[1] ?? margin;

/** One map of the payload: where everything lies, q = 2 or 3 numbers a point, and how far it can be trusted. */
export class MapData {
  /** @param {MapPart} map @param {{items: Item[], last: number, stateCount: number, ghost: Ghost|null, seedClouds: Map<number, SeedCloud>}} journey */
  constructor(map, { items, last, stateCount, ghost, seedClouds }) {
    this.name = map.name;
    this.label = map.label;
    this.kind = map.kind;
    this.dims = map.dims;
    this.scores = map.scores;
    this.note = map.note;
    this.neighbors = map.n_neighbors;
    this.stateCount = stateCount;
    this.timeline = map.kind === "timeline";
    this.solid = map.dims === 3;
    this.states = new Float32Array(bytesOf(map.states)); // [n, s, q]
    this.texts = new Float32Array(bytesOf(map.texts)); // [k, q]
    this.centers = new Float32Array(bytesOf(map.centers)); // [c, q]
    this.reference = decodeReference(map); // [m, q]
    this.kept = new Uint8Array(bytesOf(map.neighbors_kept)); // [n, s]
    this.flags = new Int8Array(bytesOf(map.step_flags)); // [n, s - 1]
    /** @type {{states: Float32Array, texts: Float32Array}|null} the ghost's paths and class texts here */
    this.ghost = ghost?.maps.get(map.name) ?? null;
    /** @type {Map<number, Float32Array>} paths of an item's seeds */ this.seeds = new Map();
    for (const [item, cloud] of seedClouds) {
      const states = cloud.maps.get(map.name);
      if (states) this.seeds.set(item, states);
    }
    this.rowShare = 1;
    // A strip beside the start; the golden ratio spreads neighbours in the list evenly over it.
    if (this.timeline) for (let i = 0; i < this.reference.length; i += 2) this.reference[i] = -0.014 - 0.05 * ((i * 0.309017) % 1);
    if (this.timeline) this.#stretchHeights();
    this.bounds = this.#bounds();
    /** Items whose end lies at another word here than the one that it is at. */ this.strays = strays({ items, last }, this);
  }

  /**
   * A timeline's height is a map of one dimension, on which many words lie close together. It is stretched there, so that each
   * word has a row of its own: everything on this map goes through one rising function, and so keeps its order.
   */
  #stretchHeights() {
    const ghost = this.ghost ? [this.ghost.states, this.ghost.texts] : [];
    const parts = [this.states, this.texts, this.centers, this.reference, ...ghost, ...this.seeds.values()];
    let low = Infinity, high = -Infinity;
    for (const part of parts) {
      for (let i = 1; i < part.length; i += 2) [low, high] = [Math.min(low, part[i]), Math.max(high, part[i])];
    }
    const heights = this.texts.filter((_, i) => i % 2);
    const warp = rowStretch(heights, low, high);
    for (const part of parts) for (let i = 1; i < part.length; i += 2) part[i] = warp(part[i]);
    /** Least distance of two words' heights, as a share of the whole height; 1 with a single one. */
    const sorted = [...new Set(this.texts.filter((_, i) => i % 2))].sort((a, b) => a - b);
    this.rowShare = sorted.length < 2 ? 1 : Math.min(...sorted.slice(1).map((value, i) => value - sorted[i])) / Math.max(warp(high) - warp(low), 1e-9);
  }

  /** @param {number} item @param {number} segment */
  flag(item, segment) {
    return this.flags[item * (this.stateCount - 1) + segment];
  }

  /**
   * Share of the true neighbours that a state keeps, 0 to 1.
   * @param {number} item @param {number} state
   */
  keptAt(item, state) {
    return this.kept[item * this.stateCount + state] / 255;
  }

  /**
   * How far things of a solid map reach from a point: sideways while it turns, and up and down at a pitch. All texts and
   * centers are counted, and all but the outermost hundredth of the states.
   * @param {number[]} at @param {number} pitch
   */
  reach(at, pitch) {
    /** @type {number[]} */ const around = [];
    /** @type {number[]} */ const tall = [];
    /** @param {Float32Array} points @param {number} outer */
    const add = (points, outer) => {
      /** @type {number[]} */ const sides = [];
      /** @type {number[]} */ const heights = [];
      for (let i = 0; i < points.length; i += 3) {
        const side = Math.hypot(points[i] - at[0], points[i + 2] - at[2]);
        sides.push(side);
        heights.push(Math.abs(points[i + 1] - at[1]) * Math.cos(pitch) + side * Math.sin(pitch));
      }
      const last = Math.floor((1 - outer) * (sides.length - 1));
      around.push(sides.sort((a, b) => a - b)[last] ?? 0);
      tall.push(heights.sort((a, b) => a - b)[last] ?? 0);
    };
    add(this.states, 0.01);
    add(this.texts, 0);
    add(this.centers, 0);
    return { around: Math.max(...around, 1e-6), tall: Math.max(...tall, 1e-6) };
  }

  /**
   * Low and high corner of all that must be seen: paths, texts, centers, and nearly all reference points. On a solid
   * map a few noised states far out, which would make all else small, may lie beyond.
   */
  #bounds() {
    const low = new Array(this.dims).fill(Infinity), high = new Array(this.dims).fill(-Infinity);
    /** @param {Float32Array} states */
    const inner = (states) => innerCorners(states, this.dims, 0.02);
    const before = this.ghost ? [inner(this.ghost.states)] : [];
    const paths = [this.solid ? inner(this.states) : this.states, ...before, ...[...this.seeds.values()].map(inner)];
    const marks = [this.texts, this.ghost?.texts ?? [], this.centers];
    for (const points of [...paths, ...marks, innerCorners(this.reference, this.dims, 0.01)]) {
      for (let i = 0; i < points.length; i++) {
        low[i % this.dims] = Math.min(low[i % this.dims], points[i]);
        high[i % this.dims] = Math.max(high[i % this.dims], points[i]);
      }
    }
    return { low, high };
  }
}

const ROW = 0.86; // of an even share of the height: the least that lies between two words on a timeline

/**
 * A rising function, straight between its knots, that leaves at least ROW of an even share between the words' heights. As little
 * as needed of the even spacing is mixed in.
 * @param {ArrayLike<number>} words @param {number} low @param {number} high of all heights
 * @returns {(height: number) => number} low and high stay where they are
 */
export function rowStretch(words, low, high) {
  const span = Math.max(high - low, 1e-9);
  const inner = [...new Set(Array.from(words))].sort((a, b) => a - b).filter((value, i, all) => i === 0 || value - all[i - 1] > 1e-5 * span);
  const knots = [low, ...inner, high];
  const gaps = knots.slice(1).map((value, i) => (value - knots[i]) / span);
  const even = 1 / gaps.length;
  const least = Math.min(...(inner.length > 1 ? gaps.slice(1, -1) : [even]));
  const share = least >= ROW * even ? 0 : (ROW * even - least) / (even - least);
  const to = [low];
  for (const [i, gap] of gaps.entries()) to.push(to[i] + span * mix(gap, even, share));
  return (height) => {
    const i = clamp(knots.findLastIndex((knot) => knot <= height), 0, gaps.length - 1);
    const width = knots[i + 1] - knots[i];
    return width > 0 ? mix(to[i], to[i + 1], (height - knots[i]) / width) : to[i];
  };
}

/**
 * Two corners that hold all but an outer share of points a side; few points are returned as they are.
 * @param {Float32Array} points @param {number} dims @param {number} outer @returns {ArrayLike<number>}
 */
export function innerCorners(points, dims, outer) {
  if (points.length < 100 * dims) return points;
  const axes = Array.from({ length: dims }, (_, axis) => points.filter((_, i) => i % dims === axis).sort());
  return [outer, 1 - outer].flatMap((share) => axes.map((values) => values[Math.floor(share * (values.length - 1))]));
}

/** @type {Styled} what belongs to no center that is shown */
const OTHER = { name: "another category", color: "#8C8C8C", symbol: "circle" };

/**
 * A label, -1 for another category than the centers', as an index into the groups.
 * @param {number} label @param {number} centers
 */
const groupOf = (label, centers) => (label < 0 ? centers : label);

/** The training features nearest to each state in feature space, with their pictures on one sheet. */
export class Neighbors {
  /** @param {NeighborPart} part @param {number} stateCount @param {number} centers */
  constructor(part, stateCount, centers) {
    this.count = part.count;
    this.stateCount = stateCount;
    this.indices = new Uint16Array(bytesOf(part.indices)); // [n, s, t]
    this.similarities = new Uint8Array(bytesOf(part.similarities)); // [n, s, t]
    /** Group of each picture. */ this.labels = part.labels.map((label) => groupOf(label, centers));
    this.sheet = part.sheet;
    this.columns = part.columns;
    this.tile = part.tile;
  }

  /**
   * Nearest first.
   * @param {number} item @param {number} state @returns {Neighbor[]}
   */
  at(item, state) {
    const first = (item * this.stateCount + state) * this.count;
    return Array.from({ length: this.count }, (_, i) => {
      const picture = this.indices[first + i];
      return { picture, label: this.labels[picture], similarity: this.similarities[first + i] / 255 };
    });
  }
}

/**
 * First and last states of all stages.
 * @param {{handOvers: number[], last: number}} path
 */
const corners = ({ handOvers, last }) => [0, 1, ...handOvers.flatMap((step) => [step, step + 1]), last];

/** An earlier run of the same items, item by item. */
export class Ghost {
  /** @param {GhostPart} part @param {Journey} journey */
  constructor(part, journey) {
    this.changes = part.changes;
    this.items = part.items;
    this.rows = new Map(part.items.map((item, row) => [item, row]));
    this.stateCount = part.stages.length;
    this.last = this.stateCount - 1;
    this.handOvers = part.hand_overs;
    this.classes = part.classes;
    /** Class and its probability. */ this.answers = part.answers;
    this.journey = journey;
    this.differences = new Float32Array(bytesOf(part.differences)); // [g, s]
    const known = new Set(journey.classes.map((one) => one.name));
    /** Class texts that are not among today's. */ this.gone = part.classes.flatMap((one, i) => (known.has(one.name) ? [] : [i]));
    this.maps = new Map(
      Object.entries(part.maps).map(([name, { states, texts }]) => [
        name, { states: new Float32Array(bytesOf(states)), texts: new Float32Array(bytesOf(texts)) }, // [g, s2, q], [k2, q]
      ]),
    );
  }

  /**
   * Where the ghost is while the journey is at a position: at the same share of the same stage.
   * @param {number} position
   */
  positionAt(position) {
    const from = corners(this.journey), to = corners(this);
    const part = clamp(from.findLastIndex((value) => value <= position), 0, from.length - 2);
    const width = from[part + 1] - from[part];
    return width > 0 ? mix(to[part], to[part + 1], (position - from[part]) / width) : to[part + 1];
  }

  /**
   * Mean distance from the items to their ghosts at a state, in lengths of a feature; null without any of them.
   * @param {number[]} items @param {number} state
   */
  difference(items, state) {
    const rows = items.flatMap((item) => this.rows.get(item) ?? []);
    if (rows.length === 0) return null;
    const { stateCount } = this.journey;
    return rows.reduce((sum, row) => sum + this.differences[row * stateCount + state], 0) / rows.length;
  }
}

/** One item's paths from several seeds. */
export class SeedCloud {
  /** @param {CloudPart} part @param {Journey} journey */
  constructor(part, journey) {
    this.item = part.item;
    this.seeds = part.seeds;
    this.ends = part.ends;
    this.answers = part.answers;
    this.sentence = part.sentence;
    this.short = part.short;
    this.kept = journey.curveClasses.length;
    this.low = new Int16Array(bytesOf(part.low)); // [s, kept]
    this.high = new Int16Array(bytesOf(part.high)); // [s, kept]
    this.spread = new Float32Array(bytesOf(part.spread)); // [s]
    this.maps = new Map(Object.entries(part.maps).map(([name, states]) => [name, new Float32Array(bytesOf(states))])); // [r, s, q]
  }

  /**
   * Low and high cosine of the seeds to the class text of a curve.
   * @param {number} state @param {number} curve @returns {[number, number]}
   */
  band(state, curve) {
    const at = state * this.kept + curve;
    return [this.low[at] / 32767, this.high[at] / 32767];
  }
}

/** The payload with its binary parts as typed arrays. */
export class Journey {
  /** @param {Payload} payload */
  constructor(payload) {
    const { similarities } = payload;
    this.fingerprint = payload.fingerprint;
    this.title = payload.title;
    this.note = payload.note;
    this.settings = payload.settings;
    this.stages = payload.stages;
    this.timesteps = payload.timesteps;
    /** Last states of all stages but the last. */ this.handOvers = payload.hand_overs;
    /** Where the features jump, not walk: from these states to the next. */ this.jumps = payload.jumps;
    this.wording = payload.wording;
    this.classes = payload.classes;
    /** What items are told apart by where there are no classes. */ this.kinds = payload.kinds;
    /** Whether there are probabilities, and not the paths alone. */ this.answered = payload.items.every(({ top }) => top.length > 0);
    this.centers = payload.centers;
    /** @type {Styled[]} what reference points are told apart by: the centers, and all other categories */
    this.groups = [...this.centers, OTHER];
    this.items = payload.items;
    this.stateCount = this.stages.length;
    this.last = this.stateCount - 1;
    this.referenceLabels = new Int16Array(bytesOf(payload.reference_labels)).map((label) => groupOf(label, this.centers.length)); // [m]
    this.referenceTotal = payload.reference_total;
    const Numbers = similarities.encoding === "int16" ? Int16Array : Int8Array;
    this.similarityValues = new Numbers(bytesOf(similarities.data)); // [n, s, kept]
    this.similarityScale = similarities.scale;
    /** Class index of each curve. */ this.curveClasses = similarities.classes;
    this.neighbors = payload.neighbors ? new Neighbors(payload.neighbors, this.stateCount, this.centers.length) : null;
    this.ghost = payload.ghost ? new Ghost(payload.ghost, this) : null;
    /** @type {Map<number, SeedCloud>} by item */
    this.seedClouds = new Map(payload.clouds.map((part) => [part.item, new SeedCloud(part, this)]));
    this.numbers = new LiveNumbers(payload.numbers, {
      items: this.items.length, states: this.stateCount, centers: this.centers.length, texts: this.classes.length,
    });
    this.maps = payload.maps.map((map) => new MapData(map, this));
    /** Equal for journeys of the same items, and of the same paths. */
    this.itemsKey = JSON.stringify(this.items.map(({ name, thumbnail }) => [name, thumbnail.length]));
    this.travelled = [this.itemsKey, JSON.stringify(this.timesteps), similarities.data].join(" ");
  }

  /**
   * Cosine of an item's state to the class text of a curve.
   * @param {number} item @param {number} state @param {number} curve
   */
  similarity(item, state, curve) {
    const kept = this.curveClasses.length;
    return this.similarityValues[(item * this.stateCount + state) * kept + curve] * this.similarityScale;
  }

  /**
   * Mean curves over items: Float32Array [kept, s].
   * @param {number[]} items
   */
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

  /** The last state of the first stage; of a single one the last of all. */
  get handOver() {
    return this.handOvers[0] ?? this.last;
  }

  /** Whether states have a time of a noise schedule. */
  get timed() {
    return this.timesteps.some(Boolean);
  }

  /**
   * What the stage of a step is called; none at the start.
   * @param {number} step @returns {StageWords|undefined}
   */
  stageWords(step) {
    return this.wording.stages[this.stages[step] - 1];
  }

  /**
   * Whether a step is the last one of its stage.
   * @param {number} step
   */
  endsStage(step) {
    return step === this.last || this.handOvers.includes(step);
  }

  /** @param {number} step */
  placeOf(step) {
    const words = this.stageWords(step);
    if (!words) return this.wording.start.place;
    return this.endsStage(step) ? words.end : words.way;
  }

  /**
   * "3 pictures"
   * @param {number} count
   */
  counted(count) {
    return `${count} ${this.nouns(count)}`;
  }

  /** "an item" */
  get one() {
    return `${/^[aeiou]/.test(this.wording.item) ? "an" : "a"} ${this.wording.item}`;
  }

  /** @param {number} count */
  nouns(count) {
    return count === 1 ? this.wording.item : `${this.wording.item}s`;
  }

  /**
   * "step 12 of 52 · on the way to its category"
   * @param {number} step
   */
  caption(step) {
    return `step ${step} of ${this.last} · ${this.placeOf(step)}`;
  }

  /**
   * The same in the method's terms: "semantic learner · t = 430"
   * @param {number} step
   */
  terms(step) {
    const term = this.stageWords(step)?.term ?? this.wording.start.term;
    if (!this.timed) return term;
    return `${term} · ${step === 0 ? "clean" : `t = ${this.timesteps[step]}`}`;
  }

  /** Step from which on half of the items have decided for their word. */
  get decided() {
    const steps = this.items.map(({ commitment }) => commitment).sort((a, b) => a - b);
    return steps[Math.floor(steps.length / 2)];
  }
}
