// The stand's service worker, with a network and a cache of the test's own.

import assert from "node:assert/strict";
import test from "node:test";

/** @type {Map<string, (event: any) => void>} */ const listeners = new Map();
/** @type {Map<string, Response>} */ const kept = new Map();
/** @type {() => Promise<Response>} */ let network;
Object.assign(globalThis, {
  self: { addEventListener: (/** @type {string} */ name, /** @type {(event: any) => void} */ listener) => listeners.set(name, listener) },
  caches: { open: async () => ({ match: async (/** @type {string} */ key) => kept.get(key)?.clone(), put: async (/** @type {string} */ key, /** @type {Response} */ answer) => kept.set(key, answer) }) },
  fetch: () => network(),
});
const script = "../../../seda/player/web/stand_worker.js"; // no module, so of no type
await import(script);

/** @param {string} path @returns {Promise<string>|null} what is answered; null where the worker leaves it to the browser */
function asked(path) {
  /** @type {Promise<Response>|null} */ let answer = null;
  listeners.get("fetch")?.({ request: new Request(`https://a.example${path}`), respondWith: (/** @type {Promise<Response>} */ given) => { answer = given; } });
  return answer && /** @type {Promise<Response>} */ (answer).then((one) => one.text());
}

test("what came once is there when the network is not, and when only a proxy answers", async () => {
  network = async () => new Response("page");
  assert.equal(await asked("/below/stand?idle=5"), "page");
  network = () => Promise.reject(new TypeError("no network"));
  assert.equal(await asked("/below/stand?idle=9"), "page");
  network = async () => new Response("bad gateway", { status: 502 });
  assert.equal(await asked("/below/stand"), "page");
  assert.equal(await asked("/below/_seda/stand/list"), "bad gateway"); // nothing is kept
  network = async () => new Response("newer page");
  assert.equal(await asked("/below/stand"), "newer page");
});

test("the rest of the app is none of its business", () => {
  for (const path of ["/", "/lesson", "/_stcore/health", "/stand/worker.js"]) assert.equal(asked(path), null);
});
