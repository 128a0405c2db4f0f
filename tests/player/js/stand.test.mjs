// What a stand's address says.

import assert from "node:assert/strict";
import test from "node:test";

import { playedOrder, readSettings } from "../../../seda/player/web/stand_settings.js";

/** @param {string} query */
const read = (query) => readSettings(new URLSearchParams(query));

test("without a word everything is played, and a minute without anybody begins anew", () => {
  assert.deepEqual(read(""), {
    play: [], idle: 60, speed: 1, theme: "", captions: true, own: true, words: "", map: "", setup: false, title: "Where do pictures land?",
  });
});

test("what is said is taken", () => {
  const settings = read("play=01-photos,%2005-mistakes&idle=30&speed=2&theme=dark&captions=0&own=0&words=cat,dog&map=timeline&title=Guess&setup=1");
  assert.deepEqual(settings, {
    play: ["01-photos", "05-mistakes"], idle: 30, speed: 2, theme: "dark", captions: false, own: false, words: "cat,dog", map: "timeline", setup: true, title: "Guess",
  });
});

test("what cannot be used is as if it were not there", () => {
  const settings = read("idle=-1&speed=1e9&theme=blue&idle=x");
  assert.deepEqual([settings.idle, settings.speed, settings.theme], [60, 1, ""]);
  assert.equal(read("idle=").idle, 60);
  assert.equal(read(`words=${"a".repeat(5000)}`).words.length, 600);
});

test("what is chosen is played, the operator's own too; else all", () => {
  assert.deepEqual(playedOrder([], ["a", "b"], ["mine"]), ["a", "b", "mine"]);
  assert.deepEqual(playedOrder(["mine", "b", "c"], ["a", "b"], ["mine"]), ["mine", "b"]);
  assert.deepEqual(playedOrder(["c"], ["a"], ["a"]), ["a"]);
});
