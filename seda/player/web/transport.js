// Play, scrub, speed: the one time axis of all stages.

import { clamp } from "./numbers.js";
import { el, icon, iconButton } from "./dom.js";

const SPEEDS = [0.5, 0.75, 1, 1.5, 2, 4];

export class Transport {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** @type {Journey} */ this.journey;
    /** @type {boolean|undefined} as the button shows it */ this.playing = undefined;
    /** Whether the thumb is held. */ this.scrubbing = false;
    this.play = el("button", { type: "button", class: "sp-button sp-play", "data-testid": "play", on: { click: () => player.toggle() } });
    this.scrub = el("input", {
      type: "range", class: "sp-scrub", min: 0, max: 1, step: "any", value: 0, "aria-label": "Step of the journey", "data-testid": "scrub",
      on: { input: () => this.#onScrub(), change: () => this.#endScrub() },
    });
    /** @type {{element: HTMLElement, name: HTMLElement, fill: HTMLElement, from: number, to: number}[]} by stage */ this.stages = [];
    /** @type {{element: HTMLElement, step: number}[]} where a stage hands over to the next */ this.handOvers = [];
    this.track = el("div", { class: "sp-track" });
    this.speed = el(
      "select", { class: "sp-speed", "aria-label": "Speed", title: "Speed", "data-testid": "speed", on: { change: () => { player.clock.speed = Number(this.speed.value); } } },
      ...SPEEDS.map((speed) => el("option", { value: speed, text: `${speed}×`, selected: speed === 1 })),
    );
    this.loop = iconButton("loop", "Play again and again", "loop", () => this.toggleLoop(), { "aria-pressed": "false" });
    this.present = iconButton("present", "Present: large, and alone in the window (p)", "present", () => player.presentation.show(!player.presentation.shown), { "aria-pressed": "false" });
    this.element = el(
      "div", { class: "sp-transport", role: "group", "aria-label": "Playback" },
      el(
        "div", { class: "sp-buttons" },
        iconButton("replay", "Replay from the start", "replay", () => player.replay()),
        iconButton("back", "One step back", "step-back", () => player.stepBy(-1)),
        this.play,
        iconButton("forward", "One step forward", "step-forward", () => player.stepBy(1)),
      ),
      this.track,
      el("div", { class: "sp-extras" }, this.speed, this.loop, this.present, iconButton("full", "Full screen (f)", "full-screen", () => player.layout.toggleFullScreen())),
    );
  }

  /**
   * Place the segments so that they end exactly under the thumb's way.
   * @param {Journey} journey
   */
  load(journey) {
    this.journey = journey;
    this.scrub.max = String(journey.last);
    this.playing = undefined;
    /** @param {HTMLElement} part @param {number} from @param {number} to */
    const place = (part, from, to) => {
      part.style.setProperty("--sp-from", String(from / journey.last));
      part.style.setProperty("--sp-to", String(to / journey.last));
    };
    const ends = [...journey.handOvers, journey.last], words = journey.wording.stages;
    this.stages = ends.map((to, i) => {
      const name = el("span", { text: words.length > 1 ? `${i + 1} · ${words[i].name}` : words[i].name, title: words[i].title }), fill = el("i");
      const segment = el("div", { class: `sp-segment${i < ends.length - 1 ? " is-first" : ""}${i ? " is-second" : ""}` }, fill);
      return { element: el("div", { class: "sp-stage", "data-testid": `stage-${i + 1}` }, name, segment), name, fill, from: i ? ends[i - 1] + 1 : 0, to };
    });
    this.handOvers = journey.handOvers.map((step, i) => ({ element: el("b", { class: "sp-hand-over", title: `${words[i].end} (h)` }), step }));
    for (const { element, from, to } of this.stages) place(element, from, to);
    for (const { element, step } of this.handOvers) place(element, step, step);
    this.track.replaceChildren(...[...this.stages, ...this.handOvers].map(({ element }) => element), this.scrub);
  }

  toggleLoop() {
    const { clock } = this.player;
    clock.loop = !clock.loop;
    this.loop.setAttribute("aria-pressed", String(clock.loop));
  }

  #onScrub() {
    this.scrubbing = true;
    this.player.clock.playing = false;
    this.player.seek(Number(this.scrub.value));
  }

  /** Let go between two states: glide to the nearer one. */
  #endScrub() {
    this.scrubbing = false;
    this.player.stepBy(0);
  }

  /**
   * Each frame.
   * @param {number} position
   */
  showPosition(position) {
    if (!this.scrubbing) this.scrub.value = String(position);
    for (const { fill, from, to } of this.stages) fill.style.transform = `scaleX(${clamp((position - from) / Math.max(1, to - from), 0, 1)})`;
    const { playing } = this.player.clock;
    if (playing === this.playing) return;
    this.playing = playing;
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.play.title = playing ? "Pause (space)" : "Play (space)";
  }

  /**
   * When the step has changed.
   * @param {number} step @param {string} caption
   */
  showStep(step, caption) {
    this.scrub.setAttribute("aria-valuetext", caption);
    this.stages.forEach(({ name }, i) => name.classList.toggle("is-now", this.journey.stages[step] === i + 1));
    for (const { element, step: at } of this.handOvers) element.classList.toggle("is-now", step === at);
  }
}
