// The lesson: scenes that move the picture, each with one sentence, live numbers, and one question.

import { numberText } from "./numbers.js";
import { css } from "./drawing.js";
import { el } from "./dom.js";
import { Formula } from "./formula.js";
import { SCENES } from "./lesson_scenes.js";

const TURNED = 700; // ms between two scenes by scrolling: one movement of a wheel or finger is one scene
const SWIPE = 60; // px sideways that a finger has to move
const MOST_WEIGHTS = 4; // candidates that are told by name

/** Drives the player through its scenes; there where the options ask for it. */
export class Lesson {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.on = false;
    /** @type {import("./lesson_scenes.js").Scene[]} those that the journey has something to show for */ this.scenes = [];
    this.index = 0;
    /** Step that play ends at, -1 for none. */ this.until = -1;
    /** Right answers at the first try, by scene. @type {Map<string, boolean>} */
    this.answers = new Map();
    /** When the last scene was scrolled away, ms. */ this.turned = 0;
    /** Where a finger went down, px. */ this.touched = 0;
    this.count = el("p", { class: "sp-lesson-count", "data-testid": "lesson-count" });
    this.title = el("h3", { class: "sp-lesson-title", "data-testid": "lesson-title", tabindex: "-1" });
    this.text = el("p", { class: "sp-lesson-text", "data-testid": "lesson-text", "aria-live": "polite" });
    this.formula = new Formula((name) => this.#lightTerm(name));
    this.live = el("div", { class: "sp-lesson-live", "data-testid": "lesson-live" });
    this.question = el("div", { class: "sp-lesson-question", "data-testid": "lesson-question" });
    this.back = el("button", { type: "button", class: "sp-lesson-button", text: "Back", "data-testid": "lesson-back", on: { click: () => this.go(this.index - 1) } });
    this.next = el("button", { type: "button", class: "sp-lesson-button is-next", text: "Next", "data-testid": "lesson-next", on: { click: () => this.go(this.index + 1) } });
    this.body = el("div", { class: "sp-lesson-body" }, this.count, this.title, this.text, this.formula.element, this.live, this.question);
    this.element = el(
      "section", { class: "sp-lesson", "aria-label": "Lesson", "data-testid": "lesson", hidden: true }, this.body, el("div", { class: "sp-lesson-nav" }, this.back, this.next),
    );
  }

