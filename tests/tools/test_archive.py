"""The archive: everything that was to be packed is in it, and its crate says what made each record."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import archive
import pytest
from archive import ROOT, TENTH, WEIGHTS, pack
from rocrate.rocrate import ROCrate

from labcode.study import Experiment
from labcode.study.records import path_of, read, save

KEPT = ("README.md", "LICENSE", TENTH, WEIGHTS)


@pytest.fixture(scope="module")
def recorded():
    """Two runs of one setting, and one on all images."""
    first = read(Experiment(seed=0))
    full = replace(first, experiment=first.experiment.vary(scale="full"))
    return {record.experiment.name: record for record in (first, read(Experiment(seed=1)), full)}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory, recorded):
    root, site, tree = (tmp_path_factory.mktemp(name) for name in ("root", "site", "tree"))
    (site / "index.html").write_text("<h1>The book</h1>")
    for name in KEPT:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    saved = {save(record, root / "book" / "records") for record in recorded.values()}
    files = [*KEPT, *(path.relative_to(root).as_posix() for path in saved)]
    pack(files, root, site, root / "archive.zip")
    with ZipFile(root / "archive.zip") as packed:
        assert sorted(packed.namelist()) == sorted([*files, "site/index.html", "ro-crate-metadata.json"])
        packed.extractall(tree)
    return tree


def test_every_file_of_the_crate_is_in_the_archive_with_its_sha256(unpacked):
    files = [each for each in ROCrate(unpacked).get_by_type("File") if not each.id.startswith("http")]
    assert len(files) >= len(KEPT)
    for each in files:
        data = Path(each.source).read_bytes()
        assert (each["sha256"], each["contentSize"]) == (hashlib.sha256(data).hexdigest(), str(len(data)))


def test_every_run_has_its_data_its_software_its_machine_and_its_record(unpacked, recorded):
    crate = ROCrate(unpacked)
    runs = {run["name"]: run for run in crate.get_by_type("CreateAction")}
    assert runs.keys() == recorded.keys()
    assert {run.id for run in crate.root_dataset["mentions"]} == {run.id for run in runs.values()}
    for name, record in recorded.items():
        run, made_by = runs[name], record.provenance
        *software, machine = run["instrument"]
        assert {each.type for each in software} == {"SoftwareApplication"}
        assert (machine.type, machine["name"]) == ("IndividualProduct", made_by["processor"])
        versions = {each["name"].split(",")[0]: each["version"] for each in software}
        assert versions == {key: made_by[key] for key in ("labcode", "torch", "numpy", "python")}
        assert made_by["engine"] in software[0]["name"]
        assert run["endTime"] == made_by["finished"]
        assert Path(run["result"].source).name == path_of(record.experiment).name
        used = run["object"] if isinstance(run["object"], list) else [run["object"]]
        assert [each.id.rsplit("/")[-1] for each in used] == (
            ["tenth.npz"]
            if record.experiment.scale == "tenth"
            else [
                f"{part}-idx{rank}-ubyte.gz"
                for part, rank in (("train-images", 3), ("train-labels", 1), ("t10k-images", 3), ("t10k-labels", 1))
            ]
        )


def test_an_archive_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    def fail(*arguments):
        raise KeyboardInterrupt

    (site := tmp_path / "site").mkdir()
    (old := tmp_path / "archive.zip").write_text("the old one")
    monkeypatch.setattr(archive, "describe", lambda tree: ROCrate())
    monkeypatch.setattr(ZipFile, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        pack(KEPT, ROOT, site, old)
    assert old.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.zip", "site"]


def test_without_a_built_site_the_command_says_what_builds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "committed", lambda: [])
    monkeypatch.setattr(archive, "SITE", tmp_path)
    monkeypatch.setattr("sys.argv", ["archive.py", str(tmp_path / "archive.zip")])
    with pytest.raises(SystemExit, match="There is no built site in"):
        archive.main()
