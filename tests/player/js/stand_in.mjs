// Stand-ins for what needs a page.

import { Journey } from "../../../seda/player/web/payload.js";

/**
 * An object with just those members that a test needs; each is of the type that it stands for.
 * @template T @param {Some<Given<T>>} members @returns {T}
 */
export const standIn = (members) => /** @type {any} */ (members);

/**
 * What is there, and is no null.
 * @template T @param {T} value @returns {NonNullable<T>}
 */
export function present(value) {
  if (value === null || value === undefined) throw new Error("nothing is there");
  return value;
}

/** As seda/player/wording.py has it for an aligner's own journeys. */
export const WORDING = {
  item: "picture", known: "known picture", text: "your word", at: "at", start: { place: "the picture as it is seen", still: "as seen", term: "visual feature" },
  stages: [
    {
      name: "to its category", short: "category", title: "Stage 1", way: "on the way to its category", heading: "To the categories",
      end: "hand-over at the categories", still: "at the categories", term: "semantic learner",
    },
    {
      name: "to a word", short: "word", title: "Stage 2", way: "on the way to a word", heading: "On to the words", end: "at the words",
      still: "at the words", term: "semantic translator",
    },
  ],
};

/**
 * A journey with just those members that a test needs, called as an aligner's own are, and all that they can do.
 * @param {Some<Given<Journey>>} members @returns {Journey}
 */
export const journeyWith = (members) => Object.assign(Object.create(Journey.prototype), { wording: WORDING, ...members });
