// Where heads lie around the mark that they gather at, and how those on the way make room for one another. Pure geometry.

import { clamp, TAU } from "./numbers.js";

/** @typedef {{left: number, top: number, right: number, bottom: number}} Frame */
/** @typedef {Point & {ring: number, turn: number}} RingPlace  its distance from the mark, and its angle from where the fan begins */
/**
 * Places around one mark.
 * @typedef {{radius: number, places: Point[], mark: Point, extent: number}} Berth  radius of its heads; extent: how far they reach from the mark
 */

/** The bound: no head is drawn further from its true point than so many radii of a head. */
export const REACH = 1.5;

const CROWD = 13; // heads at one mark that may cover it: its name says which it is
const SHRINK = 0.94; // of the radius, until all find a place
const NEARER_BY = 2; // px by which a place is nearer to its own mark than to any other; a fifth of their gap where that is less

/**
 * Angle that leads away from other marks and from the edges of the frame: there the fan opens.
 * @param {Point} mark @param {Point[]} others @param {Frame} frame
 */
function openSide(mark, others, frame) {
  let x = 0, y = 0;
  /** @param {number} dx @param {number} dy @param {number} weight */
  const push = (dx, dy, weight) => {
    const square = dx * dx + dy * dy + 25;
    x += (weight * dx) / square;
    y += (weight * dy) / square;
  };
  for (const other of others) push(mark.x - other.x, mark.y - other.y, 1);
  push(Math.max(mark.x - frame.left, 1), 0, 1);
  push(mark.x - frame.right, 0, 1);
  push(0, Math.max(mark.y - frame.top, 1), 1);
  push(0, mark.y - frame.bottom, 1);
  return Math.hypot(x, y) < 1e-9 ? -TAU / 4 : Math.atan2(y, x);
}

/**
 * Centres of circles of one radius in rings around a mark, the inner ring first, each ring from `toward` to both sides.
 * @param {Point} mark @param {number} radius @param {number} reach @param {number} core @param {number} toward @param {boolean} even
 */
function ringPlaces(mark, radius, reach, core, toward, even) {
  /** @type {RingPlace[]} */ const places = [];
  const gap = 1;
  let ring = core > 0 ? Math.min(core + radius + gap, reach) : 0;
  for (; ring <= reach + 1e-6; ring += 2 * radius + gap) {
    if (ring === 0) {
      places.push({ ...mark, ring, turn: 0 });
      continue;
    }
    const step = 2 * Math.asin(Math.min(1, (radius + gap / 2) / ring));
    const count = Math.max(1, Math.floor(TAU / step + 1e-6));
    // A whole ring is spread evenly; a fan of an even number lies evenly to both sides.
    const turn = TAU / count, first = even && core > 0 ? 0.5 : 0;
    for (let i = 0; i < count; i++) {
      const side = (i % 2 ? -1 : 1) * Math.ceil(i / 2);
      const angle = toward + (first ? (i % 2 ? -1 : 1) * (Math.floor(i / 2) + 0.5) : side) * turn;
      places.push({ x: mark.x + ring * Math.cos(angle), y: mark.y + ring * Math.sin(angle), ring, turn: angle - toward });
    }
  }
  return places;
}

/**
 * Places for the heads of one mark: the largest circles that fit around it, within reach, inside the frame, and each nearer
 * to this mark than to any other. What else there is (other marks, heads of other marks) is kept off while that is possible.
 *
 * @param {Point} mark @param {number} count
 * @param {{radius: number, reach: number, least: number, core: number, others: Point[], taken: Disc[], frame: Frame,
 *   toward?: number, rows?: boolean}} room  toward: where the
 *   first head lies, else on the open side; rows: marks stand below one another and have little room to the sides
 * @returns {Berth} as many places as heads, in order along the fan
 */
