"""What a page needs to run Python, as scripts.

A page opened from a disk may run the scripts beside it but not read files, so everything is text in scripts: gzipped,
in base64, in pieces, so that the page can show how much has been loaded.
"""

import base64
import gzip
import hashlib
import importlib.metadata
import io
import json
import zipfile
from pathlib import Path

from live.liveness import ROOT, modules
from live.npm import HERE, PACKAGES, installed, packages

from labcode.files import write_folder, write_whole

FOLDER = "_static/live"  # within the site
LEVEL = 6  # of the compression: 9 takes three times as long for 1% less
PIECE = 3 * 2**18  # bytes, a multiple of 3: pieces of base64 then have no padding
FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")  # in the order of their use


def parts() -> dict[str, bytes]:
    """Return what the worker is given, by name.

    Raises
    ------
    NoLiveParts : see :func:`live.npm.installed`.
    """
    pyodide = installed() / "pyodide"
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    return {
        # The list of packages that Pyodide could download, without any.
        "lock.json": json.dumps({"info": lock["info"], "packages": {}}).encode(),
        **{name: (pyodide / name).read_bytes() for name in FILES},
        "modules.zip": packages().read_bytes(),
        "labcode.zip": sources(),
    }


def sources() -> bytes:
    """Return a zip of the modules of labcode that run in a page, as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in modules():
            archive.writestr(zipfile.ZipInfo(file.relative_to(ROOT).as_posix()), file.read_bytes())
        archive.writestr(zipfile.ZipInfo("run_cell.py"), (HERE / "run_cell.py").read_bytes())
    return buffer.getvalue()


def scripts() -> dict[str, str]:
    """Return the scripts by file name, in the order in which a page loads them."""
    worker = (HERE / "worker.js").read_text(encoding="utf-8")
    pieces = [f"live.receive({json.dumps({'worker': worker})});\n"]
    for name, data in parts().items():
        packed = gzip.compress(data, LEVEL, mtime=0)
        for start in range(0, len(packed), PIECE):
            text = base64.b64encode(packed[start : start + PIECE]).decode()
            pieces.append(f'live.receive({{"part": "{name}", "text": "{text}"}});\n')
    # The digest is part of the names, so that a browser never mixes pieces of two builds from its cache.
    digest = hashlib.sha256("".join(pieces).encode()).hexdigest()[:12]
    return {f"{digest}-{number:02}.js": piece for number, piece in enumerate(pieces)}


def licences() -> str:
    """Return whose work the scripts hold, and on which terms."""
    about = json.loads((installed() / "pyodide" / "package.json").read_text(encoding="utf-8"))
    texts = [
        f"Pyodide {about['version']}, with Python's standard library: {about['license']}, and Python's own licence.\n"
        f"Source: {about['homepage']}\n"
    ]
    for name in PACKAGES:
        package = importlib.metadata.distribution(name)
        files = [file for file in package.files or [] if file.name.startswith("LICEN")]
        texts += [f"{name} {package.version}\n\n{file.read_text(encoding='utf-8')}" for file in files[:1]]
    return f"\n{'-' * 79}\n\n".join(texts)


def write(site: Path) -> int:
    """Write everything into the built site, unless it is there already; return the size of the scripts."""
    files = scripts()
    sizes = {name: len(text) for name, text in files.items()}
    files["index.js"] = f"live.scripts = {json.dumps(list(sizes.items()))};\n"
    files["LICENCES.txt"] = licences()
    write_folder(site / FOLDER, files)
    # A service worker serves only pages that stand below it.
    write_whole(site / "live-cache.js", (HERE / "cache.js").read_text(encoding="utf-8"))
    return sum(sizes.values())
