// The stand's service worker: what was asked for once is there again when the network is not. It is a script of its own, not joined
// to the player's.

const KEPT = "seda-stand-1";
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event, { pathname } = new URL(request.url);
  if (request.method === "GET" && (pathname === "/stand" || pathname.startsWith("/_seda/stand/"))) event.respondWith(answered(request, pathname));
});

/**
 * From the network, and kept; from what was kept where there is none. Settings in the address change nothing of what is sent.
 * @param {Request} request @param {string} pathname
 */
async function answered(request, pathname) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(pathname, answer.clone());
    return answer;
  } catch (error) {
    const before = await kept.match(pathname);
    if (before) return before;
    throw error;
  }
}
