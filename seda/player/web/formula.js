// A formula with the numbers of this step below its signs; what a sign stands for is lit on the map while it is looked at.

import { numberText } from "./numbers.js";
import { el } from "./dom.js";

/** @typedef {import("./lights.js").LightName} LightName */
/** @typedef {{sign: string, name: string, light: LightName, value: (numbers: Journey["numbers"], item: number, step: number) => number|null|undefined}} Term */

/**
 * x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise, with lengths in units of a feature's; x_0 is the estimate at this step.
 * @type {(Term|string)[]}
 */
const TERMS_OF_STATE = [
  { sign: "xₜ", name: "length of the state", light: "state", value: (numbers, item, step) => numbers.length(item, step) }, "=",
  { sign: "√ᾱₜ", name: "share of the signal", light: "noise", value: (numbers, _, step) => numbers.levels(step)?.signal }, "·",
  { sign: "x̂₀", name: "length of the estimate of what lies beneath", light: "weights", value: (numbers, item, step) => numbers.estimateLength(item, step) }, "+",
  { sign: "√(1−ᾱₜ)", name: "share of the noise", light: "noise", value: (numbers, _, step) => numbers.levels(step)?.noise }, "·",
  { sign: "ε̂", name: "length of the noise that is left", light: "noise", value: (numbers, item, step) => numbers.noiseLength(item, step) },
];

/** The state as signal and noise. */
export class Formula {
  /** @param {(light: LightName|null) => void} lit told of the sign that is looked at, and of none */
  constructor(lit) {
    /** @type {{term: Term, value: HTMLElement, button: HTMLElement}[]} */ this.terms = [];
    const row = el("div", { class: "sp-formula", role: "group", "aria-label": "State, signal and noise at this step", "data-testid": "formula" });
    for (const part of TERMS_OF_STATE) row.append(typeof part === "string" ? el("span", { class: "sp-formula-sign", text: part, "aria-hidden": "true" }) : this.#button(part, lit));
    const note = "Lengths, in units of a feature's. The two parts stand at an angle: their lengths do not add up.";
    this.element = el("div", { hidden: true }, row, el("p", { class: "sp-formula-note", text: note }));
  }

  /** @param {Term} term @param {(light: LightName|null) => void} lit */
  #button(term, lit) {
    const { sign, name, light } = term, value = el("b"), on = () => lit(light), off = () => lit(null);
    const button = el(
      "button", { type: "button", class: "sp-term", title: `${name}: lit on the map`, "data-light": light, on: { pointerenter: on, pointerleave: off, focus: on, blur: off, click: on } },
      el("span", { class: "sp-term-sign", text: sign }), value,
    );
    this.terms.push({ term, value, button });
    return button;
  }

  /** @param {Journey} journey @param {number} item @param {number} step */
  show({ numbers }, item, step) {
    for (const { term, value, button } of this.terms) {
      const number = term.value(numbers, item, step), text = number === null || number === undefined ? "–" : numberText(number);
      value.textContent = text;
      button.setAttribute("aria-label", `${term.name}, ${text}`);
    }
  }
}
