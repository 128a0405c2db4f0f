// Time goes evenly, rests where it should, and ends exactly at the last step.

import assert from "node:assert/strict";
import test from "node:test";

import { Clock } from "../../../seda/player/web/clock.js";

/** @param {number} last @param {number} handOver */
const playing = (last, handOver) => {
  const clock = new Clock(last, [handOver]);
  clock.play();
  return clock;
};

test("a way takes nine seconds, but for 4 to 14 states a second", () => {
  assert.equal(new Clock(90, [40]).rate, 10);
  assert.equal(new Clock(9, [4]).rate, 4);
  assert.equal(new Clock(500, [200]).rate, 14);
});

test("it moves by its rate, its speed and the seconds", () => {
  const clock = playing(90, 40);
  clock.tick(0.5);
  assert.equal(clock.position, 5);
  clock.speed = 2;
  clock.tick(0.5);
  assert.equal(clock.position, 15);
  assert.equal(clock.step, 15);
});

test("it stands still while it does not play", () => {
  const clock = new Clock(90, [40]);
  clock.tick(3);
  assert.equal(clock.position, 0);
});

test("it rests exactly at the hand-over for 0.7 seconds, then goes on", () => {
  const clock = playing(90, 40);
  clock.position = 39.9;
  clock.tick(0.1);
  assert.equal(clock.position, 40);
  clock.tick(0.6);
  assert.equal(clock.position, 40);
  clock.tick(0.2);
  assert.equal(clock.position, 42);
});

test("a faster play rests for less time", () => {
  const clock = playing(90, 40);
  clock.speed = 4;
  clock.position = 39.9;
  clock.tick(0.1);
  clock.tick(0.2); // 0.8 of the 0.7 seconds
  assert.ok(clock.position > 40);
});

for (const seconds of [0.016, 0.0333, 0.1, 0.77, 30]) {
  test(`it ends exactly at the last step, in frames of ${seconds} s`, () => {
    const clock = playing(17, 8);
    let before = -1;
    for (let frame = 0; clock.playing; frame++) {
      assert.ok(frame < 10_000, "it never ends");
      clock.tick(seconds);
      assert.ok(clock.position >= before && clock.position <= 17);
      before = clock.position;
    }
    assert.equal(clock.position, 17);
    assert.equal(clock.step, 17);
  });
}

test("played at its end it begins anew, and elsewhere it goes on", () => {
  const clock = new Clock(17, [8]);
  clock.position = 17;
  clock.play();
  assert.equal(clock.position, 0);
  clock.position = 5.5;
  clock.play();
  assert.equal(clock.position, 5.5);
});

test("in a loop it rests for 1.8 seconds on the last step, and begins anew without a stop", () => {
  const clock = playing(17, 8);
  clock.loop = true;
  clock.position = 16.99;
  clock.tick(0.1);
  assert.deepEqual([clock.position, clock.playing], [17, true]);
  clock.tick(1.7);
  assert.deepEqual([clock.position, clock.playing], [17, true]);
  clock.tick(0.2);
  assert.deepEqual([clock.position, clock.playing], [0, true]);
});

test("a loop that is switched off while it rests stops there", () => {
  const clock = playing(17, 8);
  clock.loop = true;
  clock.position = 16.99;
  clock.tick(0.1);
  clock.loop = false;
  clock.tick(2);
  assert.deepEqual([clock.position, clock.playing], [17, false]);
});

test("the same frames give the same positions", () => {
  const run = () => {
    const clock = playing(40, 20);
    return Array.from({ length: 400 }, (_, frame) => (clock.tick(0.01 + 0.01 * (frame % 3)), clock.position));
  };
  assert.deepEqual(run(), run());
});

test("it rests at the end of every stage but the last, and without any only at the end", () => {
  const clock = new Clock(90, [30, 60]);
  clock.play();
  for (const at of [30, 60]) {
    clock.position = at - 0.1;
    clock.tick(0.5);
    assert.equal(clock.position, at);
    clock.tick(0.6);
    assert.equal(clock.position, at);
    clock.tick(0.2);
    assert.ok(clock.position > at);
  }
  const whole = new Clock(90, []);
  assert.equal(whole.round, 9 + 1.8);
  whole.play();
  whole.tick(8.9);
  assert.equal(whole.position, 89);
});
