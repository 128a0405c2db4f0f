// Which mark a picture gathers at, and where it is drawn.

import assert from "node:assert/strict";
import test from "node:test";

import { belonging, gatherAt, headScale, layHeads } from "../../../seda/player/web/placing.js";
import { numbers } from "./random.mjs";
import { present } from "./stand_in.mjs";

const frame = { left: 0, top: 0, right: 800, bottom: 600 };
const RADIUS = 20, HAND_OVER = 10, LAST = 20;
const room = { radius: RADIUS, own: RADIUS, least: 4, core: 10, frame, timeline: false };
/** @param {number} x @param {number} y @param {number} [size] @returns {Spot} */
const spot = (x, y, size = 1) => ({ x, y, size });
/** @param {Point} a @param {Point} b */
const gap = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
/** @param {number} count @returns {Gathered} */
const nowhere = (count) => ({ berths: new Map(), of: new Array(count).fill(null) });
/** @param {number} value @param {number} wanted */
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-6, `${value} is not ${wanted}`);

test("a picture gathers at the nearest mark, within two radii of its end", () => {
  const marks = [spot(100, 100), spot(300, 100)];
  const { of } = gatherAt([spot(110, 100), spot(290, 110), spot(139, 100), spot(141, 100), spot(200, 400)], [1, 1, 1, 1, 1], marks, room);
  assert.deepEqual(of.map((at) => at?.mark ?? null), [0, 1, 0, null, null]);
});

test("with goals a picture gathers at its own mark or at none, however near another one is", () => {
  const marks = [spot(100, 100), spot(130, 100)];
  const { of } = gatherAt([spot(101, 100), spot(112, 100), spot(99, 100), spot(400, 100)], [1, 1, 1, 1], marks, { ...room, goals: [0, 1, -1, 0] });
  assert.deepEqual(of.map((at) => at?.mark ?? null), [0, 1, null, null]);
});

test("around its star the surest picture is the first, and of equals the one that is listed first", () => {
  const ends = Array.from({ length: 5 }, () => spot(100, 100));
  const { of } = gatherAt(ends, [0.2, 0.9, 0.5, 0.9, 0.1], [spot(100, 100)], room);
  assert.deepEqual(of.map((at) => present(at).place), [3, 0, 2, 1, 4]);
});

test("the surest lie nearest to the star", () => {
  const random = numbers(5);
  const sureness = Array.from({ length: 16 }, random);
  const star = spot(400, 300);
  const { berths, of } = gatherAt(sureness.map(() => star), sureness, [star], room);
  const order = [...sureness.keys()].sort((a, b) => sureness[b] - sureness[a]);
  const { places } = present(berths.get(0));
  const distances = order.map((item) => gap(places[present(of[item]).place], star));
  distances.slice(1).forEach((distance, i) => assert.ok(distance >= distances[i] - 1e-6));
});

test("the largest group chooses first, and the next one keeps off it", () => {
  for (let x = 330; x < 420; x += 6) {
    const marks = [spot(300, 300), spot(x, 300)];
    const ends = [spot(300, 300), spot(300, 300), spot(300, 300), ...Array.from({ length: 6 }, () => spot(x, 300))];
    const { berths } = gatherAt(ends, ends.map(() => 1), marks, room);
    assert.deepEqual([...berths.keys()], [1, 0]);
    const few = present(berths.get(0)), many = present(berths.get(1));
    for (const a of few.places) for (const b of many.places) assert.ok(gap(a, b) >= few.radius + many.radius - 1e-6, `marks ${x - 300} px apart`);
  }
});

test("on a timeline pictures lie to the right of their word", () => {
  const { berths } = gatherAt([spot(400, 300)], [1], [spot(400, 300)], { ...room, timeline: true });
  const [place] = present(berths.get(0)).places;
  near(place.y, 300);
  near(place.x, 430); // as far off as it may be: 1.5 radii
});

test("what is near on a solid map is larger, within bounds", () => {
  assert.deepEqual([0.2, 0.9, 1.1, 3].map((size) => headScale(spot(0, 0, size))), [0.7, 0.9, 1.1, 1.3]);
});

/**
 * Pictures that end at two words and are handed over at two categories.
 * @param {number} count @param {number} seed
 */
