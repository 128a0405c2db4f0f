// Where the right word is known: which answers are wrong, and how they are counted.

/**
 * The right word of an item whose answer is another one; null where the answer is right, and where nobody knows.
 * @param {Pick<Journey, "items"|"classes">} journey @param {number} item @returns {Styled|null}
 */
export function missedBy({ items, classes }, item) {
  const { truth = -1, answer } = items[item];
  return truth < 0 || truth === answer ? null : classes[truth];
}

/**
 * Items with a wrong answer, and how many there are whose right word is known.
 * @param {Pick<Journey, "items"|"classes">} journey
 */
export function wrongAnswers(journey) {
  const all = [...journey.items.keys()];
  return { wrong: all.filter((item) => missedBy(journey, item) !== null), known: all.filter((item) => (journey.items[item].truth ?? -1) >= 0).length };
}

/**
 * "12 of 40 answers are wrong"; empty where no right word is known.
 * @param {Pick<Journey, "items"|"classes">} journey
 */
export function wrongText(journey) {
  const { wrong, known } = wrongAnswers(journey);
  return known ? `${wrong.length} of ${known} ${known === 1 ? "answer" : "answers"} ${wrong.length === 1 || known === 1 ? "is" : "are"} wrong` : "";
}
