// The lesson's scenes: what they say and ask follows from the journey alone.

import assert from "node:assert/strict";
import test from "node:test";

import { clearest, closestContest, doubtful, nearestWord, SCENES, toldApart } from "../../../seda/player/web/lesson_scenes.js";
import { present, standIn } from "./stand_in.mjs";

const classes = ["cat", "dog", "hat"].map((name) => ({ name }));
/** @param {object} other @returns {any} */
const item = (other) => ({ name: "x", answer: 0, nearest: 0, landed: true, commitment: 3, hint: "", top: [[0, 0.6], [1, 0.3], [2, 0.1]], ...other });
const items = [item({ name: "a", top: [[0, 0.6], [1, 0.4]] }), item({ name: "b", answer: 1, nearest: 1, top: [[1, 0.9], [2, 0.1]], commitment: 5 }), item({ name: "c", nearest: 2 })];
/** @type {any} the weights of two words are closest for "c" at state 4 */
const numbers = {
  shares: [], gaps: [0.7, 0.6, 0.5, 0.4, 0.3, 0.2], nearestCenter: [0, 1, 0], isConditional: true, textWeights: new Uint8Array(1),
  levels: () => ({ signal: 0.6, noise: 0.8 }), centerCosine: (/** @type {number} */ i, /** @type {number} */ state) => (state === 2 ? [0.9, 0.7, 0.85][i] : 0.1),
  heaviest: (/** @type {number} */ i, /** @type {number} */ state) => (i === 2 && state === 4 ? [{ index: 2, weight: 0.5 }, { index: 0, weight: 0.45 }] : [{ index: 0, weight: 0.9 }, { index: 1, weight: 0.1 }]),
};
/** @type {Journey} */
const journey = standIn(/** @type {any} */ ({
  settings: [["sampling · denoiser", "learned"]], items, classes, centers: [{ name: "Persian" }, { name: "terrier" }, { name: "bonnet" }], handOver: 2, last: 5, decided: 3, numbers,
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

test("what is said holds for this journey, and not for the shipped one alone", () => {
  const say = (/** @type {string} */ key, /** @type {object} */ other) => scene(key).say(standIn({ ...journey, ...other }));
  const why = (/** @type {string} */ key, /** @type {object} */ other) => present(scene(key).ask(standIn({ ...journey, ...other }))).why;
  const bridge = { numbers: { ...numbers, isConditional: false } }, unknown = { numbers: { ...numbers, isConditional: false, shares: null } };
  assert.ok(/from noise/.test(say("stage-1", {})) && /Noise once more/.test(say("stage-2", {})));
  assert.ok(/over a bridge/.test(say("stage-1", bridge)) && /^The semantic translator leads over a bridge/.test(say("stage-2", bridge)));
  assert.ok(/^The semantic translator leads to/.test(say("stage-2", unknown)));
  assert.ok(/\(PFIN, /.test(say("bank", {})) && /closed form/.test(say("bank", { settings: [["sampling · denoiser", "closed-form"]] })));
  assert.ok(/learned denoiser/.test(why("hand-over", {})) && !/learned denoiser/.test(why("hand-over", { settings: [] })));
  assert.ok(/say little/.test(why("gap", {})) && !/say little/.test(why("gap", { similarity: (/** @type {number} */ i, /** @type {number} */ _, /** @type {number} */ curve) => Number(curve === items[i].answer) })));
  assert.ok(/not one of your words/.test(why("stage-1", {})) && !/not one of your words/.test(why("stage-1", { centers: classes })));
  assert.ok(/which ends at one word/.test(say("chance", { seedClouds: new Map([[2, { seeds: [0, 1], ends: [1, 1], sentence: "" }]]) })));
  assert.ok(/^1 picture and 3 words/.test(say("gap", { items: items.slice(0, 1) })));
  assert.ok(/2 categories are nearest to them/.test(say("hand-over", {}))); // how many there are in all a journey does not know
});

test("what looks equal is not asked for", () => {
  assert.deepEqual(toldApart([0.501, 0.499, 0.4, 0.4], (one) => one), [0.501, 0.4, 0.4]);
  const close = standIn({ ...journey, maps: [{ label: "UMAP", dims: 2, kept: Uint8Array.of(200) }, { label: "Words", dims: 2, kept: Uint8Array.of(199) }] });
  assert.equal(scene("trust").ask(/** @type {any} */ (close)), null);
});

test("what a journey cannot show is left out", () => {
  const without = standIn({ ...journey, seedClouds: new Map(), numbers: { ...numbers, isConditional: false, textWeights: null } });
  assert.deepEqual(SCENES.filter(({ there }) => there(without)).map(({ key }) => key), ["gap", "stage-1", "hand-over", "stage-2", "decided", "trust", "fails"]);
});
