// The lesson's scenes: what each says, shows, asks. Every number comes from the journey that is on the screen.

import { numberText } from "./numbers.js";

/**
 * @typedef {{question: string, options: string[], right: number, why: string}} Question
 * @typedef {{step?: number, play?: [number, number], item?: number, all?: boolean, trust?: boolean, curves?: boolean, seeds?: boolean,
 *   follow?: boolean, lights?: import("./lights.js").LightName[]}} Setting  play: from a step to a step; all: no item is selected
 * @typedef {{key: string, title: string, there: (journey: Journey) => boolean, say: (journey: Journey) => string,
 *   set: (journey: Journey) => Setting, ask: (journey: Journey) => Question|null, live?: "state"|"center"|"word"|"gap"|"weights"|"decided"|"trust",
 *   formula?: boolean}} Scene
 */

/** @param {number} share */
const wholePercent = (share) => `${Math.round(100 * share)} %`;
/** @param {string} name */
const quote = (name) => `“${name}”`;

/**
 * The item that most scenes follow: of those that go straight to their answer the surest.
 * @param {Journey} journey
 */
export function clearest({ items }) {
  const order = [...items.keys()].sort((a, b) => items[b].top[0][1] - items[a].top[0][1] || a - b);
  return order.find((item) => items[item].landed && items[item].nearest === items[item].answer && items[item].commitment > 0) ?? order[0];
}

/**
 * The item that goes wrong, or is least sure: none of the words fits, then an end elsewhere, then the least margin.
 * @param {Journey} journey
 */
export function doubtful({ items }) {
  /** @param {(item: Item) => boolean} is */
  const first = (is) => items.findIndex(is);
  const found = [first(({ hint }) => hint !== ""), first(({ landed }) => !landed), first(({ nearest, answer }) => nearest !== answer)].find((item) => item >= 0);
  return found ?? [...items.keys()].sort((a, b) => items[a].top[0][1] - items[b].top[0][1])[0];
}

/**
 * The word whose curve is highest for an item at a state.
 * @param {Journey} journey @param {number} item @param {number} state
 */
export function nearestWord(journey, item, state) {
  const { curveClasses } = journey;
  let best = 0;
  for (let curve = 1; curve < curveClasses.length; curve++) if (journey.similarity(item, state, curve) > journey.similarity(item, state, best)) best = curve;
  return curveClasses[best];
}

/**
 * Options in the order of the list that they come from, with where the right one stands.
 * @param {string[]} options the right one first
 */
const shuffled = (options) => {
  const unique = [...new Set(options)], sorted = [...unique].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  return { options: sorted, right: sorted.indexOf(unique[0]) };
};

/**
 * A count and two others that could be.
 * @param {number} right @param {number} most
 */
const counts = (right, most) => {
  const step = Math.max(1, Math.round(most / 3));
  const others = [right - step, right + step, right + 2 * step, right - 2 * step].filter((one) => one >= 0 && one <= most && one !== right);
  return shuffled([right, ...others.slice(0, 2)].map(String));
};

/** @param {number} count @param {string} one */
const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/**
 * Whether the network walks the paths, not a closed form; journeys say it among their settings.
 * @param {Journey} journey
 */
const isLearned = ({ settings }) => settings.some(([name, value]) => name.endsWith("denoiser") && value === "learned");

/**
 * Whether paths lead from one feature to another, not from noise; unknown, and so not said, where it was not kept.
 * @param {Journey} journey
 */
const isBridge = ({ numbers }) => numbers.shares !== null && !numbers.isConditional;

/** @param {string} question @param {{options: string[], right: number}} answers @param {string} why @returns {Question|null} */
const asked = (question, answers, why) => (answers.options.length < 2 ? null : { question, ...answers, why });

/**
 * Mean share of neighbours that a map keeps over all states.
 * @param {MapData} map
 */
const keptOn = ({ kept }) => kept.reduce((sum, one) => sum + one, 0) / Math.max(1, kept.length) / 255;

