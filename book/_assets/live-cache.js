// A service worker that keeps the scripts of the live parts, so that a reader loads them once for all chapters. It stands
// at the root of the site, since it serves only pages below it; their names change with their contents.
"use strict";
const LIVE = "/_static/live/";

async function answer(request) {
  const cache = await caches.open("live");
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) {
    const build = (name) => name.split(LIVE)[1].split("-")[0];
    const older = (await cache.keys()).filter((other) => build(other.url) !== build(request.url));
    await Promise.all(older.map((other) => cache.delete(other)));
    await cache.put(request, response.clone());
  }
  return response;
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.url.includes(LIVE)) event.respondWith(answer(event.request));
});
