// Where names are written.

import assert from "node:assert/strict";
import test from "node:test";

import { covers, fitText, isRightToLeft, placeNames, spreadLabels, wrap } from "../../../seda/player/web/labels.js";
import { numbers } from "./random.mjs";
import { present, standIn } from "./stand_in.mjs";

/** @typedef {Parameters<typeof placeNames>[0][number]} Name */
/** @typedef {Parameters<typeof placeNames>[1]} Around */

const frame = { left: 0, top: 0, right: 600, bottom: 400 };
/** @type {Around} */
const nothing = { heads: [], marks: [], categories: [], paths: [], boxes: [], frame };
/** @param {number} x @param {number} y @param {Partial<Name>} [more] @returns {Name} */
const name = (x, y, more = {}) => ({ x, y, gap: 10, width: 60, height: 20, firm: true, ...more });
/** @param {Box} a @param {Box} b */
const shared = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
/** @param {Name} wanted @param {Partial<Around>} [around] */
const place = (wanted, around = {}) => placeNames([wanted], { ...nothing, ...around })[0];
/** @param {Name} wanted @param {Partial<Around>} [around] */
const one = (wanted, around) => present(place(wanted, around));

/** @type {Box} */ const RIGHT = [211, 140, 275, 160];
/** @type {Box} */ const LEFT = [125, 140, 189, 160];

test("a name with room stands beside its mark, 3 px behind its gap, at its height", () => {
  const { box, far, side } = one(name(200, 150));
  assert.deepEqual(box, side > 0 ? RIGHT : LEFT);
  assert.equal(far, false);
});

test("it stands on the side where no picture lies, where nothing else lies, and where the frame goes on", () => {
  /** @param {Partial<Around>} around */
  const where = (around) => {
    const { box, side } = one(name(200, 150), around);
    return { box, side };
  };
  const left = { box: LEFT, side: -1 }, right = { box: RIGHT, side: 1 };
  assert.deepEqual(where({ heads: [{ x: 245, y: 150, radius: 20 }] }), left);
  assert.deepEqual(where({ heads: [{ x: 155, y: 150, radius: 20 }] }), right);
  assert.deepEqual(where({ boxes: [[215, 100, 300, 200]] }), left);
  assert.deepEqual(where({ boxes: [[100, 100, 185, 200]] }), right);
  assert.deepEqual(where({ frame: { ...frame, right: 240 } }), left);
  assert.deepEqual(where({ frame: { ...frame, left: 160 } }), right);
});

test("it covers no path where it need not", () => {
  const paths = Array.from({ length: 26 }, (_, i) => ({ x: 125 + 6 * i, y: 150 })); // on both sides
  const { box } = one(name(200, 150), { paths });
  assert.ok(paths.every(({ x, y }) => x <= box[0] || x >= box[2] || y <= box[1] || y >= box[3]));
});

test("it is nearer to its own mark than to another", () => {
  /** @param {Point} point @param {Box} box */
  const away = ({ x, y }, [left, top, right, bottom]) => Math.hypot(x - Math.min(Math.max(x, left), right), y - Math.min(Math.max(y, top), bottom));
  const mark = { x: 200, y: 150, radius: 8 }, other = { x: 285, y: 150, radius: 8 };
  const { box } = one(name(200, 150), { marks: [mark, other] });
  assert.ok(away(mark, box) < away(other, box));
});

test("a name that need not be written is left out where everything is covered", () => {
  const heads = [{ x: 200, y: 150, radius: 150 }];
  assert.equal(place(name(200, 150, { firm: false }), { heads }), null);
  assert.notEqual(place(name(200, 150, { firm: true }), { heads }), null);
});

test("of two names at one mark both find a place, and neither lies on the other", () => {
  const [a, b] = placeNames([name(200, 150), name(200, 150)], nothing);
  assert.ok(a && b);
  assert.equal(shared(a.box, b.box), 0);
});

