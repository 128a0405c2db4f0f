// What the pointer is over, in words.

import { clamp, numberText } from "./numbers.js";
import { css } from "./drawing.js";
import { el } from "./dom.js";
import { neighborTiles } from "./neighbors.js";
import { missedBy } from "./truth.js";

/** @type {Object<number, string>} */
const FLAG_WORDS = { 1: "The map exaggerates the last step: the features hardly moved.", [-1]: "The map hides the last step: the features jumped." };
const MOST_THUMBNAILS = 40; // of the items at a word

export class Tooltip {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.element = el("div", { class: "sp-tooltip", role: "tooltip", "data-testid": "tooltip", hidden: true });
    /** @type {Hit|null} what it speaks of */
    this.subject = null;
  }

  /** @param {Hit} subject */
  show(subject) {
    this.subject = subject;
    this.showStep();
  }

  hide() {
    this.subject = null;
    this.element.hidden = true;
  }

  /** With the values of the step that is shown now. */
  showStep() {
    if (!this.subject) return;
    const { kind, index } = this.subject;
    this.element.replaceChildren(...(kind === "item" ? this.#item(index) : this.#landmark(kind, index)));
    this.element.hidden = false;
    this.#place(this.subject);
  }

  /** @param {Hit["kind"]} kind @param {number} index */
  #landmark(kind, index) {
    const { journey } = this.player;
    const one = kind === "text" ? journey.classes[index] : journey.centers[index];
    const parts = [el("strong", { class: "is-whole", text: one.name }), el("p", { class: "sp-tip-what", text: kind === "text" ? journey.wording.text : "a category that the model has learned" })];
    return [el("div", {}, ...parts, ...(kind === "text" ? this.#arrivals(index) : []))];
  }

  /**
   * The items whose path ends at a word, the surest first.
   * @param {number} word
   */
  #arrivals(word) {
    const { items } = this.player.journey;
    const here = this.player.map.heads.itemsAt(word);
    if (!here.length) return [el("p", { class: "sp-tip-what", text: `no ${this.player.journey.wording.item} ends here` })];
    const tiles = here.slice(0, MOST_THUMBNAILS).filter((item) => items[item].thumbnail).map((item) => el("img", { src: items[item].thumbnail, alt: "" }));
    const more = here.length > MOST_THUMBNAILS ? `, ${MOST_THUMBNAILS} of them shown` : "";
    return [el("p", { class: "sp-tip-what", text: `${this.player.journey.counted(here.length)} ${here.length === 1 ? "ends" : "end"} here${more}` }), el("div", { class: "sp-arrivals" }, ...tiles)];
  }

  /** @param {number} index */
  #item(index) {
    const { journey, step, theme } = this.player;
    const { classes, curveClasses } = journey;
    const item = journey.items[index];
    const values = curveClasses.map((one, curve) => ({ style: classes[one], value: journey.similarity(index, step, curve) }));
    values.sort((a, b) => b.value - a.value);
    const rows = values.slice(0, 3).map(({ style, value }) => {
      const dot = el("i", { class: "sp-dot" });
      dot.style.backgroundColor = css(theme.tune(style.color));
      return el("li", {}, dot, el("span", { text: style.name }), el("span", { class: "sp-value", text: numberText(value) }));
    });
    const missed = missedBy(journey, index);
    /** @param {string} text */
    const note = (text) => el("p", { class: "sp-tip-what", text });
    return [
      ...(item.thumbnail ? [el("img", { src: item.thumbnail, alt: "" })] : []),
      el(
        "div", {}, el("strong", { text: item.name }),
        ...(rows.length ? [note(`step ${step}: nearest words`), el("ol", {}, ...rows)] : []),
        ...(journey.classes.length ? [] : [note(journey.kinds[item.kind ?? -1]?.name ?? "")]),
        ...(journey.neighbors ? [note("known pictures that are most alike"), el("div", { class: "sp-tiles" }, ...neighborTiles(this.player, index, step, 26))] : []),
        ...this.#trust(index).map(note),
        ...item.top.slice(0, 1).map(([answer, probability]) => note(`answer: “${classes[answer].name}” with ${Math.round(probability * 100)} %`)),
        missed && el("p", { class: "sp-tip-what sp-truth", text: `truth: “${missed.name}”` }),
        ...(item.landed || !classes.length ? [] : [note(`this path ends away from all words${journey.answered ? ": it is one draw of what the picture may be called" : ""}`)]),
        ...(!item.landed || item.nearest === item.answer ? [] : [note(`this path ends at “${classes[item.nearest].name}”: it is one draw of several possible ones`)]),
      ),
    ];
  }

  /**
   * How far the map can be trusted where an item is now.
   * @param {number} index
   */
  #trust(index) {
    const { view, step } = this.player;
    const { map } = view;
    const kept = map.keptAt(index, step);
    const count = map.neighbors ? `${Math.round(kept * map.neighbors)} of ${map.neighbors}` : `${Math.round(kept * 100)} % of the`;
    const flag = step > 0 ? map.flag(index, step - 1) : 0;
    return [`${count} nearest neighbours are neighbours on the map, too`, ...(flag ? [FLAG_WORDS[flag]] : [])];
  }

  /**
   * Above its subject where there is room, else below, and always within the player.
   * @param {Hit} subject
   */
  #place(subject) {
    const { element, player } = this;
    const root = player.root.getBoundingClientRect();
    const box = subject.anchor?.getBoundingClientRect();
    let x, y, gap;
    if (box) {
      [x, y, gap] = [box.left + box.width / 2 - root.left, box.top - root.top, 8];
    } else {
      const stage = player.parts.mapStage.getBoundingClientRect();
      const { heads, landmarks } = player.map;
      const places = { item: heads.places, text: landmarks.textPoints, center: landmarks.centerPoints };
      const point = places[subject.kind][subject.index];
      [x, y, gap] = [stage.left - root.left + point.x, stage.top - root.top + point.y, heads.headRadius + 10];
    }
    const width = element.offsetWidth, height = element.offsetHeight;
    const left = clamp(x - width / 2, 6, Math.max(6, root.width - width - 6));
    const top = y - gap - height < 0 ? y + gap : y - gap - height;
    element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}
