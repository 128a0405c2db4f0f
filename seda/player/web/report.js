// The answers as a table, and each path in words: the same selection as on the map, and all of it without a picture.

import { scoreText } from "./numbers.js";
import { el } from "./dom.js";
import { answerOf } from "./item_color.js";
import { missedBy, wrongText } from "./truth.js";

const LONGEST = 26; // characters of a name in a cell. Cut here and not by the style sheet: each clipped cell costs every frame

const SAME = 0.005; // of a feature's length: a smaller difference would be printed as .00

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** @param {string} name */
const shortened = (name) => (name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name);

/**
 * Columns: heading, what it is sorted by (numbers: the largest first), a hint, and whether only answered items have it, or only others.
 * @typedef {{title: string, by: (item: Item, classes: Styled[]) => string|number, hint?: string, answered?: boolean}} Column
 */
/** @type {Column[]} */
const COLUMNS = [
  { title: "Answer", by: (item, classes) => classes[item.answer].name, hint: "The most probable word", answered: true },
  { title: "Probability", by: (item) => item.top[0][1], answered: true },
  { title: "Then", by: (item) => item.top[1]?.[1] ?? 0, hint: "The next words", answered: true },
  { title: "Nearest at the end", by: (item, classes) => classes[item.nearest].name, hint: "The text that the last state is nearest to, by cosine", answered: false },
  { title: "Path ended at", by: (item, classes) => (item.landed ? classes[item.nearest].name : "~"), hint: "The word that the last state is at, or away from all. A path is one draw, the answer weighs all words: they may differ", answered: true },
  { title: "Decided", by: (item) => item.commitment, hint: "Step from which on the nearest word stays the same" },
  { title: "Changes", by: (item) => item.flips, hint: "How often the nearest word changes on the way" },
  { title: "Margin", by: (item) => item.margin, hint: "At the end: cosine to the nearest word minus that to the second nearest" },
];

/**
 * What a journey's table has.
 * @param {Journey} journey @returns {Column[]}
 */
function columnsOf({ wording, classes, kinds, answered }) {
  const item = { title: wording.item[0].toUpperCase() + wording.item.slice(1), by: (/** @type {Item} */ { name }) => name };
  if (classes.length) return [item, ...COLUMNS.filter((column) => (column.answered ?? answered) === answered)];
  return kinds.length ? [item, { title: "Group", by: ({ kind = -1 }) => kinds[kind]?.name ?? "" }] : [item];
}

/**
 * Texts by the alphabet, numbers by their size.
 * @param {string|number} a @param {string|number} b both texts, or both numbers
 */
const rise = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

