// Smooth curves through states.

import assert from "node:assert/strict";
import test from "node:test";

import { Paths } from "../../../seda/player/web/paths.js";
import { numbers } from "./random.mjs";
import { standIn } from "./stand_in.mjs";

const STATES = [[0, 0], [40, 30], [90, 20], [100, 80], [180, 90], [170, 20]];

/** @param {number[][]} states @param {number[]} [jumps] */
function laid(states, jumps = []) {
  const paths = new Paths(1, states.length, jumps);
  paths.states.set(states.flat());
  paths.update();
  return paths;
}

/**
 * What is drawn, as a list of verbs and numbers.
 * @param {Paths} paths @param {number} from @param {number} to @param {(segment: number) => boolean} [wanted]
 */
function traced(paths, from, to, wanted = () => true) {
  /** @type {{verb: "move"|"curve", at: number[]}[]} */ const drawn = [];
  /** @type {CanvasRenderingContext2D} */
  const ctx = standIn({
    moveTo: (/** @type {number[]} */ ...at) => void drawn.push({ verb: "move", at }),
    bezierCurveTo: (/** @type {number[]} */ ...at) => void drawn.push({ verb: "curve", at }),
  });
  paths.trace(ctx, 0, from, to, wanted);
  return drawn;
}

/** @param {number} a @param {number} b */
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-3, `${a} is not ${b}`);

test("every state is passed exactly", () => {
  const paths = laid(STATES);
  STATES.forEach(([x, y], state) => {
    const point = paths.pointAt(0, state);
    near(point.x, x);
    near(point.y, y);
  });
});

test("a jump is straight, and its end is a corner", () => {
  const paths = laid(STATES, [2]);
  for (const share of [0.25, 0.5, 0.75]) {
    const { x, y } = paths.pointAt(0, 2 + share);
    near((x - 90) * (80 - 20), (y - 20) * (100 - 90)); // on the line from (90, 20) to (100, 80)
  }
});

test("elsewhere the direction does not break at a state", () => {
  const paths = laid(STATES);
  for (const state of [1, 2, 3, 4]) {
    const before = paths.pointAt(0, state - 1e-3), at = paths.pointAt(0, state), after = paths.pointAt(0, state + 1e-3);
    const turn = Math.atan2(at.y - before.y, at.x - before.x) - Math.atan2(after.y - at.y, after.x - at.x);
    assert.ok(Math.abs(Math.atan2(Math.sin(turn), Math.cos(turn))) < 0.05, `a corner at state ${state}`);
  }
});

test("between two states the line stays near them", () => {
  const random = numbers(3);
  const states = Array.from({ length: 60 }, () => [600 * random(), 400 * random()]);
  const paths = laid(states);
  for (let segment = 0; segment < states.length - 1; segment++) {
    const [a, b] = [states[segment], states[segment + 1]], length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    for (let share = 0; share <= 1; share += 0.1) {
      const { x, y } = paths.pointAt(0, segment + share);
      const gap = Math.min(Math.hypot(x - a[0], y - a[1]), Math.hypot(x - b[0], y - b[1]));
      assert.ok(gap <= length, `${gap} px from both ends of ${length} px`);
    }
  }
});

test("a short step between two long ones is not overshot", () => {
  const paths = laid([[0, 0], [300, 0], [303, 0], [600, 0]]);
  for (let position = 1, before = 300; position < 2; position += 0.02) {
    const { x } = paths.pointAt(0, position);
    assert.ok(x >= before - 1e-3 && x <= 303);
    before = x;
  }
});

test("sizes are mixed along the way", () => {
  const paths = laid(STATES);
  paths.sizes.set([1, 1.5, 1, 1, 1, 1]);
  near(paths.pointAt(0, 0.5).size, 1.25);
  near(paths.pointAt(0, 1).size, 1.5);
});

test("a part of a path begins and ends where it should", () => {
  const paths = laid(STATES);
  const drawn = traced(paths, 0.25, 2.5);
  assert.deepEqual(drawn.map(({ verb }) => verb), ["move", "curve", "curve", "curve"]);
  const start = paths.pointAt(0, 0.25), end = paths.pointAt(0, 2.5);
  near(drawn[0].at[0], start.x);
  near(drawn[0].at[1], start.y);
  near(drawn[1].at[4], 40);
  near(drawn[3].at[4], end.x);
  near(drawn[3].at[5], end.y);
});

test("segments that are not wanted are left out, and the line begins anew behind them", () => {
  const drawn = traced(laid(STATES), 0, 5, (segment) => segment !== 2);
  assert.deepEqual(drawn.map(({ verb }) => verb), ["move", "curve", "curve", "move", "curve", "curve"]);
  assert.deepEqual(drawn[3].at, [100, 80]);
});