function way(count, seed) {
  const random = numbers(seed);
  const words = [spot(200, 200), spot(500, 250)], categories = [spot(300, 450), spot(600, 480)];
  /** @param {Spot[]} marks */
  const around = (marks) => Array.from({ length: count }, (_, i) => {
    const { x, y } = marks[i % 2];
    return spot(x + 30 * (random() - 0.5), y + 30 * (random() - 0.5));
  });
  const ends = around(words), half = around(categories), sureness = ends.map(random);
  return {
    ends, half,
    way: {
      words: gatherAt(ends, sureness, words, room), categories: gatherAt(half, sureness, categories, { ...room, core: 7 }),
      radius: RADIUS, travel: RADIUS, handOver: HAND_OVER, last: LAST,
    },
  };
}

test("at the last step a picture lies at its word's place, at the hand-over at its category's", () => {
  const { ends, half, way: found } = way(6, 1);
  const stops = [{ points: ends, position: LAST, gathered: found.words }, { points: half, position: HAND_OVER, gathered: found.categories }];
  for (const { points, position, gathered } of stops) {
    layHeads(points, position, found).forEach((head, item) => {
      const { mark, place } = present(gathered.of[item]), { places, radius, mark: at } = present(gathered.berths.get(mark));
      if (gap(points[item], at) > 0.3 * RADIUS || gap(points[item], places[place]) > 1.5 * RADIUS) return; // on its way yet, or out of reach
      near(head.x, places[place].x);
      near(head.y, places[place].y);
      near(head.radius, radius);
    });
  }
});

test("exactly that for a picture whose path ends on its star", () => {
  const star = spot(200, 200);
  const words = gatherAt([star], [1], [star], { ...room, core: 5 });
  const [head] = layHeads([star], LAST, { words, categories: nowhere(1), radius: RADIUS, travel: RADIUS, handOver: HAND_OVER, last: LAST });
  near(gap(head, star), 5 + 20 + 1);
});

test("after the hand-over a picture goes over from its category to its word in a state and a half", () => {
  const star = spot(200, 200), at = gatherAt([star], [1], [star], room);
  const found = { words: at, categories: at, radius: RADIUS, travel: RADIUS, handOver: HAND_OVER, last: LAST };
  assert.deepEqual(belonging(0, star, HAND_OVER, found), { category: 1, word: 0 });
  assert.deepEqual(belonging(0, star, HAND_OVER + 0.75, found), { category: 0.5, word: 0.5 });
  assert.deepEqual(belonging(0, star, HAND_OVER + 1.5, found), { category: 0, word: 1 });
  assert.deepEqual(belonging(0, spot(200, 200 + 2.6 * RADIUS), HAND_OVER, found), { category: 0, word: 0 });
});

for (const [count, seed] of [[1, 1], [6, 2], [20, 3], [48, 4]]) {
  test(`no picture of ${count} is drawn further from its true point than 1.5 radii, at any step`, () => {
    const { ends, half, way: found } = way(count, seed);
    const random = numbers(seed + 10);
    const start = ends.map(() => spot(800 * random(), 600 * random(), 0.5 + random()));
    for (let position = 0; position <= LAST; position += 0.5) {
      const early = Math.min(1, position / HAND_OVER), late = Math.max(0, (position - HAND_OVER) / (LAST - HAND_OVER));
      const points = start.map((from, i) => {
        const to = position < HAND_OVER ? half[i] : ends[i], since = position < HAND_OVER ? from : half[i], share = position < HAND_OVER ? early : late;
        return spot(since.x + (to.x - since.x) * share, since.y + (to.y - since.y) * share, from.size);
      });
      const heads = layHeads(points, position, found);
      heads.forEach((head, i) => {
        assert.ok(gap(head, points[i]) <= 1.5 * RADIUS * headScale(points[i]) + 1e-6);
        assert.ok(head.radius > 0 && head.radius <= 1.3 * RADIUS + 1e-6);
      });
      assert.deepEqual(layHeads(structuredClone(points), position, found), heads, "the same step looks different");
    }
  });
}

test("a step looks the same however it was reached", () => {
  const { ends, way: found } = way(12, 8);
  const once = layHeads(ends, 14, found);
  layHeads(ends, 3, found);
  layHeads(ends, LAST, found);
  assert.deepEqual(layHeads(ends, 14, found), once);
});
