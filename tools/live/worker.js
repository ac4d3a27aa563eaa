// Python in a worker of the page: receives the parts of Pyodide as text, then runs cells one after the other.
//
// A page opened from a disk may not fetch files, so its script brings the parts, gzipped and in base64. `fetch` is
// replaced by a function that answers from them; a page that runs Python requests nothing else.
"use strict";

const parts = {};
let python, dict, namespace, run;

const say = (state) => postMessage({ state });

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function unpack(texts) {
  const stream = new Blob(texts.map(bytes)).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function module(name) {
  const address = URL.createObjectURL(new Blob([await unpack(parts[name])], { type: "text/javascript" }));
  return import(address);
}

async function start() {
  const types = { wasm: "application/wasm", zip: "application/zip" };
  self.fetch = async (address) => {
    const name = String(address).split("/").pop();
    if (!parts[name]) throw new TypeError(`${name} is not part of this page`);
    return new Response(await unpack(parts[name]), { headers: { "Content-Type": types[name.split(".").pop()] } });
  };
  say("Starting Python");
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all(
    ["pyodide.mjs", "pyodide.asm.mjs"].map(module));
  python = await loadPyodide({
    indexURL: "https://page.invalid/", // never asked: see `fetch` above
    createPyodideModule,
    lockFileContents: new TextDecoder().decode(await unpack(parts["lock.json"])),
    env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" }, // as the chapters were executed
  });
  say("Loading SymPy");
  const home = "/lib/book";
  python.FS.mkdirTree(home);
  python.FS.writeFile(`${home}/modules.zip`, new Uint8Array(await unpack(parts["modules.zip"])));
  python.unpackArchive(await unpack(parts["labcode.zip"]), "zip", { extractDir: home });
  python.runPython(`import sys; sys.path[:0] = ["${home}", "${home}/modules.zip"]`);
  run = python.pyimport("run_cell").run;
  python.runPython("import sympy");
  dict = python.globals.get("dict");
  namespace = dict();
  Object.keys(parts).forEach((name) => delete parts[name]);
  postMessage({ ready: true });
}

onmessage = async ({ data }) => {
  try {
    if (data.part) (parts[data.part] ??= []).push(data.text);
    if (data.start) await start();
    if (data.forget) namespace.clear();
    if (data.source !== undefined) {
      // An answer runs among the names of the page, but defines none there; then its check says whether it is right.
      const names = data.check ? dict(namespace) : namespace;
      let output = JSON.parse(run(data.source, names, data.name));
      if (data.check && !output.error) output = JSON.parse(run(data.check, names, `the check of ${data.name}`));
      postMessage({ output });
    }
  } catch (error) {
    postMessage({ failed: String(error) });
  }
};
