// An item that has a sound is heard while the pointer, the focus or a finger rests on it.

const LINGER = 160; // ms that a pointer has to stay: one that crosses a head on its way makes no noise
const SOUND_URL = /^data:audio\/wav;base64,[A-Za-z0-9+/=]+$/;

/** One sound at a time; what a browser does not let play before a first click stays silent. */
export class HeadSounds {
  /** @param {(url: string) => Pick<HTMLAudioElement, "play"|"pause">} [make] */
  constructor(make = (url) => new Audio(url)) {
    this.make = make;
    /** @type {Item[]} */ this.items = [];
    /** The item that is rested on, -1 for none. */ this.item = -1;
    /** @type {Pick<HTMLAudioElement, "play"|"pause">|null} what is heard */ this.playing = null;
    this.timer = 0;
  }

  /** @param {Journey} journey */
  load({ items }) {
    this.stop();
    this.items = items;
  }

  /**
   * The pointer is at an item, or at none (-1). Staying at one goes on with its sound.
   * @param {number} item
   */
  rest(item) {
    if (item === this.item) return;
    this.stop();
    this.item = item;
    const url = this.items[item]?.sound ?? "";
    if (SOUND_URL.test(url)) this.timer = window.setTimeout(() => this.#play(url), LINGER);
  }

  stop() {
    window.clearTimeout(this.timer);
    this.playing?.pause();
    this.playing = null;
    this.item = -1;
  }

  /** @param {string} url */
  #play(url) {
    const sound = this.make(url);
    this.playing = sound;
    sound.play()?.catch(() => {}); // refused before the first click on the page, or stopped before it began
  }
}
