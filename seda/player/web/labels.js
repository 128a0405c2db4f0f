// Where names are written. Pure geometry but for `wrap`, which measures text.

import { clamp } from "./numbers.js";

/** @typedef {[number, number, number, number]} Box left, top, right, bottom, px */
/**
 * @typedef {{x: number, y: number, gap: number, width: number, height: number, firm: boolean}} Name  the mark's middle, room
 *   kept around it, size of the text; a firm name is always written, another only where it covers nothing
 * @typedef {{box: Box, far: boolean, side: number}} Place  far: set off so that a line has to lead there; side: -1 the text ends
 *   at the mark's side, 1 it begins there, 0 it is centred
 */

const GAPS = [3, 12, 24, 40, 60, 84, 112]; // px between mark and name, the nearest preferred
const FARTHEST = Math.max(...GAPS);
const DIRECTIONS = 12;
const ANNEAL_ROUNDS = 240; // of the annealing, for each name that has rivals
const HOT = 30, COLD = 0.3; // its temperatures, in the unit of COSTS
// What a place costs: by px^2 that are covered, or once.
const COSTS = { name: 3, head: 1.6, mark: 2.2, category: 0.7, path: 2.5, distance: 0.16, beside: 0, above: 3, diagonal: 2, astray: 45 };
const COVERED = 14; // px^2: less is a touch

/** @param {Box} a @param {Box} b */
const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

/**
 * From a point to a box, px.
 * @param {Point} point @param {Box} box
 */
const away = ({ x, y }, box) => Math.hypot(x - clamp(x, box[0], box[2]), y - clamp(y, box[1], box[3]));

/**
 * px^2, nearly, that a circle covers of a box.
 * @param {Disc} disc @param {Box} box
 */
export function covers({ x, y, radius }, box) {
  const inside = radius - away({ x, y }, box);
  return inside <= 0 ? 0 : Math.min(inside * 2 * Math.min(radius, inside + 8), (box[2] - box[0]) * (box[3] - box[1]));
}

/**
 * A generator of numbers 0 to 1 with a fixed seed (mulberry32): the same names get the same places.
 * @param {number} seed
 */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * All places of one name: in twelve directions, at growing distance.
 * @param {Name} name @param {Frame} frame
 */
function candidates({ x, y, gap, width, height }, frame) {
  /** @type {(Place & {cost: number})[]} */ const found = [];
  for (const [far, extra] of GAPS.entries()) {
    for (let i = 0; i < DIRECTIONS; i++) {
      const angle = (i * 2 * Math.PI) / DIRECTIONS, cos = Math.cos(angle), sin = Math.sin(angle);
      const reach = gap + extra;
      // The text lies outside of the circle of this reach, on the side that the direction names.
      const side = Math.abs(cos) < 0.3 ? 0 : Math.sign(cos);
      const edge = x + reach * cos, middle = y + (reach + height / 2) * sin * (side ? 0.86 : 1);
      const left = side > 0 ? edge : side < 0 ? edge - width : x - width / 2;
      /** @type {Box} */
      const box = [left - 2, middle - height / 2, left + width + 2, middle + height / 2];
      if (box[0] < frame.left || box[1] < frame.top || box[2] > frame.right || box[3] > frame.bottom) continue;
      const style = side === 0 ? COSTS.above : Math.abs(sin) > 0.2 ? COSTS.diagonal : COSTS.beside;
      found.push({ box, far: far > 1, side, cost: style + COSTS.distance * extra });
    }
  }
  return found;
}

/**
 * Places for names, by simulated annealing over candidate positions from a greedy start (Christensen, Marks and Shieber 1995,
 * "An empirical study of algorithms for point-feature label placement"). Deterministic: a function of what is given.
 *
 * @param {Name[]} names
 * @param {{heads: Disc[], marks: Disc[],
 *   categories: Disc[], paths: Point[], boxes: Box[], frame: Frame}} around
 *   what a name had better not cover: heads where they end, words' marks, categories' marks and heads on their way there,
 *   points of paths, other things on the map
 * @returns {(Place|null)[]} null for a name that is not written
 */
