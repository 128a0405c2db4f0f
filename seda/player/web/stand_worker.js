// The stand's service worker: what was asked for once is there again when the network is not. It is a script of its own, not joined
// to the player's.

const KEPT = "seda-stand-1";
const SILENT = 12000; // ms for the first of an answer, where there is a kept one
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event, { pathname } = new URL(request.url);
  if (request.method === "GET" && (pathname.endsWith("/stand") || pathname.includes("/_seda/stand/"))) event.respondWith(answered(request, pathname));
});

/**
 * From the network, and kept; from what was kept where there is none, where it is silent, and where only a proxy answers for a
 * server that is away. Settings in the address change nothing of what is sent.
 * @param {Request} request @param {string} pathname
 */
async function answered(request, pathname) {
  const kept = await caches.open(KEPT), before = await kept.match(pathname);
  const given = new AbortController(), timer = before && setTimeout(() => given.abort(), SILENT);
  try {
    const answer = await fetch(request.url, { signal: given.signal, credentials: "same-origin", headers: request.headers });
    if (answer.ok) await kept.put(pathname, answer.clone());
    return answer.ok || !before ? answer : before;
  } catch (error) {
    if (before) return before;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
