// Fans of pictures around a mark, and how pictures on the way make room.

import assert from "node:assert/strict";
import test from "node:test";

import { berth, bounded, closeness, relax } from "../../../seda/player/web/gather.js";
import { numbers } from "./random.mjs";

const mark = { x: 300, y: 200 };
const frame = { left: 0, top: 0, right: 600, bottom: 400 };
/** @param {Partial<Parameters<typeof berth>[2]>} [more] */
const room = (more = {}) => ({ radius: 20, reach: 60, least: 4, core: 10, others: [], taken: [], frame, ...more });
/** @param {Point} a @param {Point} b */
const gap = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
/** @param {number} value @param {number} wanted */
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-6, `${value} is not ${wanted}`);

test("a single picture lies beside its mark, on the side that is asked for", () => {
  const { radius, places, extent } = berth(mark, 1, room({ toward: 0 }));
  assert.equal(radius, 20);
  near(places[0].x, 300 + 10 + 20 + 1); // the mark's own room, its radius, a gap
  near(places[0].y, 200);
  near(extent, 51);
});

test("else it lies away from the other marks", () => {
  assert.ok(berth(mark, 1, room({ others: [{ x: 360, y: 200 }] })).places[0].x < 300);
  assert.ok(berth(mark, 1, room({ others: [{ x: 240, y: 200 }] })).places[0].x > 300);
  assert.ok(berth(mark, 1, room({ others: [{ x: 300, y: 140 }] })).places[0].y > 200);
});

for (const [x, y] of [[4, 200], [596, 200], [300, 4], [300, 396], [590, 394]]) {
  test(`and inside the frame, next to an edge of it (${x}, ${y})`, () => {
    for (const toward of [undefined, 0, 1.57, 3.14, -1.57]) {
      const { radius, places } = berth({ x, y }, 3, room({ toward }));
      for (const place of places) {
        assert.ok(place.x - radius >= 0 && place.x + radius <= 600 && place.y - radius >= 0 && place.y + radius <= 400);
      }
    }
  });
}

test("between two marks that lie close to one another each picture is nearer to its own, by 2 px", () => {
  for (const count of [3, 6, 12, 20]) {
    const other = { x: 330, y: 205 };
    for (const place of berth(mark, count, room({ others: [other], toward: 0 })).places) {
      assert.ok(gap(place, other) >= gap(place, mark) + 2 - 1e-9);
    }
  }
});

for (const count of [1, 2, 3, 4, 5, 6, 8, 12, 16, 24]) {
  test(`${count} pictures lie apart from one another, within reach, inside the frame and off what is there`, () => {
    const others = [{ x: 420, y: 200 }, { x: 300, y: 330 }];
    const taken = [{ x: 350, y: 200, radius: 18 }];
    const { radius, places, extent } = berth(mark, count, room({ others, taken }));
    assert.equal(places.length, count);
    assert.ok(radius >= 4 && radius <= 20);
    places.forEach((place, i) => {
      assert.ok(gap(place, mark) <= 60 + 1e-6);
      assert.ok(gap(place, mark) + radius <= extent + 1e-6);
      assert.ok(place.x - radius >= 0 && place.x + radius <= 600 && place.y - radius >= 0 && place.y + radius <= 400);
      for (const other of others) assert.ok(gap(place, other) >= gap(place, mark) + 2 - 1e-9, "nearer to another mark");
      for (const one of taken) assert.ok(gap(place, one) >= one.radius + radius - 1e-9);
      for (let j = 0; j < i; j++) assert.ok(gap(place, places[j]) >= 2 * radius - 1e-9, `${i} lies on ${j}`);
    });
    if (count < 13) assert.ok(places.every((place) => gap(place, mark) >= 10 + radius - 1e-9), "a picture lies on the mark");
  });
}

test("places go outward, and within a ring around", () => {
  const { places } = berth(mark, 12, room({ toward: 0 }));
  const rings = places.map((place) => Math.round(gap(place, mark) * 1000));
  assert.deepEqual(rings, [...rings].sort((a, b) => a - b));
});

test("an even number fans out evenly to both sides", () => {
  const { places } = berth(mark, 2, room({ toward: 0 }));
  near(places[0].x, places[1].x);
  near(places[0].y - 200, 200 - places[1].y);
});

test("the more there are, the smaller they are, and never is one without a place", () => {
  let before = Infinity;
  for (const count of [1, 4, 8, 12, 40, 120, 400]) {
    const { radius, places } = berth(mark, count, room());
    assert.ok(radius <= before);
    assert.equal(places.length, count);
    assert.ok(places.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
    before = radius;
  }
});

test("two marks on one another still give a place", () => {
  const { places } = berth(mark, 3, room({ others: [{ ...mark }] }));
  assert.equal(places.length, 3);
});

test("the same room gives the same fan", () => {
  assert.deepEqual(berth(mark, 7, room({ others: [{ x: 350, y: 230 }] })), berth({ ...mark }, 7, room({ others: [{ x: 350, y: 230 }] })));
});

// ------------------------------------------------------------------------------------------------ on the way

test("pictures that do not touch stay where they are", () => {
  assert.deepEqual(relax([{ x: 0, y: 0 }, { x: 41, y: 0 }], [20, 20], 0.9), [{ x: 0, y: 0 }, { x: 0, y: 0 }]);
});

test("two that overlap go apart along their line, each half of the way", () => {
  const [a, b] = relax([{ x: 0, y: 0 }, { x: 30, y: 0 }], [20, 20], 0.9);
  assert.ok(a.x < -4 && a.x >= -5, `${a.x}`);
  near(a.x, -b.x);
  near(a.y, 0);
});

test("two on one another come apart, too", () => {
  const [a, b] = relax([{ x: 50, y: 50 }, { x: 50, y: 50 }], [20, 20], 0.9);
  assert.ok(gap(a, b) > 25);
});

for (const seed of [1, 2, 3]) {
  test(`none moves further than its bound, and less is covered than before (${seed})`, () => {
    const random = numbers(seed);
    const points = Array.from({ length: 40 }, () => ({ x: 200 * random(), y: 150 * random() }));
    const radii = points.map(() => 10 + 10 * random());
    const offsets = relax(points, radii, 0.9);
    offsets.forEach(({ x, y }, i) => assert.ok(Math.hypot(x, y) <= 0.9 * radii[i] + 1e-9));
    /** @param {Point[]} at */
    const covered = (at) => at.reduce((sum, a, i) => at.slice(0, i).reduce((all, b, j) => all + Math.max(0, radii[i] + radii[j] - gap(a, b)), sum), 0);
    assert.ok(covered(points.map(({ x, y }, i) => ({ x: x + offsets[i].x, y: y + offsets[i].y }))) < 0.9 * covered(points));
    assert.deepEqual(relax(structuredClone(points), [...radii], 0.9), offsets);
  });
}

test("an offset is shortened to a length, and a shorter one is left", () => {
  assert.deepEqual(bounded({ x: 6, y: 8 }, 5), { x: 3, y: 4 });
  assert.deepEqual(bounded({ x: 3, y: 4 }, 6), { x: 3, y: 4 });
});

test("closeness falls smoothly from 1 to 0", () => {
  assert.deepEqual([closeness(5, 10, 30), closeness(10, 10, 30), closeness(20, 10, 30), closeness(30, 10, 30), closeness(99, 10, 30)], [1, 1, 0.5, 0, 0]);
});