export function berth(mark, count, { radius, reach, least, core, others, taken, frame, toward, rows = false }) {
  const near = others.filter((other) => Math.hypot(other.x - mark.x, other.y - mark.y) < 3 * reach + core);
  const side = toward ?? openSide(mark, others, frame);
  const cell = near.map((other) => ({ ...other, nearerBy: Math.min(NEARER_BY, Math.hypot(other.x - mark.x, other.y - mark.y) / 5) }));
  /** @param {Point} p */
  const inCell = (p) => cell.every(({ x, y, nearerBy }) => Math.hypot(p.x - x, p.y - y) >= Math.hypot(p.x - mark.x, p.y - mark.y) + nearerBy);
  /** @param {Point} p @param {number} r */
  const inFrame = (p, r) => p.x - r >= frame.left && p.x + r <= frame.right && p.y - r >= frame.top && p.y + r <= frame.bottom;
  /** @param {Point} p @param {number} r */
  const isFree = (p, r) => taken.every((one) => Math.hypot(p.x - one.x, p.y - one.y) >= one.radius + r);
  /** @type {((p: Point, r: number) => boolean)[]} */
  const wishes = [(p, r) => inCell(p) && inFrame(p, r) && isFree(p, r), (p, r) => inCell(p) && inFrame(p, r), inCell];
  const hole = count < CROWD ? core : 0;
  for (const [level, fits] of wishes.entries()) {
    // Rather cover a neighbour than become too small to be recognised.
    const smallest = level === 0 && count < CROWD ? Math.max(least, (rows ? 0.35 : 0.55) * radius) : least;
    for (let r = radius; r >= smallest; r *= SHRINK) {
      const found = ringPlaces(mark, r, reach, hole, side, count % 2 === 0 && !rows).filter((p) => fits(p, r));
      if (found.length >= count) return finished(mark, r, found.slice(0, count));
    }
  }
  // Very many heads, or marks that lie close together: as small as it takes, and at last on the mark itself.
  for (let r = least; r > 0.4; r *= SHRINK) {
    const found = ringPlaces(mark, r, reach, 0, side, false).filter(inCell);
    if (found.length >= count) return finished(mark, Math.max(r, least / 2), found.slice(0, count));
  }
  return finished(mark, least, Array.from({ length: count }, () => ({ ...mark, ring: 0, turn: 0 })));
}

/** @param {Point} mark @param {number} radius @param {RingPlace[]} found */
function finished(mark, radius, found) {
  const places = found.sort((a, b) => a.ring - b.ring || a.turn - b.turn).map(({ x, y }) => ({ x, y }));
  return { mark, radius, places, extent: radius + Math.max(...found.map((p) => p.ring)) };
}

const ROUNDS = 6, MANY = 300, UNRELAXED = 600; // more items than that get one round, or none: at that number nothing can be kept apart

/**
 * Heads on the way: each moves off its true point by at most `bound` of its radius, so that fewer cover one another. A bounded
 * force relaxation (collision forces as in d3-force) that starts anew from the true points: what comes out depends on them alone,
 * and moves as smoothly as they do.
 *
 * @param {Point[]} points @param {number[]} radii @param {number} bound in radii
 * @returns {Point[]} offsets from the points
 */
export function relax(points, radii, bound) {
  const count = points.length, x = Float64Array.from(points, (point) => point.x), y = Float64Array.from(points, (point) => point.y);
  const offsetX = new Float64Array(count), offsetY = new Float64Array(count); // plain numbers: a thousand points are half a million pairs a frame
  const rounds = count > UNRELAXED ? 0 : count > MANY ? 1 : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    for (let i = 1; i < count; i++) {
      for (let j = 0; j < i; j++) {
        const wanted = radii[i] + radii[j];
        let dx = x[i] + offsetX[i] - x[j] - offsetX[j];
        if (dx > wanted || dx < -wanted) continue;
        let dy = y[i] + offsetY[i] - y[j] - offsetY[j];
        const gap = Math.hypot(dx, dy);
        if (gap >= wanted) continue;
        // Where two lie on one another their numbers decide, the less the further they are apart: no sudden turns.
        const lean = Math.max(0, 4 - gap), turn = (i * 2.4 + j) % TAU;
        dx += lean * Math.cos(turn);
        dy += lean * Math.sin(turn);
        const push = ((wanted - gap) * 0.3) / (Math.hypot(dx, dy) || 1);
        offsetX[i] += dx * push;
        offsetY[i] += dy * push;
        offsetX[j] -= dx * push;
        offsetY[j] -= dy * push;
      }
    }
    for (let i = 0; i < count; i++) {
      const { x: shortX, y: shortY } = bounded({ x: offsetX[i], y: offsetY[i] }, bound * radii[i]);
      offsetX[i] = shortX;
      offsetY[i] = shortY;
    }
  }
  return points.map((_, i) => ({ x: offsetX[i], y: offsetY[i] }));
}

/**
 * Shorten an offset to a length.
 * @param {Point} offset @param {number} most
 */
export function bounded(offset, most) {
  const length = Math.hypot(offset.x, offset.y);
  if (length > most) {
    offset.x *= most / length;
    offset.y *= most / length;
  }
  return offset;
}

/**
 * 1 up to `near`, 0 from `far` on, smooth in between.
 * @param {number} distance @param {number} near @param {number} far
 */
export function closeness(distance, near, far) {
  const share = clamp((far - distance) / (far - near), 0, 1);
  return share * share * (3 - 2 * share);
}
