"""Pack the code, the records and the built site into one zip, and describe it as an RO-Crate: `make archive`.

The crate (ro-crate-metadata.json, https://w3id.org/ro/crate) says of every recorded run what went in, which software
and which machine made it, when, and which file holds the result.
"""

import argparse
import hashlib
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

from command import ROOT, SITE, built, one_sentence
from metadata import LICENCES, citation
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from labcode.data.download import FILES, MIRRORS
from labcode.files import write_whole
from labcode.study.records import Record, path_of, read_all

RECORDS = ("book/records", "book/measurements/again")
WEIGHTS = "labcode/network/final.safetensors"
TENTH = "labcode/data/tenth.npz"
LICENCE_NAMES = {
    "BSD-3-Clause": "BSD 3-Clause License",
    "CC-BY-4.0": "Creative Commons Attribution 4.0 International",
    "CC-BY-SA-3.0": "Creative Commons Attribution-ShareAlike 3.0",
}
FOLDERS = {
    "labcode/": ("The code", "BSD-3-Clause"),
    "tests/": ("The tests of the code, of the chapters and of the site", "BSD-3-Clause"),
    "tools/": ("What executes chapters, builds the site and packs this archive", "BSD-3-Clause"),
    "book/": ("The chapters, the records of the runs, the measurements", "CC-BY-4.0"),
    "site/": ("The built site: open site/index.html", "CC-BY-4.0"),
}
PYPI = "https://pypi.org/project/"
SOFTWARE = {"torch": f"{PYPI}torch/", "numpy": f"{PYPI}numpy/", "python": "https://www.python.org/"}
"""Where there is what a record's provenance gives versions of, besides labcode, which is in the archive."""


def describe(tree: Path) -> ROCrate:
    """Return the crate of the files in ``tree``: the folders, the data, the weights, the records with their runs."""
    cited, crate = citation(), ROCrate()
    licences = {
        key: crate.add(ContextEntity(crate, LICENCES + key, {"@type": "CreativeWork", "name": name}))
        for key, name in LICENCE_NAMES.items()
    }
    crate.name, crate.description, crate.datePublished = cited["title"], cited["abstract"], cited["date-released"]
    crate.license, crate.keywords = licences[cited["license"]], ", ".join(cited["keywords"])
    (author,) = cited["authors"]
    crate.root_dataset["author"] = _thing(crate, "Organization", author["name"])
    crate.root_dataset["version"] = cited["version"]
    for folder, (name, licence) in FOLDERS.items():
        crate.add_dataset(tree / folder, folder, properties={"name": name, "license": licences[licence]})
    for path in sorted(path for path in tree.iterdir() if path.is_file()):
        _file(crate, tree, path.name, path.name)
    mnist = {"license": licences["CC-BY-SA-3.0"]}
    tenth = _file(crate, tree, TENTH, "A tenth of MNIST's training images, and its test images", **mnist)
    published = [
        crate.add_file(
            f"{MIRRORS[0]}{name}.gz",
            properties={"name": f"MNIST: {name}", "description": f"Uncompressed, its SHA-256 is {digest}.", **mnist},
        )
        for name, digest in FILES.items()
    ]
    _file(crate, tree, WEIGHTS, "The weights of the final model")
    crate.root_dataset["mentions"] = [
        _run(crate, tree, folder, record, tenth if record.experiment.scale == "tenth" else published)
        for folder in RECORDS
        for record in read_all(tree / folder)
    ]
    return crate


def _run(crate: ROCrate, tree: Path, folder: str, record: Record, data: object) -> ContextEntity:
    """Add a run as an action: its data, its software and machine, and the file that holds its record."""
    name, made_by = record.experiment.name, record.provenance
    path = path_of(record.experiment, tree / folder).relative_to(tree).as_posix()
    words = {"engine": "engine", "numerics": "numerics version", "code": "code"}
    ours = ", ".join(f"{said} {made_by[key]}" for key, said in words.items() if key in made_by)
    software = [_thing(crate, "SoftwareApplication", f"labcode, {ours}", version=made_by["labcode"], url="labcode/")]
    software += [
        _thing(crate, "SoftwareApplication", each, version=made_by[each], url=url) for each, url in SOFTWARE.items()
    ]
    device = made_by.get("device", "cpu")
    machine = _thing(crate, "IndividualProduct", made_by["processor"] if device == "cpu" else device)
    return crate.add_action(
        [*software, machine],
        f"#{folder}/{name}",
        data,
        crate.dereference(quote(path)) or _file(crate, tree, path, f"Recorded runs: {name.rpartition('_seed=')[0]}"),
        {"name": name, "endTime": made_by["finished"]},
    )


def _file(crate: ROCrate, tree: Path, path: str, name: str, **properties: object) -> ContextEntity:
    """Add a file of the tree, with its size and SHA-256."""
    data = (tree / path).read_bytes()
    kind = {".gz": "application/gzip", ".md": "text/markdown"}.get(Path(path).suffix) or guess_type(path)[0]
    known = {
        "name": name,
        "encodingFormat": kind or "text/plain",
        "contentSize": str(len(data)),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return crate.add_file(tree / path, path, properties={**known, **properties})


def _thing(crate: ROCrate, kind: str, name: str, **properties: str) -> ContextEntity:
    """Add something that is no file, once for each version of it."""
    identifier = f"#{name}-{properties.get('version', '')}".strip("-").replace(" ", "-")
    known = crate.dereference(identifier)
    return known or crate.add(ContextEntity(crate, identifier, {"@type": kind, "name": name, **properties}))


def pack(files: Iterable[str], root: Path, site: Path, archive: Path) -> None:
    """Write the zip ``archive``: ``files`` of the folder ``root``, the built ``site``, and the crate."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in files:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, tree / name)
        shutil.copytree(site, tree / "site")
        describe(tree).metadata.write(tree)
        content = io.BytesIO()
        with ZipFile(content, "w", ZIP_DEFLATED) as packed:
            for path in sorted(path for path in tree.rglob("*") if path.is_file()):
                packed.write(path, path.relative_to(tree))
    write_whole(archive, content.getvalue())


def committed() -> list[str]:
    """Return the files that Git knows, as they are now."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return [name for name in done.stdout.decode().split("\0") if name]


@one_sentence()
def main() -> None:
    default = ROOT / "_build" / f"backpropagation-{citation()['version']}.zip"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, nargs="?", default=default)
    archive = parser.parse_args().archive
    pack(committed(), ROOT, built(SITE), archive)
    print(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
