// What happens at a step, in one line that an audience can read.

import { surenessOf } from "./payload.js";
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
  const { items, last, classes } = journey;
  const decided = items.filter(({ commitment }) => commitment <= step).length;
  const counted = classes.length ? ` ${decided} of ${items.length} will stay with the word that is nearest now.` : "";
  const waiting = classes.length ? ` ${classes.length} words wait.` : "";
  if (step === 0) return `${journey.counted(items.length)}, ${journey.wording.item === "picture" ? "as they are seen" : "at the start"}.${waiting}`;
  const wrong = wrongText(journey);
  const words = journey.stageWords(step), heading = words && capital(journey.endsStage(step) ? words.end : words.heading);
  if (step === last) return [`${heading}.`, classes.length ? arrivals(journey) : "", wrong ? `${wrong}.` : ""].filter(Boolean).join(" ");
  return `${heading}.${counted}`;
}

/** @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

const MOST_NAMED = 5; // words in the line; with more, the others are counted together

/**
 * How many paths end where: at which words, and away from all.
 * @param {Journey} journey
 */
export function arrivals({ items, classes, wording }) {
  /** @type {Map<number, number>} */ const counts = new Map();
  for (const { landed, nearest } of items) counts.set(landed ? nearest : -1, (counts.get(landed ? nearest : -1) ?? 0) + 1);
  const away = counts.get(-1) ?? 0;
  counts.delete(-1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const named = sorted.slice(0, MOST_NAMED).map(([word, count]) => `${count} ${wording.at} “${classes[word].name}”`);
  const rest = sorted.slice(MOST_NAMED).reduce((sum, [, count]) => sum + count, 0);
  return `${[...named, ...(rest ? [`${rest} ${wording.at} other words`] : []), ...(away ? [`${away} away from all words`] : [])].join(", ")}.`;
}

/**
 * Of the bets that were not the answer, the one on the item whose answer is the surest; -1 where all were.
 * @param {Journey} journey @param {Map<number, number>} bets
 */
export function surprising({ items }, bets) {
  const wrong = [...bets].filter(([item, word]) => items[item].answer !== word).map(([item]) => item);
  return wrong.sort((a, b) => surenessOf(items[b]) - surenessOf(items[a]) || a - b)[0] ?? -1;
}
