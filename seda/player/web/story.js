// What happens at a step, in one line that an audience can read.

import { missedBy, wrongText } from "./truth.js";

/**
 * The story at a step: of the item that is looked at, else of all.
 * @param {Journey} journey @param {number} step @param {number} [item] -1 for all
 */
export function storyLine(journey, step, item = -1) {
  return item < 0 ? storyOfAll(journey, step) : storyOfOne(journey, step, item);
}

/** @param {Journey} journey @param {number} step @param {number} item */
function storyOfOne(journey, step, item) {
  const { name, sentences } = journey.items[item];
  const told = sentences.filter(([at]) => at <= step);
  // What its last state says of its end comes last; before, the sentence that was reached latest.
  const at = told.at(-1)?.[0];
  const now = told.filter(([when]) => when === at).map(([, text]) => text);
  const missed = step === journey.last ? missedBy(journey, item) : null;
  return [`${name}:`, ...(now.length ? now : [sentences[0]?.[1] ?? ""]), ...(missed ? [`Truth: “${missed.name}”.`] : [])].join(" ");
}

/** @param {Journey} journey @param {number} step */
function storyOfAll(journey, step) {
  const { items, handOver, last } = journey;
  const decided = items.filter(({ commitment }) => commitment <= step).length;
  const all = `${items.length} ${items.length === 1 ? "picture" : "pictures"}`;
  const counted = `${decided} of ${items.length} will stay with the word that is nearest now.`;
  if (step === 0) return `${all}, as they are seen. ${journey.classes.length} words wait.`;
  const wrong = wrongText(journey);
  if (step === last) return `At the words. ${arrivals(journey)}${wrong ? ` ${wrong}.` : ""}`;
  if (step === handOver) return `Hand-over at the categories. ${counted}`;
  return `${journey.stages[step] === 1 ? "To the categories" : "On to the words"}. ${counted}`;
}

const MOST_NAMED = 5; // words in the line; with more, the others are counted together

/**
 * How many paths end where: at which words, and away from all.
 * @param {Journey} journey
 */
export function arrivals({ items, classes }) {
  /** @type {Map<number, number>} */ const counts = new Map();
  for (const { landed, nearest } of items) counts.set(landed ? nearest : -1, (counts.get(landed ? nearest : -1) ?? 0) + 1);
  const away = counts.get(-1) ?? 0;
  counts.delete(-1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const named = sorted.slice(0, MOST_NAMED).map(([word, count]) => `${count} at “${classes[word].name}”`);
  const rest = sorted.slice(MOST_NAMED).reduce((sum, [, count]) => sum + count, 0);
  return `${[...named, ...(rest ? [`${rest} at other words`] : []), ...(away ? [`${away} away from all words`] : [])].join(", ")}.`;
}

/**
 * Of the bets that were not the answer, the one on the picture whose answer is the surest; -1 where all were.
 * @param {Journey} journey @param {Map<number, number>} bets
 */
export function surprising({ items }, bets) {
  const wrong = [...bets].filter(([item, word]) => items[item].answer !== word).map(([item]) => item);
  return wrong.sort((a, b) => items[b].top[0][1] - items[a].top[0][1] || a - b)[0] ?? -1;
}