test("where there is no room for all, those that are written still lie off one another", () => {
  const random = numbers(9);
  const names = Array.from({ length: 60 }, () => name(20 + 360 * random(), 20 + 160 * random(), { width: 70, firm: false }));
  const places = placeNames(names, { ...nothing, frame: { left: 0, top: 0, right: 400, bottom: 200 } }).flatMap((found) => found ?? []);
  assert.ok(places.length > 10 && places.length < 60, `${places.length} are written`);
  places.forEach((place, i) => {
    for (const other of places.slice(0, i)) assert.ok(shared(place.box, other.box) <= 14);
  });
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  const random = numbers(seed);
  const spot = () => ({ x: 20 + 560 * random(), y: 20 + 360 * random() });
  const marks = Array.from({ length: 18 }, () => ({ ...spot(), radius: 8 }));
  const heads = Array.from({ length: 25 }, () => ({ ...spot(), radius: 12 + 8 * random() }));
  const names = marks.map(({ x, y }, i) => name(x, y, { width: 40 + 80 * random(), firm: i < 8 }));
  const around = { ...nothing, marks, heads };

  test(`among many things (${seed}): inside the frame, off one another, and the weaker names off pictures and marks`, () => {
    const places = placeNames(names, around);
    assert.equal(places.length, names.length);
    assert.ok(places.filter(Boolean).length > 8, "most names must find a place");
    places.forEach((place, i) => {
      if (!place) return;
      const [left, top, right, bottom] = place.box;
      assert.ok(left >= frame.left && top >= frame.top && right <= frame.right && bottom <= frame.bottom);
      assert.ok(Math.abs(right - left - names[i].width - 4) < 1e-9 && Math.abs(bottom - top - names[i].height) < 1e-9);
      for (let j = 0; j < i; j++) {
        const other = places[j];
        if (other) assert.ok(shared(place.box, other.box) <= (names[i].firm ? 56 : 14), `${i} lies on ${j}`);
      }
      if (names[i].firm) return;
      assert.ok(!place.far, "only a firm name is set off");
      for (const thing of [...heads, ...marks]) assert.ok(covers(thing, place.box) <= 14, `${i} lies on a thing`);
    });
  });

  test(`the same names get the same places (${seed})`, () => {
    assert.deepEqual(placeNames(structuredClone(names), structuredClone(around)), placeNames(names, around));
  });
}

test("what a circle covers of a box", () => {
  /** @type {Box} */
  const box = [10, 10, 50, 30];
  assert.equal(covers({ x: 0, y: 20, radius: 9.9 }, box), 0);
  assert.equal(covers({ x: 30, y: 20, radius: 100 }, box), 800);
  let before = 0;
  for (let radius = 1; radius < 60; radius++) {
    const now = covers({ x: 5, y: 20, radius }, box);
    assert.ok(now >= before && now <= 800);
    before = now;
  }
  assert.ok(before > 700);
});

test("labels in a column are pushed apart, and stay in their range", () => {
  /** @param {number[]} ys @param {number} spacing @param {number} top @param {number} bottom */
  const spread = (ys, spacing, top, bottom) => {
    const labels = ys.map((y) => ({ y }));
    spreadLabels(labels, spacing, top, bottom);
    return labels.map(({ y }) => y);
  };
  assert.deepEqual(spread([10, 12, 80], 17, 0, 100), [10, 27, 80]);
  assert.deepEqual(spread([90, 95, 99], 17, 0, 100), [66, 83, 100]);
  assert.deepEqual(spread([-5, 40], 17, 4, 100), [4, 40]);
});

// ------------------------------------------------------------------------------------------------ text

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** @type {CanvasRenderingContext2D} each letter is 10 px wide */
const ctx = standIn({ measureText: (/** @type {string} */ text) => ({ width: 10 * [...segmenter.segment(text)].length }) });

test("a text that fits stays, another ends in an ellipsis within the width", () => {
  assert.equal(fitText(ctx, "sandal", 60), "sandal");
  assert.equal(fitText(ctx, "sandals", 60), "sanda…");
  assert.equal(fitText(ctx, "a running shoe", 30), "a…"); // no space before it
});

test("no letter is cut in two", () => {
  assert.equal(fitText(ctx, "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 20), "👩‍👩‍👧‍👦…");
  assert.equal(fitText(ctx, "e\u0301e\u0301e\u0301", 20), "e\u0301…");
});

test("a text is broken between words into two lines", () => {
  assert.deepEqual(wrap(ctx, "sandal", 60), ["sandal"]);
  assert.deepEqual(wrap(ctx, "red running shoe", 110), ["red running", "shoe"]);
  assert.deepEqual(wrap(ctx, "red running shoes of leather", 110), ["red running", "shoes of l…"]);
  assert.deepEqual(wrap(ctx, "Unterwasserkamera", 60), ["Unter…"]);
});

test("the first letter with a direction decides how a text runs", () => {
  assert.equal(isRightToLeft("נעל"), true);
  assert.equal(isRightToLeft("12 نعل"), true);
  assert.equal(isRightToLeft("shoe נעל"), false);
  assert.equal(isRightToLeft("靴"), false);
  assert.equal(isRightToLeft(""), false);
});
