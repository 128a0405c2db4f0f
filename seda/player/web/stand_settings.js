// What a stand's address says.

/**
 * @typedef {{play: string[], idle: number, speed: number, theme: string, captions: boolean, own: boolean, words: string, map: string,
 *   title: string, setup: boolean}} StandSettings  play: names of examples and of the operator's own replays, all where empty; idle: seconds; theme: "light", "dark" or ""; own: whether
 *   visitors may show a picture of their own; words: that it travels to, the example's where empty; setup: whether
 *   replays of the operator's own are taken, too
 */

const MOST_WORDS = 600, MOST_TITLE = 80; // characters

/**
 * Names of what is played: those that were chosen, as far as they are there; else all.
 * @param {string[]} chosen @param {string[]} examples @param {string[]} replays
 */
export function playedOrder(chosen, examples, replays) {
  const there = [...examples, ...replays.filter((name) => !examples.includes(name))];
  const played = chosen.filter((name) => there.includes(name));
  return played.length ? played : there;
}

/**
 * Settings from parameters; what cannot be used is as if it were not there.
 * @param {URLSearchParams} params @returns {StandSettings}
 */
export function readSettings(params) {
  /** @param {string} name @param {number} start @param {number} low @param {number} high */
  const number = (name, start, low, high) => {
    const text = params.get(name), value = text === null || text.trim() === "" ? NaN : Number(text);
    return Number.isFinite(value) && value >= low && value <= high ? value : start;
  };
  /** @param {string} name */
  const on = (name) => params.get(name) !== "0";
  const theme = params.get("theme") ?? "";
  return {
    play: (params.get("play") ?? "").split(",").map((name) => name.trim()).filter(Boolean),
    idle: number("idle", 60, 5, 3600),
    speed: number("speed", 1, 0.25, 8),
    theme: theme === "light" || theme === "dark" ? theme : "",
    captions: on("captions"),
    own: on("own"),
    words: (params.get("words") ?? "").slice(0, MOST_WORDS),
    map: params.get("map") ?? "",
    setup: params.get("setup") === "1",
    title: (params.get("title") ?? "Where do pictures land?").slice(0, MOST_TITLE),
  };
}
