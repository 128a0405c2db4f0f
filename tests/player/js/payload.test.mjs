// What is read from the payload.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test from "node:test";

import { innerCorners, Journey, rowStretch } from "../../../seda/player/web/payload.js";
import { present, WORDING } from "./stand_in.mjs";

/** @param {ArrayBufferView} numbers */
const base64 = (numbers) => Buffer.from(numbers.buffer).toString("base64");
/** @param {number[]} numbers */
const floats = (...numbers) => base64(Float32Array.from(numbers));
/** @param {number} value @param {number} wanted */
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-5, `${value} is not ${wanted}`);
/** @param {string} name @returns {Styled} */
const styled = (name) => ({ name, color: "#336699", symbol: "circle" });
/** @param {string} name @param {number} commitment @returns {Item} */
const item = (name, commitment) => ({
  name, thumbnail: "", answer: 0, nearest: 0, landed: true, top: [[0, 0.75], [1, 0.25]], commitment, flips: 0, margin: 0.1, sentences: [], hint: "",
});

/** @type {Payload} two pictures, four states (as seen, at the category, noised, at the word), two words, one category, a flat map */
const payload = {
  version: 8, fingerprint: "abc", title: "t", note: "", stages: [0, 1, 2, 2], timesteps: [0, 400, 900, 300], hand_overs: [1], jumps: [0, 1], wording: WORDING, kinds: [],
  classes: [styled("shoe"), styled("bag")], centers: [styled("Boot")], items: [item("a", 1), item("b", 3)],
  maps: [
    {
      name: "m", label: "UMAP", kind: "umap", dims: 2, scores: {}, n_neighbors: 15, note: "",
      states: floats(0, 0, 1, 0, 2, 0, 3, 0, 0, 4, 1, 4, 2, 4, 3, 4), texts: floats(3, 0, 3, 4), centers: floats(1, 1),
      reference: base64(Uint16Array.of(0, 65535, 65535, 0)), reference_low: [-1, 10], reference_span: [2, 20],
      neighbors_kept: base64(Uint8Array.of(255, 0, 51, 255, 0, 0, 0, 102)), step_flags: base64(Int8Array.of(0, 1, 0, 0, 0, -1)),
    },
  ],
  reference_labels: base64(Int16Array.of(0, -1)), reference_total: 10,
  similarities: {
    encoding: "int16", scale: 1 / 32767, classes: [0, 1],
    data: base64(Int16Array.of(0, 0, 16384, -16384, 0, 0, 32767, 0, 0, 32767, 0, 0, 0, 0, 0, 0)),
  },
  ghost: {
    changes: ["the seed"], items: [1], stages: [0, 1, 1, 2, 2, 2], hand_overs: [2], classes: [styled("shoe"), styled("hat")],
    answers: [[1, 0.5]], differences: floats(0, 0.5, 1, 0.25), maps: { m: { states: floats(...new Array(12).fill(0)), texts: floats(0, 0, 9, 9) } },
  },
  clouds: [], settings: [], neighbors: {
    count: 2, indices: base64(Uint16Array.of(3, 1, ...new Array(14).fill(0))), similarities: base64(Uint8Array.of(255, 51, ...new Array(14).fill(0))),
    labels: [0, 0, 0, -1], sheet: "", columns: 2, tile: 28,
  },
  // the second picture's states: 1 long, then .5; its estimates 1 long; the state at the category is .5 alike
  numbers: {
    norm: 19.6, shares: [[0, 1, 0], [1, 0, 0], [0.6, 0, 0.8], [0.8, 0, 0.6]], gaps: [1.5, 1, 0.75, 0.5],
    lengths: base64(Uint16Array.of(0, 0, 0, 0, 1000, 1000, 500, 1000, 0, 0, 0, 0, 1000, 1000, 1000, 1000)),
    agreements: base64(Int16Array.of(0, 0, 0, 0, 32767, 32767, 16384, 32767)),
    centers: { nearest: [0, 0], cosines: base64(Int16Array.of(0, 32767, 0, 0, 0, 0, 0, 0)) },
    weights: {
      centers: base64(Uint8Array.of(0, 255, 0, 0, 0, 51, 0, 0)), texts: base64(Uint8Array.of(...new Array(8).fill(0), 0, 0, 0, 0, 102, 153, 0, 0)),
    },
  },
};
const journey = new Journey(payload);
const [map] = journey.maps;

test("reference points come back to map units", () => {
  assert.deepEqual([...map.reference].map((value) => Math.round(value * 1000) / 1000), [-1, 30, 1, 10]);
  assert.deepEqual([...journey.referenceLabels], [0, 1]); // another category is the last group
  assert.equal(journey.groups.length, 2);
});

test("cosines by item, state and word", () => {
  near(journey.similarity(0, 1, 0), 16384 / 32767);
  near(journey.similarity(0, 1, 1), -16384 / 32767);
  near(journey.similarity(1, 0, 1), 1);
  const mean = journey.meanCurves([0, 1]); // [word, state]
  near(mean[0 * 4 + 3], 0.5);
  near(mean[1 * 4 + 0], 0.5);
});

