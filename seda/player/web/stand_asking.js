// A visitor's own picture at the stand: the camera where there is one, else a file; its words; and the operator's own replays.

import { el } from "./dom.js";

/** @typedef {import("./stand.js").Stand} Standing  whom it belongs to */

const SIDE = 1280; // px of a photograph that the camera takes
const REPLAYS = "seda-stand-replays"; // where the browser keeps the operator's own

/** The dialog. */
export class Asking {
  /** @param {Standing} stand */
  constructor(stand) {
    this.stand = stand;
    /** Whether a picture is on its way. */ this.busy = false;
    /** @type {AbortController|null} */ this.sending = null;
    /** @type {string[]} replays of another version of the program */ this.old = [];
    /** @type {MediaStream|null} */ this.stream = null;
    this.video = el("video", { class: "sp-stand-video", autoplay: true, playsinline: true, hidden: true });
    this.video.muted = true;
    this.words = el("textarea", { class: "sp-stand-words", rows: 2, maxlength: 600, "aria-label": "Words, separated by commas", "data-testid": "stand-words" });
    this.said = el("p", { class: "sp-stand-said", role: "status", "data-testid": "stand-said" });
    this.take = el("button", { type: "button", class: "sp-stand-own", text: "Take the picture", "data-testid": "stand-take", hidden: true, on: { click: () => this.#shoot() } });
    const { setup } = stand.settings;
    // A phone that is told to take a picture offers no files.
    this.file = el("input", { type: "file", ...(setup ? { accept: "image/*,.safetensors" } : { accept: "image/*", capture: "environment" }), class: "sp-hidden", tabindex: "-1", "data-testid": "stand-file", on: { change: () => this.#chosen() } });
    this.forget = el("button", { type: "button", class: "sp-stand-step", text: "Forget the replays", "data-testid": "stand-forget", hidden: !setup, on: { click: () => this.#forget() } });
    this.choose = el("button", { type: "button", class: "sp-stand-own", text: setup ? "Choose a picture or a replay" : "Choose a picture", "data-testid": "stand-choose", on: { click: () => this.file.click() } });
    this.element = el(
      "div", { class: "sp-stand-dialog", role: "dialog", "aria-modal": "true", "aria-label": "A picture of your own", "data-testid": "stand-dialog", hidden: true },
      el("div", { class: "sp-stand-sheet" },
        el("strong", { text: "A picture of your own" }), this.video, el("label", {}, el("span", { text: "It will travel to these words" }), this.words),
        this.said, el("div", { class: "sp-stand-buttons" }, this.take, this.choose, this.forget, el("button", { type: "button", class: "sp-stand-step", text: "×", "aria-label": "Close", "data-testid": "stand-close", on: { click: () => this.hide() } })),
        el("p", { class: "sp-stand-note", text: "It stays in the memory of this exhibit and is gone when you leave." }), this.file),
    );
  }

  show() {
    const { stand } = this, told = stand.told.find(({ name }) => name === stand.order[stand.index]);
    this.words.value = stand.settings.words || (told ?? stand.told[0])?.words.join(", ") || "";
    this.said.textContent = stand.settings.setup && this.old.length ? `From another version of the program, and not played: ${this.old.join(", ")}. Choose them anew.` : "";
    this.element.hidden = false;
    stand.visit();
    this.#openCamera();
  }

  hide() {
    this.element.hidden = true;
    this.file.value = "";
    this.sending?.abort(); // its visitor has left
    this.busy = false;
    this.#closeCamera();
  }

  async #openCamera() {
    if (!navigator.mediaDevices?.getUserMedia) return; // not at home and not by https: browsers give no camera
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: SIDE } } });
      if (this.element.hidden) return stream.getTracks().forEach((track) => track.stop());
      this.stream = stream;
      this.video.srcObject = stream;
      this.video.hidden = this.take.hidden = false;
    } catch {
      this.video.hidden = this.take.hidden = true; // no camera, or not allowed: a file will do
    }
  }

  #closeCamera() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.video.hidden = this.take.hidden = true;
  }

  #shoot() {
    const canvas = document.createElement("canvas"), { videoWidth, videoHeight } = this.video;
    Object.assign(canvas, { width: videoWidth, height: videoHeight });
    canvas.getContext("2d")?.drawImage(this.video, 0, 0);
    canvas.toBlob((blob) => { if (blob) this.#send(blob); else this.said.textContent = "The camera is not ready. Try again."; }, "image/jpeg", 0.9);
  }

  #chosen() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    if (this.stand.settings.setup && file.name.endsWith(".safetensors")) this.#keepReplay(file);
    else this.#send(file);
  }

  /** @param {Blob} picture */
  async #send(picture) {
    if (this.busy) return;
    this.busy = true;
    const sending = this.sending = new AbortController();
    this.said.textContent = "On its way …";
    try {
      const path = `_seda/stand/run?words=${encodeURIComponent(this.words.value)}`;
      const payload = await this.stand.fetched(path, { method: "POST", body: picture, headers: { "x-seda-stand": "1" }, signal: sending.signal });
      if (sending.signal.aborted) return;
      this.hide();
      this.stand.visit();
      this.stand.showOwn(payload);
    } catch (error) {
      if (!sending.signal.aborted) this.said.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      if (this.sending === sending) this.busy = false;
    }
  }

  // ---- the operator's own replays: kept in this browser, so that a reload has them again

  /** @param {File} file */
  async #keepReplay(file) {
    this.said.textContent = "Reading the replay …";
    try {
      const payload = await this.stand.fetched("_seda/stand/replay", { method: "POST", body: file, headers: { "x-seda-stand": "1" } });
      const kept = await keptHere();
      await kept.put(`/${encodeURIComponent(file.name)}`, new Response(JSON.stringify(payload)));
      this.said.textContent = `${file.name} is played here from now on; load the page anew.`;
    } catch (error) {
      this.said.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  async #forget() {
    await window.caches?.delete(REPLAYS);
    this.said.textContent = "No replays are kept here; load the page anew.";
  }

  /**
   * @param {number} version of the payloads that this page can play
   * @returns {Promise<{replays: {name: string, payload: Payload}[], old: string[]}>} old: names of those that another version made
   */
  async keptReplays(version) {
    const replays = [], old = [];
    const kept = await keptHere();
    for (const request of await kept.keys()) {
      const answer = await kept.match(request), name = decodeURIComponent(new URL(request.url).pathname.slice(1));
      const payload = await answer?.json().catch(() => null);
      if (payload?.version === version) replays.push({ name, payload });
      else old.push(name);
    }
    return { replays, old };
  }
}

/** @returns {Promise<Cache>} */
function keptHere() {
  if (!window.caches) return Promise.reject(new Error("This browser keeps replays only on the same machine, or by https."));
  return caches.open(REPLAYS);
}
