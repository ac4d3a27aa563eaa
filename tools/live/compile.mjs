// Compiles the Python packages that pages use, with the Python that will run them: importing SymPy from its sources
// takes 7 to 10 s in a page, from compiled modules 1 to 2 s.
//
//   node compile.mjs SITE_PACKAGES OUTPUT.zip PACKAGE...
//
// The zip is not compressed: Python reads it quickly, and the page's scripts are compressed as a whole.
import { writeFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

const [folder, output, ...packages] = process.argv.slice(2);
// Without column numbers, which only tracebacks need, the modules are a third smaller.
const python = await loadPyodide({ env: { HOME: "/", PYTHONNODEBUGRANGES: "1" } });
python.FS.mkdirTree("/packages");
python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, "/packages");
python.globals.set("packages", packages);
const zip = python.runPython(`
import importlib._bootstrap_external, io, pathlib, warnings, zipfile

# Fields in which no derivation of the book stands.
LEFT_OUT = {
    "tests", "benchmarks", "autolev", "biomechanics", "categories", "continuum_mechanics", "control", "crypto", "diffgeom",
    "hep", "holonomic", "liealgebras", "mechanics", "optics", "quantum", "sandbox", "stats", "testing",
}
warnings.simplefilter("ignore", SyntaxWarning)  # of SymPy's sources
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w") as archive:
    for package in packages:
        for path in sorted(pathlib.Path("/packages", package).rglob("*.py")):
            name = path.relative_to("/packages")
            if not LEFT_OUT.intersection(name.parts):
                code = compile(path.read_text("utf-8"), str(name), "exec", dont_inherit=True)
                data = importlib._bootstrap_external._code_to_hash_pyc(code, bytes(8), checked=False)
                archive.writestr(zipfile.ZipInfo(f"{name}c"), data)
buffer.getvalue()
`);
writeFileSync(output, zip.toJs());
