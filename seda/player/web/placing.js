// Which mark each item gathers at, and where it is drawn on its way there. Pure geometry.

import { clamp, mix } from "./numbers.js";
import { berth, bounded, closeness, REACH, relax } from "./gather.js";

/** @typedef {{berths: Map<number, Berth>, of: ({mark: number, place: number}|null)[]}} Gathered  by mark, and by item */
/**
 * @typedef {{words: Gathered, categories: Gathered, radius: number, travel: number, handOver: number, last: number}} Way  where
 *   items gather; radius of a whole head, and of one on its way; states
 */

const ON_THE_WAY = 0.9; // radii that items on the way may give way by
const TURN_OVER = 1.5; // states after the hand-over until an item belongs to its word rather than to its category

/**
 * How much larger a head is drawn by its depth on a solid map.
 * @param {Spot} point
 */
export const headScale = (point) => clamp(point.size, 0.7, 1.3);

/**
 * Give each item its place at the mark that its path leads to, or to its own if goals are given; one whose path leads to no mark has none. The large groups
 * choose first; within a group the surest item is the first.
 * @param {Point[]} ends of the paths, by item @param {number[]} sureness by item @param {Spot[]} marks
 * @param {{radius: number, own: number, least: number, core: number, frame: Frame, timeline: boolean, goals?: number[]}} room  radius of a whole
 *   head, and of one that has arrived; the least that it is made; what a mark itself takes; on a timeline fans open to the right;
 *   goals: by item the one mark that it may gather at, -1 for none
 * @returns {Gathered}
 */
export function gatherAt(ends, sureness, marks, { radius, own, least, core, frame, timeline, goals }) {
  /** @type {Map<number, number[]>} */ const groups = new Map();
  /** @type {Gathered["of"]} */ const of = ends.map(() => null);
  ends.forEach((end, item) => {
    let best = -1, gap = 2 * radius;
    marks.forEach((mark, i) => {
      if (goals && goals[item] !== i) return;
      const distance = Math.hypot(mark.x - end.x, mark.y - end.y);
      if (distance < gap) [best, gap] = [i, distance];
    });
    if (best >= 0) groups.set(best, [...(groups.get(best) ?? []), item]);
  });
  /** @type {Disc[]} */ const taken = [];
  /** @type {Gathered["berths"]} */ const berths = new Map();
  for (const [mark, group] of [...groups].sort(([a, inA], [b, inB]) => inB.length - inA.length || a - b)) {
    const members = group.sort((a, b) => sureness[b] - sureness[a] || a - b);
    const others = marks.filter((_, i) => i !== mark);
    const stars = others.map(({ x, y }) => ({ x, y, radius: core * 0.8 }));
    const scale = headScale(marks[mark]);
    const found = berth(marks[mark], members.length, {
      radius: own * scale, reach: REACH * radius * scale, least, core, others, taken: [...taken, ...stars], frame,
      toward: timeline ? 0 : undefined, rows: timeline,
    });
    for (const place of found.places) taken.push({ ...place, radius: found.radius });
    berths.set(mark, found);
    members.forEach((item, place) => {
      of[item] = { mark, place };
    });
  }
  return { berths, of };
}

/**
 * How much an item belongs to its category's place and to its word's, 0 to 1 each.
 * @param {number} item @param {Point} point @param {number} position @param {Way} way
 */
export function belonging(item, point, position, { words, categories, radius, handOver, last }) {
  const turned = handOver < 0 ? 1 : clamp((position - handOver) / Math.min(TURN_OVER, Math.max(last - handOver, 1)), 0, 1);
  /** @param {Gathered} gathered @param {number} share */
  const to = ({ berths, of }, share) => {
    const at = of[item], found = at && berths.get(at.mark);
    if (!found || share <= 0) return 0;
    return share * closeness(Math.hypot(point.x - found.mark.x, point.y - found.mark.y), 0.3 * radius, 2.6 * radius);
  };
  return { category: to(categories, 1 - turned), word: to(words, turned) };
}

/**
 * Where all heads are drawn at a position, and how large: at their true points, moved by at most REACH radii. A function of the
 * position and of the view alone.
 * @param {Spot[]} points true ones, by item @param {number} position @param {Way} way @returns {Disc[]} by item
 */
export function layHeads(points, position, way) {
  const radii = points.map((point) => way.travel * headScale(point));
  const offsets = relax(points, radii, ON_THE_WAY);
  return points.map((point, item) => {
    const { category, word } = belonging(item, point, position, way);
    const offset = offsets[item];
    let radius = radii[item];
    for (const { berths, of, share } of [{ ...way.categories, share: category }, { ...way.words, share: word }]) {
      const at = of[item], found = at && berths.get(at.mark);
      if (!found || share <= 0) continue;
      const place = found.places[at.place];
      offset.x = mix(offset.x, place.x - point.x, share);
      offset.y = mix(offset.y, place.y - point.y, share);
      radius = mix(radius, found.radius, share);
    }
    bounded(offset, REACH * way.radius * headScale(point));
    return { x: point.x + offset.x, y: point.y + offset.y, radius };
  });
}
