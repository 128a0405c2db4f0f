// Paths of items on the screen: smooth curves through their states.

import { mix } from "./numbers.js";

/**
 * Smooth curves through the states of each item, in pixels. Every state is passed exactly; handles are kept short, so
 * that the line cannot swing far outside of what was computed. Noising jumps (`jumps`: their first states) are straight.
 */
export class Paths {
  /** @param {number} itemCount @param {number} stateCount @param {number[]} jumps */
  constructor(itemCount, stateCount, jumps) {
    this.itemCount = itemCount;
    this.stateCount = stateCount;
    this.jumps = new Set(jumps);
    /** Whether the path is smooth at a state: neither an end nor the end of a jump. */
    this.smooth = Array.from(
      { length: stateCount }, (_, state) => state > 0 && state < stateCount - 1 && !this.jumps.has(state) && !this.jumps.has(state - 1),
    );
    this.states = new Float32Array(itemCount * stateCount * 2);
    this.sizes = new Float32Array(itemCount * stateCount).fill(1);
    this.handles = new Float32Array(itemCount * stateCount * 4);
  }

  /** Handles for the states as they lie now. */
  update() {
    const { states, handles, smooth } = this;
    for (let item = 0; item < this.itemCount; item++) {
      for (let segment = 0; segment < this.stateCount - 1; segment++) {
        const p = (item * this.stateCount + segment) * 2;
        const longest = 0.38 * Math.hypot(states[p + 2] - states[p], states[p + 3] - states[p + 1]);
        for (const end of [0, 2]) {
          // The tangent at either end: along its two neighbours, or along the segment where the path has a corner.
          const whole = smooth[segment + end / 2];
          const before = whole ? p + end - 2 : p, after = whole ? p + end + 2 : p + 2;
          const x = (states[after] - states[before]) / (whole ? 6 : 3), y = (states[after + 1] - states[before + 1]) / (whole ? 6 : 3);
          const shrink = Math.min(1, longest / (Math.hypot(x, y) || 1)) * (end ? -1 : 1);
          handles[2 * p + end] = states[p + end] + x * shrink;
          handles[2 * p + end + 1] = states[p + end + 1] + y * shrink;
        }
      }
    }
  }

  /**
   * Point of an item's path at a fractional state.
   * @param {number} item @param {number} position @returns {Spot}
   */
  pointAt(item, position) {
    const segment = Math.min(Math.floor(position), this.stateCount - 2);
    const u = position - segment;
    const p = (item * this.stateCount + segment) * 2;
    const h = p * 2;
    const a = (1 - u) ** 3, b = 3 * u * (1 - u) ** 2, c = 3 * u * u * (1 - u), d = u ** 3;
    const { states, handles } = this;
    return {
      x: a * states[p] + b * handles[h] + c * handles[h + 2] + d * states[p + 2],
      y: a * states[p + 1] + b * handles[h + 1] + c * handles[h + 3] + d * states[p + 3],
      size: mix(this.sizes[p / 2], this.sizes[p / 2 + 1], u),
    };
  }

  /**
   * Add the path between two fractional states to ctx: of all segments, those that `wanted` is true for.
   * @param {CanvasRenderingContext2D|Path2D} ctx @param {number} item @param {number} from @param {number} to
   * @param {(segment: number) => boolean} wanted
   */
  trace(ctx, item, from, to, wanted) {
    let open = false;
    for (let segment = Math.floor(from); segment < to && segment < this.stateCount - 1; segment++) {
      if (!wanted(segment)) {
        open = false;
        continue;
      }
      if (!open) {
        const start = this.pointAt(item, Math.max(from, segment));
        ctx.moveTo(start.x, start.y);
        open = true;
      }
      this.#traceSegment(ctx, item, segment, Math.max(0, from - segment), Math.min(1, to - segment));
    }
  }

  /** @param {CanvasRenderingContext2D|Path2D} ctx @param {number} item @param {number} segment @param {number} u0 @param {number} u1 */
  #traceSegment(ctx, item, segment, u0, u1) {
    const p = (item * this.stateCount + segment) * 2;
    const h = p * 2;
    const { states: s, handles } = this;
    if (u0 === 0 && u1 === 1) {
      ctx.bezierCurveTo(handles[h], handles[h + 1], handles[h + 2], handles[h + 3], s[p + 2], s[p + 3]);
      return;
    }
    const x = subCurve(s[p], handles[h], handles[h + 2], s[p + 2], u0, u1);
    const y = subCurve(s[p + 1], handles[h + 1], handles[h + 3], s[p + 3], u0, u1);
    ctx.bezierCurveTo(x[0], y[0], x[1], y[1], x[2], y[2]);
  }
}

/**
 * Control points 1 to 3 of a cubic Bezier's part between u0 and u1 (blossoms).
 * @param {number} a @param {number} b @param {number} c @param {number} d @param {number} u0 @param {number} u1
 */
function subCurve(a, b, c, d, u0, u1) {
  /** @param {number} r @param {number} s @param {number} t */
  const blossom = (r, s, t) => {
    const ab = mix(a, b, r), bc = mix(b, c, r), cd = mix(c, d, r);
    return mix(mix(ab, bc, s), mix(bc, cd, s), t);
  };
  return [blossom(u0, u0, u1), blossom(u0, u1, u1), blossom(u1, u1, u1)];
}