  /** @param {Listen} on */
  listen(on) {
    on(this.element, "wheel", (event) => this.#scroll(event), { passive: true });
    on(this.element, "touchstart", (event) => { this.touched = event.changedTouches[0].clientX; }, { passive: true });
    on(this.element, "touchend", (event) => this.#swipe(event.changedTouches[0].clientX - this.touched), { passive: true });
  }

  /**
   * Begin at a scene, by its number from 1; 0 ends it.
   * @param {number} scene
   */
  show(scene) {
    const { player } = this;
    this.on = scene > 0;
    this.element.hidden = !this.on;
    player.root.classList.toggle("is-lesson", this.on);
    player.seedsShown = !this.on;
    if (this.on) this.go(Math.min(scene, this.scenes.length) - 1);
    player.layout.resize();
    // A link that was pressed to come here keeps the focus, and with it the key that goes on.
    if (this.on) this.title.focus({ preventScroll: true });
  }

  /** @param {Journey} journey */
  load(journey) {
    const key = this.scene?.key;
    this.scenes = SCENES.filter((scene) => scene.there(journey));
    this.index = Math.max(0, this.scenes.findIndex((scene) => scene.key === key));
    this.answers.clear();
  }

  /** The scene that it stands at, of another journey; the first where that has nothing to show for it. */
  again() {
    this.go(this.index);
  }

  /** @returns {import("./lesson_scenes.js").Scene|undefined} the last page has none */
  get scene() {
    return this.scenes[this.index];
  }

  /** @param {number} index of a scene; after the last one comes the end */
  go(index) {
    if (index < 0 || index > this.scenes.length) return;
    this.index = index;
    const { scene, player } = this;
    player.root.dataset.scene = scene?.key ?? "end";
    this.count.textContent = scene ? `${index + 1} of ${this.scenes.length}` : "The end";
    this.title.textContent = scene?.title ?? "What stays";
    this.text.textContent = scene ? scene.say(player.journey) : this.#summary();
    this.back.disabled = index === 0;
    this.next.hidden = !scene;
    if (!scene && this.on) this.title.focus({ preventScroll: true });
    this.next.textContent = index === this.scenes.length - 1 ? "Finish" : "Next";
    this.body.scrollTop = 0;
    this.#ask(scene);
    if (scene) this.#set(scene.set(player.journey));
    player.lastStep = -1;
    player.layout.resize();
    player.status.settle();
  }

  #summary() {
    const right = [...this.answers.values()].filter(Boolean).length;
    const score = this.answers.size ? `You were right at the first try in ${right} of ${this.answers.size} questions. ` : "";
    return `${score}Now change a word, or bring pictures of your own, and walk through the same scenes with them.`;
  }

  /** @param {import("./lesson_scenes.js").Setting} setting */
  #set(setting) {
    const { player } = this, { play, item = -1 } = setting;
    player.showStills(false); // where motion is not wanted a journey begins with them
    const flat = player.journey.maps.findIndex(({ dims, timeline }) => dims === 2 && !timeline);
    player.showMap(Math.max(0, flat));
    player.camera.reset();
    if (player.trust !== Boolean(setting.trust)) player.layout.toggleTrust();
    player.seedsShown = Boolean(setting.seeds);
    player.root.classList.toggle("is-with-curves", Boolean(setting.curves));
    player.selectAll(setting.all || item < 0 ? [] : [item]);
    this.#light(setting.lights ?? [], item);
    this.until = play ? play[1] : -1;
    player.pause();
    player.seek(play ? play[0] : setting.step ?? 0);
    if (play && player.motion.matches) player.seek(play[1]);
    else if (play) player.play();
    player.invalidate(true);
  }

