// The story line.

import assert from "node:assert/strict";
import test from "node:test";

import { arrivals, storyLine, surprising } from "../../../seda/player/web/story.js";
import { journeyWith, standIn } from "./stand_in.mjs";

/** @param {string} name @param {number} nearest @param {boolean} landed @param {number} commitment @param {[number, string][]} sentences */
const item = (name, nearest, landed, commitment, sentences = []) => ({ name, nearest, landed, commitment, sentences });
const journey = journeyWith({
  items: [
    item("a", 0, true, 3, [[0, "Starts."], [2, "Hands over."], [4, "Ends."], [4, "Answer."]]), item("b", 1, true, 0), item("c", 0, false, 1), item("d", 1, true, 4),
  ],
  classes: [{ name: "cat" }, { name: "dog" }], handOvers: [2], last: 4, stages: [0, 1, 1, 2, 2],
});

test("of all: who has decided is counted at the step", () => {
  assert.equal(storyLine(journey, 0), "4 pictures, as they are seen. 2 words wait.");
  assert.equal(storyLine(journey, 1), "To the categories. 2 of 4 will stay with the word that is nearest now.");
  assert.equal(storyLine(journey, 2), "Hand-over at the categories. 2 of 4 will stay with the word that is nearest now.");
  assert.equal(storyLine(journey, 3), "On to the words. 3 of 4 will stay with the word that is nearest now.");
});

test("at the end: how many lie where, and a path away from all is at no word", () => {
  assert.equal(storyLine(journey, 4), "At the words. 2 at “dog”, 1 at “cat”, 1 away from all words.");
  const many = journeyWith({ items: [...new Array(7).keys()].map((word) => item("x", word, true, 0)), classes: [..."abcdefg"].map((name) => ({ name })) });
  assert.equal(arrivals(many), "1 at “a”, 1 at “b”, 1 at “c”, 1 at “d”, 1 at “e”, 2 at other words.");
});

test("of one picture: what was reached last, all of it where two things happen at one step", () => {
  assert.equal(storyLine(journey, 0, 0), "a: Starts.");
  assert.equal(storyLine(journey, 1, 0), "a: Starts.");
  assert.equal(storyLine(journey, 3, 0), "a: Hands over.");
  assert.equal(storyLine(journey, 4, 0), "a: Ends. Answer.");
});

/** @param {number} answer @param {number} share */
const answered = (answer, share) => ({ answer, top: [[answer, share]] });

test("of the wrong bets the one on the surest answer; none where all were right", () => {
  /** @type {Journey} */ const journey = standIn(/** @type {any} */ ({ items: [answered(0, 0.99), answered(1, 0.6), answered(0, 0.8), answered(1, 0.8)] }));
  assert.equal(surprising(journey, new Map([[0, 0], [1, 0], [2, 1], [3, 0]])), 2);
  assert.equal(surprising(journey, new Map([[0, 0], [1, 1]])), -1);
  assert.equal(surprising(journey, new Map()), -1);
});