test("what a map keeps and where it disagrees", () => {
  assert.equal(map.keptAt(0, 0), 1);
  near(map.keptAt(0, 2), 0.2);
  near(map.keptAt(1, 3), 0.4);
  assert.deepEqual([map.flag(0, 1), map.flag(1, 2), map.flag(1, 0)], [1, -1, 0]);
});

test("a map's bounds hold paths, words, categories, the ghost's words and reference points", () => {
  assert.deepEqual(map.bounds, { low: [-1, 0], high: [9, 30] });
});

test("a step in words", () => {
  assert.equal(journey.caption(0), "step 0 of 3 · the picture as it is seen");
  assert.equal(journey.caption(1), "step 1 of 3 · hand-over at the categories");
  assert.equal(journey.caption(2), "step 2 of 3 · on the way to a word");
  assert.equal(journey.caption(3), "step 3 of 3 · at the words");
  assert.equal(journey.terms(0), "visual feature · clean");
  assert.equal(journey.terms(2), "semantic translator · t = 900");
  assert.equal(journey.decided, 3);
});

test("known pictures nearest to a state, with their group", () => {
  assert.deepEqual(present(journey.neighbors).at(0, 0), [{ picture: 3, label: 1, similarity: 1 }, { picture: 1, label: 0, similarity: 0.2 }]);
});

test("the ghost is at the same share of the same stage", () => {
  const ghost = present(journey.ghost);
  // Stage one: states 0 to 1 here, 0 to 2 there; the jump; stage two: 2 to 3 here, 3 to 5 there.
  assert.equal(ghost.positionAt(0), 0);
  assert.equal(ghost.positionAt(1), 2);
  assert.equal(ghost.positionAt(1.5), 2.5);
  assert.equal(ghost.positionAt(2), 3);
  assert.equal(ghost.positionAt(2.5), 4);
  assert.equal(ghost.positionAt(3), 5);
  assert.deepEqual(ghost.gone, [1]); // the hat
  assert.equal(ghost.difference([0], 2), null);
  assert.equal(ghost.difference([0, 1], 2), 1);
});

test("words that lie together get rows of their own, in the same order", () => {
  const words = [0.1, 0.11, 0.12, 0.9];
  const warp = rowStretch(words, 0, 1);
  near(warp(0), 0);
  near(warp(1), 1);
  const rows = words.map(warp);
  rows.slice(1).forEach((row, i) => assert.ok(row - rows[i] >= 0.86 / 5 - 1e-9, `${row - rows[i]}`));
  for (let height = 0; height < 1; height += 0.01) assert.ok(warp(height + 0.01) >= warp(height));
});

test("words that lie evenly stay where they are", () => {
  const warp = rowStretch([0.25, 0.5, 0.75], 0, 1);
  for (const height of [0, 0.1, 0.25, 0.6, 1]) near(warp(height), height);
});

test("the outermost of many points are left out of their corners, few points are all kept", () => {
  const many = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 ? -1 : 1) * Math.floor(i / 2));
  assert.deepEqual(Array.from(innerCorners(many, 2, 0.01)), [9, -990, 989, -10]);
  const few = Float32Array.of(1, 2, 3, 4);
  assert.equal(innerCorners(few, 2, 0.01), few);
});

test("live numbers by item and state", () => {
  const { numbers } = journey;
  near(numbers.length(1, 2), 0.5);
  near(numbers.estimateLength(1, 2), 1);
  near(numbers.agreement(1, 2), 16384 / 32767);
  near(numbers.centerCosine(0, 1), 1);
  assert.deepEqual(numbers.heaviest(1, 2, "texts", 5), [{ index: 1, weight: 0.6 }, { index: 0, weight: 0.4 }]);
  assert.deepEqual(numbers.heaviest(1, 1, "centers", 5), [{ index: 0, weight: 0.2 }]);
  assert.deepEqual(numbers.heaviest(0, 0, "texts", 5), []); // nothing was estimated there
});

test("signal, noise, and the noise that is left if the estimate is right", () => {
  const { numbers } = journey;
  assert.ok(numbers.isConditional);
  assert.deepEqual(numbers.levels(2), { signal: 0.6, noise: 0.8 });
  // |x_t - .6 x_0|^2 = .25 + .36 - 2 (.5) (.6) (.5) = .31, over .8
  near(present(numbers.noiseLength(1, 2)), Math.sqrt(0.31 - 0.6 * (16384 / 32767 - 0.5)) / 0.8);
  assert.equal(numbers.noiseLength(1, 1), null); // clean
  const { numbers: bridge } = new Journey({ ...payload, numbers: { ...payload.numbers, shares: [[0, 1, 0], [1, 0, 0], [0.5, 0.5, 0.5], [0.8, 0.2, 0.3]] } });
  assert.equal(bridge.levels(2), null);
});
