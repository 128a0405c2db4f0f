// Numbers as they are written on the screen.

import assert from "node:assert/strict";
import test from "node:test";

import { clamp, mix, numberText, scoreText, thinningText, ticks } from "../../../seda/player/web/numbers.js";
import { present } from "./stand_in.mjs";

test("clamp and mix", () => {
  assert.deepEqual([clamp(-1, 0, 2), clamp(1, 0, 2), clamp(3, 0, 2)], [0, 1, 2]);
  assert.deepEqual([mix(10, 20, 0), mix(10, 20, 0.25), mix(10, 20, 1)], [10, 12.5, 20]);
});

test("a number has a real minus sign, and none in front of zero", () => {
  assert.equal(numberText(0.126), "0.13");
  assert.equal(numberText(-0.5), "−0.50");
  assert.equal(numberText(-0.004), "0.00");
  assert.equal(numberText(-12.34, 1), "−12.3");
  assert.equal(numberText(-0.4, 0), "0");
});

test("a score has no zero in front of its point", () => {
  assert.equal(scoreText(0.94), ".94");
  assert.equal(scoreText(-0.25), "−.25");
  assert.equal(scoreText(1), "1.00");
});

test("ticks are round and lie within their bounds", () => {
  /** @param {number} low @param {number} high */
  const written = (low, high) => {
    const { values, digits } = ticks(low, high);
    return values.map((value) => value.toFixed(digits));
  };
  assert.deepEqual(written(0.11, 0.34), ["0.15", "0.20", "0.25", "0.30"]);
  assert.deepEqual(written(-1, 1), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
  assert.deepEqual(written(0.1, 0.9), ["0.2", "0.4", "0.6", "0.8"]);
  for (let low = -1; low < 0.9; low += 0.07) {
    for (let high = low + 0.04; high <= 1.02; high += 0.05) {
      const { values } = ticks(low, high);
      assert.ok(values.length >= 1 && values.length <= 6, `${values.length} ticks from ${low} to ${high}`);
      assert.ok(values.every((value) => value > low - 1e-9 && value < high + 1e-9));
    }
  }
});

test("how many points of all are drawn", () => {
  assert.equal(thinningText(20_000, 100_000), "20,000 of 100,000 reference points drawn (every 5th)");
  assert.equal(thinningText(100, 100), "");
  assert.equal(thinningText(0, 7), "0 of 7 reference points drawn");
  /** @param {number} every */
  const ending = (every) => present(thinningText(1000, 1000 * every).match(/every (.*)\)/))[1];
  assert.deepEqual([2, 3, 4, 11, 12, 13, 21, 22, 111].map(ending), ["2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "111th"]);
});
