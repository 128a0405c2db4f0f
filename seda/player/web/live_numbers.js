// What formulas say of each state: the part "numbers" of the payload (seda/player/live_numbers.py).

import { bytesOf } from "./payload_bytes.js";

/**
 * @typedef {{norm: number, shares: number[][]|null, lengths: string, agreements: string, centers: {nearest: number[], cosines: string},
 *   gaps: number[], weights: {centers: string, texts: string}|null}} NumberPart  texts named so hold numbers in base64
 */
/** @typedef {{index: number, weight: number}} Weighed  a candidate, and its share in an estimate */

const FRACTION = 32767, BYTE = 255, LENGTH = 1000;

/** Numbers by item and state. */
export class LiveNumbers {
  /** @param {NumberPart} part @param {{items: number, states: number, centers: number, texts: number}} count */
  constructor(part, count) {
    this.count = count;
    this.norm = part.norm;
    this.shares = part.shares;
    this.gaps = part.gaps;
    this.lengths = new Uint16Array(bytesOf(part.lengths)); // [2, n, s]
    this.agreements = new Int16Array(bytesOf(part.agreements)); // [n, s]
    this.nearestCenter = part.centers.nearest;
    this.centerCosines = new Int16Array(bytesOf(part.centers.cosines)); // [n, s]
    const { weights } = part;
    this.centerWeights = weights && new Uint8Array(bytesOf(weights.centers)); // [n, s, c]
    this.textWeights = weights && new Uint8Array(bytesOf(weights.texts)); // [n, s, k]
  }

  /** @param {number} item @param {number} state */
  #at(item, state) {
    return item * this.count.states + state;
  }

  /**
   * Length of a state, in units of a feature's.
   * @param {number} item @param {number} state
   */
  length(item, state) {
    return this.lengths[this.#at(item, state)] / LENGTH;
  }

  /**
   * Length of the estimate there.
   * @param {number} item @param {number} state
   */
  estimateLength(item, state) {
    return this.lengths[this.#at(this.count.items + item, state)] / LENGTH;
  }

  /**
   * Cosine of a state to the estimate there.
   * @param {number} item @param {number} state
   */
  agreement(item, state) {
    return this.agreements[this.#at(item, state)] / FRACTION;
  }

  /**
   * Cosine of a state to the center that its path is handed over at.
   * @param {number} item @param {number} state
   */
  centerCosine(item, state) {
    return this.centerCosines[this.#at(item, state)] / FRACTION;
  }

  /**
   * How much each category center weighs in the estimate at a state, and each class text; null where nobody kept it.
   * @param {number} item @param {number} state @returns {{centers: number[], texts: number[]}|null}
   */
  weights(item, state) {
    if (!this.centerWeights || !this.textWeights) return null;
    const { centers, texts } = this.count, at = this.#at(item, state);
    /** @param {Uint8Array} all @param {number} width */
    const row = (all, width) => Array.from(all.subarray(at * width, (at + 1) * width), (value) => value / BYTE);
    return { centers: row(this.centerWeights, centers), texts: row(this.textWeights, texts) };
  }

  /**
   * The candidates that weigh most, the first first; those of nothing are left out.
   * @param {number} item @param {number} state @param {"centers"|"texts"} kind @param {number} count @returns {Weighed[]}
   */
  heaviest(item, state, kind, count) {
    const weights = this.weights(item, state)?.[kind] ?? [];
    return weights.map((weight, index) => ({ index, weight })).filter(({ weight }) => weight > 0)
      .sort((a, b) => b.weight - a.weight || a.index - b.index).slice(0, count);
  }

  /** Whether states are what a noise schedule makes of them: signal and noise, squared, are 1 together. */
  get isConditional() {
    return this.shares !== null && this.shares.every(([target, source, noise]) => Math.abs((target + source) ** 2 + noise ** 2 - 1) < 2e-3);
  }

  /**
   * Signal and noise in a state, the square root of abar_t and of 1 - abar_t; null where nobody kept it, or on a bridge.
   * @param {number} state @returns {{signal: number, noise: number}|null}
   */
  levels(state) {
    if (!this.shares || !this.isConditional) return null;
    const [target, source, noise] = this.shares[state];
    return { signal: target + source, noise };
  }

  /**
   * Length of the noise that is in a state if the estimate there is right: of (x_t - signal x_0) / noise.
   * @param {number} item @param {number} state @returns {number|null} null at a clean state
   */
  noiseLength(item, state) {
    const levels = this.levels(state);
    if (!levels || levels.noise < 1e-3) return null;
    const x_t = this.length(item, state), x_0 = levels.signal * this.estimateLength(item, state);
    return Math.sqrt(Math.max(0, x_t ** 2 + x_0 ** 2 - 2 * x_t * x_0 * this.agreement(item, state))) / levels.noise;
  }
}
