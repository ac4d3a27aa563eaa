"""The archive of the whole book: everything that Git knows, the site, and a description of every record."""

from zipfile import ZipFile

import pytest
from archive import RECORDS, ROOT, committed, pack
from rocrate.rocrate import ROCrate

from labcode.study.records import read_all


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what belongs to the archive is what Git knows")
def test_the_archive_holds_everything_and_describes_every_record(site, tmp_path):
    pack(committed(), ROOT, site, tmp_path / "archive.zip")
    with ZipFile(tmp_path / "archive.zip") as packed:
        assert packed.testzip() is None
        names = set(packed.namelist())
        packed.extractall(tmp_path / "tree")
    pages = {f"site/{path.relative_to(site).as_posix()}" for path in site.rglob("*") if path.is_file()}
    assert names == {*committed(), *pages, "ro-crate-metadata.json"}
    described = [run.id for run in ROCrate(tmp_path / "tree").get_by_type("CreateAction")]
    recorded = [f"#{folder}/{record.experiment.name}" for folder in RECORDS for record in read_all(ROOT / folder)]
    assert sorted(described) == sorted(recorded)
