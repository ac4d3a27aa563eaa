// A service worker that keeps the scripts with Python, so that a reader loads them once for all chapters. Their names
// change with their contents. It stands at the root of the site, since it serves only pages below it.
"use strict";
const SCRIPT = /\/_static\/live\/([0-9a-f]+)-\d+\.js$/;

async function answer(request) {
  const cache = await caches.open("live");
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) {
    const [, build] = SCRIPT.exec(request.url);
    const older = (await cache.keys()).filter((other) => SCRIPT.exec(other.url)[1] !== build);
    await Promise.all(older.map((other) => cache.delete(other)));
    await cache.put(request, response.clone());
  }
  return response;
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (SCRIPT.test(event.request.url)) event.respondWith(answer(event.request));
});
