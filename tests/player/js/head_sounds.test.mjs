// What is heard while the pointer rests on an item.

import assert from "node:assert/strict";
import test from "node:test";

import { HeadSounds } from "../../../seda/player/web/head_sounds.js";
import { journeyWith } from "./stand_in.mjs";

const WAV = "data:audio/wav;base64,UklGRg==";

/** A player of sounds that writes down what it does. @param {boolean} [refuses] */
function listening(refuses = false) {
  /** @type {(() => void)[]} */ const waiting = [];
  Object.assign(globalThis, {
    window: { setTimeout: (/** @type {() => void} */ then) => waiting.push(then), clearTimeout: (/** @type {number} */ at) => { if (at) waiting[at - 1] = () => {}; } },
  });
  /** @type {string[]} */ const log = [];
  const sounds = new HeadSounds((url) => ({
    play: () => {
      log.push(`play ${url.length}`);
      return refuses ? Promise.reject(new Error("not allowed")) : Promise.resolve();
    },
    pause: () => { log.push("pause"); },
  }));
  sounds.load(journeyWith({ items: [{ name: "dog", sound: WAV }, { name: "Hund" }, { name: "cat", sound: `${WAV}AA` }, { name: "bad", sound: "https://example.org/a.wav" }] }));
  return { sounds, log, wait: () => waiting.splice(0).forEach((then) => then()) };
}

test("a pointer that stays is answered once, and one that goes ends it", () => {
  const { sounds, log, wait } = listening();
  sounds.rest(0);
  assert.deepEqual(log, []);
  wait();
  sounds.rest(0);
  wait();
  assert.deepEqual(log, [`play ${WAV.length}`]);
  sounds.rest(-1);
  assert.deepEqual(log, [`play ${WAV.length}`, "pause"]);
});

test("a pointer that crosses a head makes no noise, and two are never heard at once", () => {
  const { sounds, log, wait } = listening();
  sounds.rest(0);
  sounds.rest(-1);
  wait();
  assert.deepEqual(log, []);
  sounds.rest(0);
  wait();
  sounds.rest(2);
  wait();
  assert.deepEqual(log, [`play ${WAV.length}`, "pause", `play ${WAV.length + 2}`]);
});

test("what has no sound, or one from elsewhere, is silent", () => {
  const { sounds, log, wait } = listening();
  for (const item of [1, 3, 99, -1]) {
    sounds.rest(item);
    wait();
  }
  assert.deepEqual(log, []);
});

test("a browser that refuses to play is no error, and another journey ends what is heard", async () => {
  const { sounds, log, wait } = listening(true);
  sounds.rest(0);
  wait();
  await Promise.resolve(); // a rejection that nobody took would be an error of this test
  sounds.load(journeyWith({ items: [] }));
  assert.deepEqual(log, [`play ${WAV.length}`, "pause"]);
});
