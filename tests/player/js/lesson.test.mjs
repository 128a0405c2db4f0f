// The lesson's scenes: what they say and ask follows from the journey alone.

import assert from "node:assert/strict";
import test from "node:test";

import { clearest, closestContest, doubtful, nearestWord, SCENES } from "../../../seda/player/web/lesson_scenes.js";
import { present, standIn } from "./stand_in.mjs";

const classes = ["cat", "dog", "hat"].map((name) => ({ name }));
/** @param {object} other @returns {any} */
const item = (other) => ({ name: "x", answer: 0, nearest: 0, landed: true, commitment: 3, hint: "", top: [[0, 0.6], [1, 0.3], [2, 0.1]], ...other });
const items = [item({ name: "a", top: [[0, 0.6], [1, 0.4]] }), item({ name: "b", answer: 1, nearest: 1, top: [[1, 0.9], [2, 0.1]], commitment: 5 }), item({ name: "c", nearest: 2 })];
/** @type {any} the weights of two words are closest for "c" at state 4 */
const numbers = {
  gaps: [0.7, 0.6, 0.5, 0.4, 0.3, 0.2], nearestCenter: [0, 1, 0], isConditional: true, textWeights: new Uint8Array(1),
  levels: () => ({ signal: 0.6, noise: 0.8 }), centerCosine: (/** @type {number} */ i, /** @type {number} */ state) => (state === 2 ? [0.9, 0.7, 0.85][i] : 0.1),
  heaviest: (/** @type {number} */ i, /** @type {number} */ state) => (i === 2 && state === 4 ? [{ index: 2, weight: 0.5 }, { index: 0, weight: 0.45 }] : [{ index: 0, weight: 0.9 }, { index: 1, weight: 0.1 }]),
};
/** @type {Journey} */
const journey = standIn(/** @type {any} */ ({
  items, classes, centers: [{ name: "Persian" }, { name: "terrier" }, { name: "bonnet" }], handOver: 2, last: 5, decided: 3, numbers,
  curveClasses: [0, 1, 2], // at state 0 all are nearest to "dog"
  similarity: (/** @type {number} */ i, /** @type {number} */ state, /** @type {number} */ curve) => (state === 0 ? [0.1, 0.2, 0][curve] : 0),
  maps: [{ label: "UMAP", dims: 2, kept: Uint8Array.of(255, 0) }, { label: "Words", dims: 2, kept: Uint8Array.of(255, 255) }], seedClouds: new Map([[2, { seeds: [0, 1, 2], ends: [0, 0, 1], sentence: "" }]]),
}));
/** @param {string} key */
const scene = (key) => present(SCENES.find((one) => one.key === key));
/** @param {string} key */
const right = (key) => {
  const { options, right } = present(scene(key).ask(journey));
  return options[right];
};

test("the scenes follow the surest straight path, and end with the most doubtful one", () => {
  assert.equal(clearest(journey), 1);
  assert.equal(doubtful(journey), 2); // its path ends elsewhere
  assert.equal(doubtful(standIn({ ...journey, items: [items[2], item({ hint: "fox" })] })), 1);
  assert.equal(doubtful(standIn({ ...journey, items: [items[2], item({ landed: false })] })), 1);
  assert.equal(doubtful(standIn({ ...journey, items: items.slice(0, 2) })), 0); // the least sure
});

test("the right answer is the one that the data give, and there once", () => {
  assert.equal(nearestWord(journey, 0, 0), 1);
  assert.equal(right("gap"), "1"); // of three, the second alone is nearest to its answer at once
  assert.equal(right("noise"), "64 %");
  assert.equal(right("stage-1"), "terrier");
  assert.equal(right("hand-over"), "2");
  assert.equal(right("stage-2"), "3");
  assert.equal(right("bank"), "hat");
  assert.deepEqual(closestContest(journey), { item: 2, step: 4, second: 0.45 });
  assert.equal(right("decided"), "5");
  assert.equal(right("chance"), "2");
  assert.equal(right("trust"), "Words");
  assert.equal(right("fails"), "dog");
  for (const { key, ask } of SCENES) {
    const { options } = present(ask(journey));
    assert.equal(new Set(options).size, options.length, key);
    assert.ok(options.length >= 2 && options.length <= 4, key);
  }
});

test("every scene has one short text, with the journey's own numbers", () => {
  for (const { key, say } of SCENES) assert.ok(say(journey).length < 330 && !/undefined|NaN/.test(say(journey)), key);
  assert.ok(/3 pictures and 3 words.* 0\.70 of/.test(scene("gap").say(journey)));
  assert.ok(scene("decided").say(journey).includes("at the hand-over 0 of 3 have decided, by step 3 half"));
});

test("what a journey cannot show is left out", () => {
  const without = standIn({ ...journey, seedClouds: new Map(), numbers: { ...numbers, isConditional: false, textWeights: null } });
  assert.deepEqual(SCENES.filter(({ there }) => there(without)).map(({ key }) => key), ["gap", "stage-1", "hand-over", "stage-2", "decided", "trust", "fails"]);
});
