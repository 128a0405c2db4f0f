// Numbers, and how they are written on the screen.

export const TAU = Math.PI * 2;

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
/** @param {number} a @param {number} b @param {number} share */
export const mix = (a, b, share) => a + (b - a) * share;

/**
 * A number for the screen: a real minus sign, and none in front of zero.
 * @param {number} value @param {number} [digits]
 */
export const numberText = (value, digits = 2) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

/**
 * Three to six round values within bounds, and the decimals that they need.
 * @param {number} low @param {number} high
 */
export function ticks(low, high) {
  const step = [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((size) => (high - low) / size <= 5.5) ?? 1;
  const values = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return { values, digits: step < 0.1 ? 2 : 1 };
}

/**
 * ".94": a score of 0 to 1 as statistics are printed.
 * @param {number} value
 */
export const scoreText = (value) => numberText(value).replace(/^(−?)0\./, "$1.");

/**
 * "20,000 of 100,000 reference points drawn (every 5th)"; empty when all are.
 * @param {number} drawn @param {number} total
 */
export function thinningText(drawn, total) {
  if (drawn >= total) return "";
  const every = Math.round(total / Math.max(drawn, 1));
  const ending = every % 100 > 10 && every % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][every % 10] ?? "th";
  const rhythm = drawn && every > 1 ? ` (every ${every}${ending})` : "";
  return `${drawn.toLocaleString("en")} of ${total.toLocaleString("en")} reference points drawn${rhythm}`;
}
