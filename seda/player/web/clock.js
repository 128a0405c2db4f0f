// Time: where play stands.

import { clamp } from "./numbers.js";

const HAND_OVER_REST = 0.7; // seconds that play rests at the hand-over, so that an audience can see it
const LOOP_REST = 1.8; // seconds on the last frame before a loop starts again

/** Play position: a fractional state index that moves with real time. */
export class Clock {
  /** @param {number} last @param {number[]} handOvers */
  constructor(last, handOvers) {
    this.last = last;
    this.handOvers = handOvers;
    this.position = 0;
    this.playing = false;
    this.speed = 1;
    this.loop = false;
    this.rest = 0;
    // Chosen here: about nine seconds for the whole way, between 4 and 14 states a second.
    this.rate = clamp(last / 9, 4, 14);
  }

  get step() {
    return Math.round(this.position);
  }

  /** Seconds of the whole way at speed 1, rests included. */
  get round() {
    return this.last / this.rate + this.handOvers.length * HAND_OVER_REST + LOOP_REST;
  }

  play() {
    if (this.position >= this.last) this.position = 0;
    this.rest = 0;
    this.playing = true;
  }

  /**
   * Advance by seconds; rests at the hand-over and on the last frame.
   * @param {number} seconds
   */
  tick(seconds) {
    if (!this.playing) return;
    if (this.rest > 0) {
      this.rest -= seconds * this.speed;
      if (this.rest > 0) return;
      if (this.position >= this.last) {
        if (this.loop) this.position = 0;
        else this.playing = false; // switched off while it rested
        return;
      }
    }
    const next = this.position + seconds * this.rate * this.speed;
    const reached = this.handOvers.find((step) => this.position < step && next >= step);
    if (reached !== undefined) {
      this.position = reached;
      this.rest = HAND_OVER_REST;
    } else if (next >= this.last) {
      this.position = this.last;
      if (this.loop) this.rest = LOOP_REST;
      else this.playing = false;
    } else {
      this.position = next;
    }
  }
}
