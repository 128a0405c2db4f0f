// What lies inside of a line that was drawn.

import assert from "node:assert/strict";
import test from "node:test";

import { region } from "../../../seda/player/web/lasso.js";
import { present } from "./stand_in.mjs";

/** @param {number[][]} corners */
const line = (...corners) => corners.map(([x, y]) => ({ x, y }));
const square = line([10, 10], [50, 10], [50, 50], [10, 50]);

test("a square holds its middle and nothing outside", () => {
  const inside = present(region(square));
  assert.equal(inside({ x: 30, y: 30 }), true);
  for (const [x, y] of [[5, 30], [55, 30], [30, 5], [30, 55], [5, 5], [60, 60]]) assert.equal(inside({ x, y }), false);
});

test("it does not matter which way round the line is drawn, or where it begins", () => {
  /** @type {Point[]} */ const points = [];
  for (let x = 1; x < 60; x += 7) for (let y = 2; y < 60; y += 7) points.push({ x, y });
  /** @param {Point[]} corners */
  const held = (corners) => points.map(present(region(corners)));
  assert.deepEqual(held([...square].reverse()), held(square));
  assert.deepEqual(held([...square.slice(2), ...square.slice(0, 2)]), held(square));
  assert.equal(held(square).filter(Boolean).length, points.filter(({ x, y }) => x > 10 && x < 50 && y > 10 && y < 50).length);
});

test("the notch of a C is outside, both of its arms are inside", () => {
  const inside = present(region(line([0, 0], [60, 0], [60, 20], [20, 20], [20, 40], [60, 40], [60, 60], [0, 60])));
  assert.equal(inside({ x: 45, y: 30 }), false);
  assert.equal(inside({ x: 45, y: 10 }), true);
  assert.equal(inside({ x: 45, y: 50 }), true);
  assert.equal(inside({ x: 10, y: 30 }), true);
});

test("where a line crosses itself, what it goes around twice is outside", () => {
  const inside = present(region(line([0, 0], [40, 0], [40, 40], [0, 40], [0, 0], [20, 10], [60, 10], [60, 30], [20, 30], [20, 10])));
  assert.equal(inside({ x: 10, y: 20 }), true);
  assert.equal(inside({ x: 30, y: 20 }), false);
  assert.equal(inside({ x: 50, y: 20 }), true);
});

test("a loop smaller than 8 px is a click", () => {
  assert.equal(region(line([10, 10], [17, 10], [17, 17], [10, 17])), null);
  assert.notEqual(region(line([10, 10], [18, 10], [18, 12])), null);
  assert.equal(region(line([10, 10])), null);
});