  /** @param {import("./lights.js").LightName[]} names @param {number} item */
  #light(names, item) {
    const { lights } = this.player.map;
    lights.shown = new Set(names);
    if (item >= 0) lights.item = item;
    this.player.root.dataset.lights = names.join(",");
    this.player.invalidate();
  }

  /** The item that is spoken of. */
  get #item() {
    return this.player.inspected >= 0 ? this.player.inspected : this.player.map.lights.item;
  }

  /**
   * What a sign of the formula stands for; without one the scene's own lights.
   * @param {import("./lights.js").LightName|null} name
   */
  #lightTerm(name) {
    this.#light(name ? [name] : this.scene?.set(this.player.journey).lights ?? [], this.#item);
  }

  /** @param {number} step */
  showStep(step) {
    if (!this.on) return;
    if (this.until >= 0 && step >= this.until && this.player.clock.playing) {
      this.player.pause();
      this.player.seek(this.until);
    }
    this.formula.element.hidden = !this.scene?.formula || !this.player.journey.numbers.isConditional;
    this.formula.show(this.player.journey, this.#item, step);
    this.live.replaceChildren(...(this.scene ? this.#liveParts(this.scene, step) : []));
  }

  /**
   * The numbers of this step.
   * @param {import("./lesson_scenes.js").Scene} scene @param {number} step
   */
  #liveParts(scene, step) {
    const { journey } = this.player, { numbers, classes, items, centers } = journey, item = this.#item;
    /** @param {string} name @param {string} value */
    const line = (name, value) => el("p", { class: "sp-lesson-number" }, el("span", { text: name }), el("b", { text: value }));
    /** @type {Record<NonNullable<import("./lesson_scenes.js").Scene["live"]>, () => HTMLElement[]>} */
    const told = {
      state: () => [line(`step ${step}, t`, String(journey.timesteps[step]))],
      center: () => [line(`${items[item].name}: cosine to “${centers[numbers.nearestCenter[item]]?.name}”`, numberText(numbers.centerCosine(item, step)))],
      word: () => journey.curveClasses.map((word, curve) => ({ word, value: journey.similarity(item, step, curve) })).sort((a, b) => b.value - a.value).slice(0, 3)
        .map(({ word, value }) => line(`${items[item].name}: cosine to “${classes[word].name}”`, numberText(value))),
      gap: () => [line("distance of the two middles, in lengths of a feature", numberText(numbers.gaps[step]))],
      weights: () => this.#weightBars(item, step),
      decided: () => [line(`decided by step ${step}`, `${items.filter(({ commitment }) => commitment <= step).length} of ${items.length}`)],
      trust: () => this.player.journey.maps.map((one) => line(`neighbours kept at step ${step}: ${one.label}`, `${Math.round((100 * items.reduce((sum, _, i) => sum + one.keptAt(i, step), 0)) / items.length)} %`)),
    };
    return scene.live ? told[scene.live]() : [];
  }

  /** @param {number} item @param {number} step */
  #weightBars(item, step) {
    const { journey, theme } = this.player, kind = journey.stages[step] === 1 ? "centers" : "texts";
    const styles = kind === "centers" ? journey.centers : journey.classes, heaviest = journey.numbers.heaviest(item, step, kind, MOST_WEIGHTS).filter(({ weight }) => weight >= 0.005);
    const rest = 1 - heaviest.reduce((sum, { weight }) => sum + weight, 0);
    if (!heaviest.length) return [el("p", { class: "sp-lesson-number" }, el("span", { text: `step ${step}: nothing is estimated here` }))];
    const rows = [...heaviest.map(({ index, weight }) => ({ name: styles[index].name, weight, color: css(theme.tune(styles[index].color)) })), { name: "others, or none of them", weight: Math.max(0, rest), color: css(theme.grey) }];
    return rows.map(({ name, weight, color }) => {
      const bar = el("i");
      bar.style.cssText = `width: ${Math.round(100 * weight)}%; background: ${color}`;
      return el("p", { class: "sp-lesson-weight" }, el("span", { text: name }), el("b", { text: `${Math.round(100 * weight)} %` }), el("span", { class: "sp-lesson-bar" }, bar));
    });
  }

  // ---- the question

  /** @param {import("./lesson_scenes.js").Scene|undefined} scene */
  #ask(scene) {
    const asked = scene?.ask(this.player.journey);
    if (!scene || !asked) return this.question.replaceChildren();
    const why = el("p", { class: "sp-lesson-why", "data-testid": "lesson-why", role: "status" });
    const options = asked.options.map((option, i) => {
      const button = el("button", { type: "button", class: "sp-lesson-option", text: option, "data-testid": "lesson-option", "aria-pressed": "false" });
      button.addEventListener("click", () => {
        if (!this.answers.has(scene.key)) this.answers.set(scene.key, i === asked.right);
        options.forEach((other, k) => {
          other.classList.toggle("is-right", k === asked.right);
          other.classList.toggle("is-wrong", k === i && i !== asked.right);
          other.setAttribute("aria-pressed", String(k === i));
        });
        why.textContent = `${i === asked.right ? "Yes." : "Not quite."} ${asked.why}`;
      });
      return button;
    });
    this.question.replaceChildren(el("p", { class: "sp-lesson-ask", text: asked.question }), el("div", { class: "sp-lesson-options" }, ...options), why);
  }

  /**
   * Choose an option by its number.
   * @param {number} option
   */
  choose(option) {
    /** @type {HTMLElement|undefined} */ (Array.from(this.question.querySelectorAll("button"))[option])?.click();
  }

  // ---- by scrolling and by touch

  /** @param {WheelEvent} event */
  #scroll({ deltaY }) {
    const { scrollTop, scrollHeight, clientHeight } = this.body, now = performance.now();
    const ended = deltaY > 0 ? scrollTop + clientHeight >= scrollHeight - 2 : scrollTop <= 0;
    if (!ended || now - this.turned < TURNED || Math.abs(deltaY) < 8) return;
    this.turned = now;
    this.go(this.index + Math.sign(deltaY));
  }

  /** @param {number} moved px to the right */
  #swipe(moved) {
    if (Math.abs(moved) > SWIPE) this.go(this.index - Math.sign(moved));
  }
}