export class Report {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** @type {Journey} */ this.journey;
    /** @type {(HTMLTableRowElement & {button: HTMLButtonElement})[]} by item */ this.rows = [];
    /** @type {number[]} items as they stand in the table */ this.order = [];
    /** Column that the rows are sorted by, -1 for none. */ this.sorted = { column: -1, down: true };
    /** @type {Column[]} */ this.columns = [];
    /** @type {HTMLElement[]} */ this.heads = [];
    this.head = el("tr");
    this.body = el("tbody");
    this.table = el(
      "table", { class: "sp-table", "data-testid": "answers" },
      el("caption", { class: "sp-hidden", text: "Press a row to select it." }), el("thead", {}, this.head), this.body,
    );
    this.words = el("ol", { class: "sp-sentences", "data-testid": "sentences" });
    this.whose = el("span", { class: "sp-whose" });
    this.title = el("span");
    this.element = el(
      "div", { class: "sp-report" },
      el("div", { class: "sp-answers" }, el("h3", { class: "sp-side-title" }, this.title), el("div", { class: "sp-table-frame" }, this.table)),
      el("div", { class: "sp-words" }, el("h3", { class: "sp-side-title" }, el("span", { text: "In words" }), this.whose), this.words),
    );
  }

  /** @param {Journey} journey */
  load(journey) {
    this.journey = journey;
    const columns = columnsOf(journey);
    if (columns.map(({ title }) => title).join() !== this.columns.map(({ title }) => title).join()) this.#layOut(columns);
    this.rows = journey.items.map((item, index) => this.#row(item, index));
    this.#sort();
  }

  /** @param {Column[]} columns */
  #layOut(columns) {
    this.columns = columns;
    this.sorted = { column: -1, down: true };
    this.heads = columns.map(({ title, hint }, column) => {
      const button = el("button", { type: "button", title: hint ?? `Sort by ${title.toLowerCase()}`, text: title, on: { click: () => this.#sortBy(column) } });
      return el("th", { scope: "col", "aria-sort": "none", "data-testid": "sort" }, button);
    });
    this.head.replaceChildren(...this.heads);
    this.title.textContent = this.journey.answered ? "Answers" : "Paths";
  }

  /**
   * Cells of what a path says of class texts; in the order of COLUMNS.
   * @param {Item} item @param {number} index @returns {(HTMLElement|string)[][]}
   */
  #cells(item, index) {
    const { classes, answered } = this.journey;
    /** @param {number} k */
    const named = (k) => {
      const name = el("bdi", { class: "sp-class-name", text: shortened(classes[k].name), title: classes[k].name });
      name.style.setProperty("--sp-class", classes[k].color);
      return name;
    };
    const [answer, ...next] = item.top;
    const bar = el("span", { class: "sp-probability", text: answered ? percent(answer[1]) : "" });
    bar.style.setProperty("--sp-share", String(answer?.[1]));
    bar.style.setProperty("--sp-class", classes[item.answer].color);
    const then = next.slice(0, 2).map(([k, share]) => el("span", { class: "sp-then" }, el("bdi", { text: shortened(classes[k].name), title: classes[k].name }), ` ${percent(share)}`));
    const missed = missedBy(this.journey, index);
    const truth = missed ? [el("span", { class: "sp-truth", text: `truth: ${shortened(missed.name)}`, title: missed.name })] : [];
    const end = item.landed ? [named(item.nearest)] : [el("span", { class: "sp-then", text: "away from all", title: `nearest: ${classes[item.nearest].name}` })];
    const told = [[String(item.commitment)], [String(item.flips)], [scoreText(item.margin)]];
    return answered ? [[named(item.answer), ...truth], [bar], then, end, ...told] : [[...end, ...truth], ...told];
  }

  /** @param {Item} item @param {number} index */
  #row(item, index) {
    const { player, journey } = this;
    const picture = el("span", { class: "sp-thumb" });
    if (item.thumbnail) picture.style.backgroundImage = `url(${item.thumbnail})`;
    const select = el(
      "button", { type: "button", class: "sp-row-name", "aria-pressed": "false", on: { click: (event) => this.#press(event, index) } },
      picture, el("bdi", { text: shortened(item.name), title: item.name }),
    );
    const group = answerOf(journey, index)?.name ?? "";
    const cells = [[select], ...(journey.classes.length ? this.#cells(item, index) : journey.kinds.length ? [[group]] : [])];
    const cellsOf = el("tr", { "data-testid": "answer-row", "data-index": index }, ...cells.map((content) => el("td", {}, ...content)));
    const row = Object.assign(cellsOf, { button: select });
    row.addEventListener("click", (event) => this.#press(event, index));
    // Over the picture only: elsewhere the tooltip would hide the rows above.
    picture.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && player.hover({ kind: "item", index, anchor: picture }));
    picture.addEventListener("pointerleave", () => player.hover(null));
    return row;
  }

  /** @param {MouseEvent} event @param {number} index */
  #press(event, index) {
    event.stopPropagation(); // a press on the row's button is one on the row as well
    if (event.shiftKey) this.player.selectRange(index, this.order);
    else this.player.select(index, event.ctrlKey || event.metaKey);
  }

  /**
   * Press once for the largest (or first) on top, again for the reverse.
   * @param {number} column
   */
  #sortBy(column) {
    const text = typeof this.#values(column)[0] === "string";
    this.sorted = { column, down: this.sorted.column === column ? !this.sorted.down : !text };
    this.#sort();
  }

  /** @param {number} column */
  #values(column) {
    const { items, classes } = this.journey;
    return items.map((item) => this.columns[column].by(item, classes));
  }

  #sort() {
    const { column, down } = this.sorted;
    this.order = [...this.rows.keys()];
    if (column >= 0) {
      const values = this.#values(column);
      this.order.sort((a, b) => rise(values[a], values[b]) * (down ? -1 : 1));
    }
    this.body.replaceChildren(...this.order.map((index) => this.rows[index]));
    this.heads.forEach((head, i) => head.setAttribute("aria-sort", i === column ? (down ? "descending" : "ascending") : "none"));
  }

  /** @param {Set<number>} selection @param {number} inspected the item whose path is told, -1 for none */
  showSelection(selection, inspected) {
    this.rows.forEach((row, index) => {
      row.classList.toggle("is-selected", selection.has(index));
      row.classList.toggle("is-grey", selection.size > 0 && !selection.has(index));
      row.button.setAttribute("aria-pressed", String(selection.has(index)));
    });
    this.whose.textContent = inspected < 0 ? "" : this.journey.items[inspected].name;
    this.words.replaceChildren(...(inspected < 0 ? this.#overview() : this.#story(inspected)));
  }

  /**
   * Sentences of one path; pressing one goes to its step.
   * @param {number} index
   */
  #story(index) {
    const { items, ghost, seedClouds } = this.journey;
    const lines = items[index].sentences.map(([step, text]) => {
      const go = el("button", { type: "button", text, "data-step": step, title: `Go to step ${step}`, on: { click: () => this.player.goTo(step) } });
      return el("li", {}, go);
    });
    const missed = missedBy(this.journey, index);
    const more = [missed ? `Truth: “${missed.name}”. ${this.journey.answered ? "The answer is wrong." : "It ends elsewhere."}` : "", this.#ghostWords(index), seedClouds.get(index)?.sentence ?? ""].filter(Boolean);
    return [...lines, ...more.map((text) => el("li", { class: "is-plain", text }))];
  }

  /** @param {number} index */
  #ghostWords(index) {
    const { ghost, last } = this.journey;
    const row = ghost?.rows.get(index);
    if (!ghost || row === undefined) return "";
    const gaps = Array.from({ length: last + 1 }, (_, step) => ghost.difference([index], step) ?? 0);
    const widest = gaps.indexOf(Math.max(...gaps));
    const apart = gaps[widest] < SAME
      ? "the path is the same"
      : `furthest apart at step ${widest}, ${scoreText(gaps[widest])} of a feature's length, ${scoreText(gaps[last])} at the end`;
    return `Against the picture before (${ghost.changes.join("; ")}): ${apart}. ${this.#ghostAnswer(ghost, row, index)}`.trim();
  }

  /**
   * What has become of the answer; of the word that is nearest at the end where nobody has answered.
   * @param {Ghost} ghost @param {number} row @param {number} index
   */
  #ghostAnswer(ghost, row, index) {
    const { items, classes, answered } = this.journey, { answer, top } = items[index], [before, share] = ghost.answers[row];
    const [was, is] = [ghost.classes[before].name, classes[answer].name];
    if (!answered) return was === is ? `Its end stays nearest to “${is}”.` : `Its end was nearest to “${was}” and is to “${is}”.`;
    const [[, shareNow]] = top;
    return was === is
      ? `The answer stays “${is}” (${percent(share)} before, ${percent(shareNow)} now).`
      : `The answer was “${was}” with ${percent(share)} and is “${is}” with ${percent(shareNow)}.`;
  }

  #overview() {
    const { items, classes, last, answered } = this.journey;
    if (!classes.length) return this.#overviewOfPaths();
    const counts = new Map();
    for (const { answer } of items) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const answers = [...counts].sort((a, b) => b[1] - a[1]).map(([k, count]) => `“${classes[k].name}” ${count}`);
    const apart = items.filter((item) => item.landed && item.answer !== item.nearest).length;
    const away = items.filter((item) => !item.landed).length;
    /** @param {number} count @param {string} where */
    const paths = (count, where) => (count ? [`${count} ${count === 1 ? "path ends" : "paths end"} ${where}.`] : []);
    const ends = [...paths(apart, "nearest to another word than the answer"), ...paths(away, "away from all words")];
    const wrong = wrongText(this.journey), takes = `${this.journey.counted(items.length)} ${items.length === 1 ? "takes" : "take"} ${last} steps.`;
    const restless = [...items].sort((a, b) => b.flips - a.flips)[0];
    const lines = [
      `${takes} ${answered ? "Answers" : "Nearest at the end"}: ${answers.join(", ")}.`,
      ...(wrong ? [`${wrong}.`] : []),
      ...(answered ? [ends.join(" ") || "Every path ends nearest to its answer."] : []),
      restless.flips ? `Most changes of the nearest word: ${restless.name}, ${restless.flips}.` : "The nearest word never changes on the way.",
      `Select ${this.journey.one} to read its path.`,
    ];
    return lines.map((text) => el("li", { class: "is-plain", text }));
  }

  #overviewOfPaths() {
    const { items, kinds, last } = this.journey;
    const groups = kinds.map(({ name }, kind) => `“${name}” ${items.filter((item) => item.kind === kind).length}`);
    const lines = [
      `${this.journey.counted(items.length)} ${items.length === 1 ? "takes" : "take"} ${last} steps.`, ...(groups.length ? [`Groups: ${groups.join(", ")}.`] : []),
      `Select ${this.journey.one} to read its path.`,
    ];
    return lines.map((text) => el("li", { class: "is-plain", text }));
  }

  /**
   * Mark the sentence that the step has reached last.
   * @param {number} step
   */
  showStep(step) {
    let reached = null;
    for (const button of Array.from(this.words.querySelectorAll("button"))) {
      button.classList.remove("is-now");
      if (Number(button.dataset.step) <= step) reached = button;
    }
    reached?.classList.add("is-now");
  }
}