/**
 * Where the words compete most: the item and step of stage 2 at which the second word weighs most.
 * @param {Journey} journey
 */
export function closestContest({ items, numbers, handOver, last }) {
  let best = { item: 0, step: handOver + 1, second: -1 };
  for (const item of items.keys()) {
    for (let step = handOver + 1; step < last; step++) {
      const second = numbers.heaviest(item, step, "texts", 2)[1]?.weight ?? 0;
      if (second > best.second) best = { item, step, second };
    }
  }
  return best;
}

/**
 * The first of a falling order, and those after it that are told by another percentage: what looks equal is not asked for.
 * @template T
 * @param {T[]} order @param {(one: T) => number} share
 */
export const toldApart = (order, share) => order.filter((one, i) => i === 0 || wholePercent(share(one)) !== wholePercent(share(order[0])));

/** @type {Scene[]} */
export const SCENES = [
  {
    key: "gap", title: "Two kinds of features that do not meet", live: "gap",
    there: () => true,
    say: ({ items, classes, numbers }) => `${counted(items.length, "picture")} and ${counted(classes.length, "word")}, as two networks see them. The middle of the pictures is ${numberText(numbers.gaps[0])} of a feature's length away from the middle of the words (dashed).`,
    set: () => ({ step: 0, all: true, lights: ["gap"] }),
    ask: (journey) => {
      const { items } = journey;
      const right = items.filter(({ answer }, item) => nearestWord(journey, item, 0) === answer).length;
      return asked("How many pictures are nearest to the word of their answer already, before any step?", counts(right, items.length), `It is ${right} of ${items.length}: raw cosines between the two kinds say ${2 * right < items.length ? "little" : "something here, in spite of the gap"}.`);
    },
  },
  {
    key: "noise", title: "Noise, and what a denoiser does", live: "state", formula: true,
    there: ({ numbers }) => numbers.isConditional,
    say: (journey) => {
      const item = clearest(journey), { signal = 0, noise = 0 } = journey.numbers.levels(1) ?? {};
      return `${journey.items[item].name} is mixed with noise: ${numberText(signal)} of signal, ${numberText(noise)} of noise. A denoiser sees only the mixture and estimates what lies beneath: x̂₀.`;
    },
    set: (journey) => ({ play: [0, 1], item: clearest(journey), lights: ["noise", "state"] }),
    ask: (journey) => {
      const { noise = 0 } = journey.numbers.levels(1) ?? {}, share = noise ** 2;
      return asked("How much of the mixture's variance is noise?", shuffled([wholePercent(share), ...[0.25, 0.5, 0.75, 0.95].filter((one) => Math.abs(one - share) > 0.12).slice(-2).map(wholePercent)]), `1 − ᾱ is ${wholePercent(share)} here; it falls to 0 step by step.`);
    },
  },
  {
    key: "stage-1", title: "Stage 1: to the category centers", live: "center", formula: true,
    there: ({ centers }) => centers.length > 0,
    say: (journey) => {
      const item = clearest(journey), { numbers, handOver } = journey;
      return `The semantic learner takes ${handOver - 1} steps ${isBridge(journey) ? "over a bridge" : "from noise"} to the center of a category that it has learned. ${journey.items[item].name} comes from a cosine of ${numberText(numbers.centerCosine(item, 1))} to ${numberText(numbers.centerCosine(item, handOver))}.`;
    },
    set: (journey) => ({ play: [1, journey.handOver], item: clearest(journey), lights: ["state"] }),
    ask: (journey) => {
      const { centers, classes, numbers } = journey, right = numbers.nearestCenter[clearest(journey)];
      const others = [...centers.keys()].filter((center) => center !== right).slice(0, 2);
      return asked("To which category does it come nearest?", shuffled([right, ...others].map((center) => centers[center].name)), `To ${quote(centers[right].name)}, one of the categories that were learned${classes.some(({ name }) => name === centers[right].name) ? "; a word has the same name, and lies elsewhere" : ", not one of your words"}.`);
    },
  },
  {
    key: "hand-over", title: "The hand-over", live: "center",
    there: ({ centers }) => centers.length > 0,
    say: ({ items, numbers }) => {
      const count = new Set(numbers.nearestCenter).size;
      return `Stage 1 ends, stage 2 begins here. ${counted(items.length, "picture")}, and ${count === 1 ? "one category is" : `${count} categories are`} nearest to ${items.length === 1 ? "it" : "them"}: what is shared with others of a kind is kept, the rest is let go.`;
    },
    set: (journey) => ({ step: journey.handOver, all: true }),
    ask: (journey) => {
      const { numbers, items, handOver } = journey;
      const near = items.filter((_, item) => numbers.centerCosine(item, handOver) >= 0.8).length;
      return asked("How many pictures stand right at their category (cosine .8 or more)?", counts(near, items.length), `It is ${near} of ${items.length}.${isLearned(journey) && near < items.length ? " A learned denoiser draws from what real features are spread like; it does not aim at one point." : ""}`);
    },
  },
  {
    key: "stage-2", title: "Stage 2: on to the words", live: "word", formula: true,
    there: () => true,
    say: (journey) => {
      const item = clearest(journey), { items, classes } = journey;
      return `${journey.numbers.isConditional ? "Noise once more, then the" : "The"} semantic translator leads ${isBridge(journey) ? "over a bridge " : ""}to the words. Watch ${items[item].name}, whose answer is ${quote(classes[items[item].answer].name)} with ${wholePercent(items[item].top[0][1])}.`;
    },
    set: (journey) => ({ play: [journey.handOver, journey.last], item: clearest(journey), lights: ["state"] }),
    ask: (journey) => {
      const { items } = journey, landed = items.filter((item) => item.landed).length;
      return asked("How many of all paths will end at a word (cosine .8 or more)?", counts(landed, items.length), landed === items.length ? "All of them do, whether at the right one or not." : `It is ${landed} of ${items.length}; the others end away from all words, which the map shows in grey.`);
    },
  },
  {
    key: "bank", title: "The text bank, at every step", live: "weights",
    there: ({ numbers }) => numbers.textWeights !== null,
    say: (journey) => `At each step the state ${isLearned(journey) ? `reads the whole list of ${journey.classes.length} words (PFIN, the progressive feature interaction network)` : `is weighed against all ${journey.classes.length} words, here by a closed form and not by the network (PFIN)`}. How much each word weighs in the estimate is the disc around its star. Step on with the slider or the arrow keys, and see it change.`,
    set: (journey) => ({ ...closestContest(journey), lights: ["weights", "state"] }),
    ask: (journey) => {
      const { numbers, classes, items } = journey, { item, step } = closestContest(journey);
      const all = numbers.heaviest(item, step, "texts", 3), heaviest = toldApart(all, ({ weight }) => weight), others = [...classes.keys()].filter((word) => all.every(({ index }) => index !== word));
      if (heaviest.length < 2) return null;
      const [first] = heaviest, names = [...heaviest.map(({ index }) => index), ...others.slice(0, 3 - heaviest.length)].map((word) => classes[word].name);
      return asked(`Which word weighs most for ${items[item].name} at step ${step}?`, shuffled(names), `${quote(classes[first.index].name)} has ${wholePercent(first.weight)} of the weight at step ${step}.`);
    },
  },
  {
    key: "decided", title: "When is it decided?", live: "decided",
    there: () => true,
    say: (journey) => {
      const { items, handOver } = journey, early = items.filter(({ commitment }) => commitment <= handOver).length;
      return `A path has decided when its nearest word stays the nearest to the end. The curves show the mean of all pictures: at the hand-over ${early} of ${items.length} have decided, by step ${journey.decided} half of them.`;
    },
    set: (journey) => ({ play: [journey.handOver, journey.last], all: true, curves: true }),
    ask: (journey) => {
      const { items, last } = journey, [late] = [...items].sort((a, b) => b.commitment - a.commitment);
      const step = Math.max(2, Math.round(last / 5));
      return asked("At which step does the last picture decide?", shuffled([late.commitment, late.commitment - step, late.commitment + step > last ? late.commitment - 2 * step : late.commitment + step].filter((one) => one >= 0).map(String)), `At step ${late.commitment} of ${last}: ${late.name}.`);
    },
  },
  {
    key: "chance", title: "Chance: the same picture again", live: "word",
    there: ({ seedClouds }) => seedClouds.size > 0,
    say: (journey) => {
      const [[item, cloud]] = journey.seedClouds;
      const ends = new Set(cloud.ends).size;
      return `${journey.items[item].name} under ${cloud.seeds.length} different random starts: one ribbon, ${ends === 1 ? "which ends at one word" : `which ends at ${ends} words`}. A path is one draw, not a proof.`;
    },
    set: (journey) => ({ play: [0, journey.last], item: [...journey.seedClouds.keys()][0], seeds: true }),
    ask: (journey) => {
      const [[item, cloud]] = journey.seedClouds, { classes, items } = journey;
      const right = cloud.ends.filter((end) => end === items[item].answer).length;
      return asked(`How many of the ${cloud.seeds.length} end at its answer, ${quote(classes[items[item].answer].name)}?`, counts(right, cloud.seeds.length), cloud.sentence || `${right} of ${cloud.seeds.length}.`);
    },
  },
  {
    key: "trust", title: "Where the map lies", live: "trust",
    there: ({ maps }) => maps.length > 1,
    say: ({ maps }) => `A map squeezes all dimensions of the features into ${maps[0].dims}. Lines are strong where a state's neighbours are its neighbours on the map too; marks show where only the map jumps. The next map: the buttons above, or m.`,
    set: (journey) => ({ step: journey.last, all: true, trust: true }),
    ask: ({ maps }) => {
      const order = [...maps].sort((a, b) => keptOn(b) - keptOn(a)), [best] = order, worst = order.at(-1) ?? best;
      return asked("Which of these maps keeps most of the true neighbours, over all steps and not at this one alone?", shuffled(toldApart(order, keptOn).slice(0, 3).map(({ label }) => label)), `${best.label}: ${wholePercent(keptOn(best))} of them; ${worst.label} keeps ${wholePercent(keptOn(worst))}.`);
    },
  },
  {
    key: "fails", title: "Where it fails, and why", live: "word",
    there: () => true,
    say: (journey) => {
      const { name, hint, landed, nearest, answer, top } = journey.items[doubtful(journey)], { classes } = journey;
      if (hint) return `None of the words seems to fit ${name}: it looks most like ${quote(hint)}, which is not on the list. The answer, ${quote(classes[answer].name)}, is only the best of what there is.${nearest === answer ? "" : ` Its path ends at ${quote(classes[nearest].name)}.`}`;
      if (!landed) return `The path of ${name} ends away from all words; its answer is ${quote(classes[answer].name)} with ${wholePercent(top[0][1])}.`;
      if (nearest !== answer) return `The path of ${name} ends at ${quote(classes[nearest].name)}, its answer is ${quote(classes[answer].name)} with ${wholePercent(top[0][1])}: one draw against the sum of all.`;
      return `Nothing goes wrong here; ${name} is the least sure, ${quote(classes[answer].name)} with ${wholePercent(top[0][1])}.`;
    },
    set: (journey) => ({ step: journey.last, item: doubtful(journey), lights: ["state"] }),
    ask: (journey) => {
      const { top } = journey.items[doubtful(journey)], { classes } = journey;
      if (top.length < 2) return null;
      const names = toldApart(top.slice(1, 4), ([, share]) => share).map(([word]) => classes[word].name);
      return asked(`Which word comes second, behind ${quote(classes[top[0][0]].name)}?`, shuffled(names), `${quote(classes[top[1][0]].name)} with ${wholePercent(top[1][1])}. A word that fits better has to be on the list: change the words and run it again.`);
    },
  },
];