export function placeNames(names, { heads, marks, categories, paths, boxes, frame }) {
  const places = names.map((name) => {
    const found = candidates(name, frame);
    const far = name.gap + FARTHEST + Math.max(name.width, name.height);
    /** @template {Point & {radius?: number}} Thing @param {Thing[]} things */
    const near = (things) => things.filter(({ x, y, radius = 0 }) => Math.abs(x - name.x) < far + radius && Math.abs(y - name.y) < far + radius);
    const [closeHeads, closeMarks, closeCategories] = [heads, marks, categories].map(near), closePaths = near(paths);
    for (const place of found) {
      for (const one of closeHeads) place.cost += COSTS.head * covers(one, place.box);
      for (const one of closeMarks) place.cost += COSTS.mark * covers(one, place.box);
      // A name that is nearer to another mark than to its own would be read as that one's.
      const own = away(name, place.box);
      if (closeMarks.some((one) => (one.x !== name.x || one.y !== name.y) && away(one, place.box) < own + 3)) place.cost += COSTS.astray;
      for (const box of boxes) place.cost += COSTS.name * overlap(box, place.box);
      for (const one of closeCategories) place.cost += COSTS.category * covers(one, place.box);
      for (const { x, y } of closePaths) if (x > place.box[0] && x < place.box[2] && y > place.box[1] && y < place.box[3]) place.cost += COSTS.path;
    }
    return found;
  });
  // Greedy: firm names first, among them those with the fewest cheap places.
  const choice = names.map(() => -1);
  /** @param {number} i @param {number} k */
  const among = (i, k) => choice.reduce((sum, other, j) => (j === i || other < 0 ? sum : sum + COSTS.name * overlap(places[i][k].box, places[j][other].box)), 0);
  const cheap = places.map((found) => found.filter(({ cost }) => cost < 20).length);
  const order = [...names.keys()].sort((a, b) => Number(names[b].firm) - Number(names[a].firm) || cheap[a] - cheap[b] || a - b);
  for (const i of order) {
    let best = Infinity;
    places[i].forEach((place, k) => {
      const cost = place.cost + among(i, k);
      if (cost < best) [best, choice[i]] = [cost, k];
    });
  }
  const movable = [...names.keys()].filter((i) => places[i].length > 1);
  const random = seeded(7), rounds = Math.min(ANNEAL_ROUNDS * movable.length, 6_000);
  for (let round = 0; round < rounds; round++) {
    const i = movable[Math.floor(random() * movable.length)];
    const k = Math.floor(random() * places[i].length);
    const rise = places[i][k].cost + among(i, k) - places[i][choice[i]].cost - among(i, choice[i]);
    if (rise <= 0 || random() < Math.exp(-rise / (HOT * (COLD / HOT) ** (round / rounds)))) choice[i] = k;
  }
  for (let again = true, sweep = 0; again && sweep < 8; sweep++) {
    again = false;
    for (const i of movable) {
      let best = places[i][choice[i]].cost + among(i, choice[i]);
      places[i].forEach((place, k) => {
        const cost = place.cost + among(i, k);
        if (cost < best - 1e-9) [best, choice[i], again] = [cost, k, true];
      });
    }
  }
  return thinned(names, places, choice, { heads, marks });
}

/**
 * Names that are not firm make room for the others; of two firm ones on one another the later is left out (hover tells it).
 * @param {Name[]} names @param {Place[][]} places @param {number[]} choice @param {{heads: Disc[], marks: Disc[]}} what
 */
function thinned(names, places, choice, { heads, marks }) {
  const written = names.map((_, i) => (choice[i] < 0 ? null : places[i][choice[i]]));
  const order = [...names.keys()].sort((a, b) => Number(names[b].firm) - Number(names[a].firm) || a - b);
  /** @type {Box[]} */ const kept = [];
  for (const i of order) {
    const place = written[i];
    if (!place) continue;
    const onNames = kept.some((box) => overlap(box, place.box) > COVERED * (names[i].firm ? 4 : 1));
    const onThings = !names[i].firm && [...heads, ...marks].some((one) => covers(one, place.box) > COVERED);
    if (onNames || onThings || (!names[i].firm && place.far)) written[i] = null;
    else kept.push(place.box);
  }
  return written;
}

// ------------------------------------------------------------------------------------------------ text

const LETTERS = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WORDS = new Intl.Segmenter(undefined, { granularity: "word" });

/**
 * Whether a text is written from right to left: its first letter with a direction decides (Hebrew, Arabic, Syriac, Thaana, N'Ko).
 * @param {string} text
 */
export const isRightToLeft = (text) => /^[^\p{L}]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u.test(text);

/**
 * Cut a text with an ellipsis so that it fits a width; never inside a letter.
 * @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} width
 */
export function fitText(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  const parts = [...LETTERS.segment(text)].map(({ segment }) => segment);
  let low = 0, high = parts.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ctx.measureText(`${parts.slice(0, middle).join("").trimEnd()}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${parts.slice(0, low).join("").trimEnd()}…`;
}

/**
 * A text in at most two lines of a width; broken between words, in scripts without spaces too.
 * @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} width @returns {string[]}
 */
export function wrap(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return [text];
  const parts = [...WORDS.segment(text)].map(({ segment }) => segment);
  let first = "";
  while (parts.length && ctx.measureText((first + parts[0]).trimEnd()).width <= width) first += parts.shift();
  if (!first) return [fitText(ctx, text, width)]; // one long word
  return [first.trimEnd(), fitText(ctx, parts.join("").trimStart(), width)];
}

/**
 * Push sorted labels apart so that they neither overlap nor leave their range.
 * @param {{y: number}[]} labels @param {number} spacing @param {number} top @param {number} bottom
 */
export function spreadLabels(labels, spacing, top, bottom) {
  for (let i = 0; i < labels.length; i++) {
    const least = i ? labels[i - 1].y + spacing : top;
    labels[i].y = Math.max(labels[i].y, least);
  }
  for (let i = labels.length - 1; i >= 0; i--) {
    const most = i < labels.length - 1 ? labels[i + 1].y - spacing : bottom;
    labels[i].y = Math.min(labels[i].y, most);
  }
}
