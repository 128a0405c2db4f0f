// What a glance at the picture could get wrong: answers that are wrong where the right word is known, and ends that a map draws at another word.

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

/** What the key says of a stray's tether. */
export const STRAY = "ends at the word that the dots lead to: this map cannot show it there";

/**
 * Items whose path ends at a word, while this map draws their end nearer to another one: no map of few dimensions keeps all distances.
 * @param {Pick<Journey, "items"|"last">} journey @param {Pick<MapData, "states"|"texts"|"dims"|"stateCount">} map @returns {number[]}
 */
export function strays({ items, last }, { states, texts, dims, stateCount }) {
  /** @param {number} item @param {number} word */
  const gap = (item, word) => {
    let square = 0;
    for (let axis = 0; axis < dims; axis++) square += (states[(item * stateCount + last) * dims + axis] - texts[word * dims + axis]) ** 2;
    return square;
  };
  return [...items.keys()].filter((item) => {
    const { landed, nearest } = items[item];
    if (!landed || nearest < 0) return false;
    const own = gap(item, nearest) * (1 - 1e-6);
    for (let word = 0; word * dims < texts.length; word++) if (gap(item, word) < own) return true;
    return false;
  });
}

/**
 * "12 of 40 answers are wrong"; empty where no right word is known.
 * @param {Pick<Journey, "items"|"classes">} journey
 */
export function wrongText(journey) {
  const { wrong, known } = wrongAnswers(journey);
  return known ? `${wrong.length} of ${known} ${known === 1 ? "answer" : "answers"} ${wrong.length === 1 || known === 1 ? "is" : "are"} wrong` : "";
}
