"""Lock every package that requirements.txt installs to its SHA-256: `make lock`, after a version has changed.

`torch.lock` holds PyTorch and what comes with its CUDA build, `requirements.lock` everything else: an index given as
TORCH_INDEX has builds of its own, whose digests the package index does not know.
"""

import re
import subprocess

from command import ROOT, one_sentence

from labcode.files import write_whole

UV = "uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --no-header --no-annotate"
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+).*(?:\n +--hash=.*)+\n", re.MULTILINE)
FROM_TORCH_INDEX = re.compile(r"(torch|torchvision|triton|(nvidia|cuda)-.+)$")
HEAD = """\
# Written by `make lock`. To install:
# pip install --no-deps --require-hashes -r requirements.lock -r torch.lock
"""


def split(locked: str) -> dict[str, str]:
    """Return the contents of the two lock files, by name."""
    files = {"requirements.lock": HEAD, "torch.lock": HEAD}
    for entry in ENTRY.finditer(locked):
        files["torch.lock" if FROM_TORCH_INDEX.match(entry["name"]) else "requirements.lock"] += entry[0]
    return files


@one_sentence()
def main() -> None:
    done = subprocess.run([*UV.split(), "--no-emit-package", "labcode"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    for name, content in split(done.stdout.decode()).items():
        write_whole(ROOT / name, content)


if __name__ == "__main__":
    main()
