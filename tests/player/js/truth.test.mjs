// Which answers are wrong, where the right word is known.

import assert from "node:assert/strict";
import test from "node:test";

import { storyLine } from "../../../seda/player/web/story.js";
import { missedBy, strays, wrongAnswers, wrongText } from "../../../seda/player/web/truth.js";
import { journeyWith, standIn } from "./stand_in.mjs";

/** @param {[number, number?][]} answers with the right word of each @returns {Journey} */
const journeyOf = (...answers) => journeyWith({
  items: answers.map(([answer, truth], i) => ({ name: `p${i}`, answer, truth, nearest: answer, landed: true, commitment: 0, sentences: [[0, "Starts."]] })),
  classes: [{ name: "cat" }, { name: "dog" }], handOvers: [1], last: 2, stages: [0, 1, 2],
});

test("an answer is wrong where another word is known to be right", () => {
  const journey = journeyOf([0, 0], [0, 1], [1, -1], [1, 0]);
  assert.deepEqual([0, 1, 2, 3].map((item) => missedBy(journey, item)?.name), [undefined, "dog", undefined, "cat"]);
  assert.deepEqual(wrongAnswers(journey), { wrong: [1, 3], known: 3 });
});

test("what nobody knows is not counted, and nothing is said where nothing is known", () => {
  assert.equal(wrongText(journeyOf([0, 0], [0, 1], [1, -1], [1, 0])), "2 of 3 answers are wrong");
  assert.equal(wrongText(journeyOf([0, 1], [1, 1])), "1 of 2 answers is wrong");
  assert.equal(wrongText(journeyOf([1, 1])), "0 of 1 answer is wrong");
  assert.equal(wrongText(journeyOf([0, -1], [1, -1])), "");
  assert.equal(wrongText(journeyOf([0], [1])), "");
});

test("the story ends with it", () => {
  const journey = journeyOf([0, 1], [1, 1]);
  assert.equal(storyLine(journey, 2), "At the words. 1 at “cat”, 1 at “dog”. 1 of 2 answers is wrong.");
  assert.equal(storyLine(journey, 1, 0), "p0: Starts.");
  assert.equal(storyLine(journey, 2, 0), "p0: Starts. Truth: “dog”.");
  assert.equal(storyLine(journey, 2, 1), "p1: Starts.");
});

test("an end that a map draws at another word than its own is found; one that is at no word is nobody's", () => {
  const items = /** @type {[number, boolean][]} */ ([[0, true], [1, true], [1, false], [1, true]]).map(([nearest, landed]) => ({ nearest, landed }));
  const texts = new Float32Array([0, 0, 10, 0]); // two words of a flat map
  const ends = [[1, 0], [4, 3], [1, 0], [5, 0]]; // at its own; nearer to the other; not landed; half-way
  const states = new Float32Array(ends.flatMap(([x, y]) => [99, 99, x, y])); // two states each
  const journey = journeyWith({ items, last: 1 });
  assert.deepEqual(strays(journey, standIn({ states, texts, dims: 2, stateCount: 2 })), [1]);
  assert.deepEqual(strays(journeyWith({ items: [], last: 1 }), standIn({ states, texts, dims: 2, stateCount: 2 })), []);
});
