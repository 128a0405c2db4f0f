// Numbers 0 to 1 that are the same in every run (a linear congruential generator), for tests of what holds for any arrangement.

/** @param {number} seed */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
