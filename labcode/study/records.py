"""Records: what a run measured and what made it, as a line of text that is read strictly.

The records of all seeds of a setting lie in one archive: a gzip'd text file, one line of JSON per seed, in rising
order. ``gzip -dc FILE`` shows it.
"""

import gzip
import hashlib
import json
import platform
import re
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from filelock import FileLock
from msgspec import Meta

from labcode.checks import file_path, instance_of
from labcode.errors import LabcodeError
from labcode.files import gzipped, write_whole
from labcode.machine import device_name, processor
from labcode.study.experiment import Experiment, from_dict
from labcode.training.history import ErrorCurve, History
from labcode.training.numerics import NUMERICS

RECORDS = Path(__file__).parents[2] / "book" / "records"
"""Where the book's records lie in a checkout of the project."""

ARCHIVE = ".jsonl.gz"
"""How the name of an archive ends."""


@dataclass(frozen=True)
class Record:
    """What one experiment measured, and what measured it.

    Attributes
    ----------
    experiment : what was run.
    history : its curves; ``history.diverged`` marks a run whose loss stopped being finite.
    test : misclassified test images, counted once, at the end of the run. Nothing is chosen by it: a run that chooses
        settings has none.
    provenance : engine, versions, processor, day.
    fitted : at full scale, misclassified images of the whole training set at the end of the run, dropout off.
    missed : at scales own and full, the misclassified test images: each one's place, and the digit it was taken for.
    unseen : at scale own, misclassified images among the 54 000 training images that the run never saw, at its end.
    """

    experiment: Experiment
    history: History
    test: ErrorCurve | None
    provenance: dict[str, str]
    fitted: ErrorCurve | None = None
    missed: tuple[tuple[int, int], ...] | None = None
    unseen: ErrorCurve | None = None


class RecordError(LabcodeError, RuntimeError):
    """A record is missing, damaged, or of another experiment than the one asked for."""


class MissingRecordError(RecordError):
    """There is no record of the experiment asked for: it was not run yet."""


# --- what a line holds ------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, lt=1e12)]  # finite: Python reads JSON's 1e999 as infinity
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Part of a record's line: exactly these fields, each of its type."""


class _Curve(_Strict):
    errors: tuple[Count, ...]
    images: Annotated[int, Meta(ge=1)]

    def __post_init__(self) -> None:
        if max(self.errors, default=0) > self.images:
            raise ValueError(f"{max(self.errors)} errors of {self.images} images")


class _Measured(_Strict):
    online: _Curve
    train: _Curve
    validation: _Curve
    test: _Curve | None
    diverged: bool
    gradients: tuple[Annotated[int, Meta(ge=1)], ...]
    fitted: _Curve | None = None  # at full scale
    missed: tuple[tuple[int, int], ...] | None = None
    unseen: _Curve | None = None  # at scale own


class _Seconds(_Strict):
    training: tuple[Seconds, ...]
    total: Seconds


class _Line(_Strict):
    schema: Literal[1]
    experiment: dict[str, Any]  # checked by building it
    configuration_sha256: Digest
    measured: _Measured
    seconds: _Seconds
    provenance: Annotated[dict[str, Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
    sha256: Digest  # of everything else


# --- writing and reading ----------------------------------------------------------------------------------------


def path_of(experiment: Experiment, folder: Path = RECORDS) -> Path:
    """Return the archive that the record of ``experiment`` is in, or would be in, with those of its other seeds.

    >>> path_of(Experiment(seed=3).vary(width=128)).name
    'width=128.jsonl.gz'
    """
    instance_of("experiment", experiment, Experiment)
    return file_path("folder", folder) / f"{experiment.setting}{ARCHIVE}"


def save(record: Record, folder: Path) -> Path:
    """Put ``record`` into its archive in ``folder``, whole or not at all, and return the archive's path.

    It takes the place of an earlier record of the same experiment; the other lines stay as they are. Processes that
    save into one folder wait for each other.

    Raises
    ------
    RecordError : the folder or the archive cannot be written, or the archive is unsound; what was there is unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(read(Experiment(seed=0)), Path(folder)).name
    'baseline.jsonl.gz'
    """
    path, seed = path_of(record.experiment, folder), record.experiment.seed
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / ".lock", poll_interval=0.01):  # the system frees it when its owner is killed
            archive = _archive(path)
            if archive.records.get(seed) != record:
                lines = {**archive.lines, seed: _line(record)}
                write_whole(path, gzipped("".join(f"{lines[each]}\n" for each in sorted(lines))))
    except OSError as error:
        name = record.experiment.name
        raise RecordError(f"The record {name} cannot be written to {path}: {error.strerror}.") from error
    return path


def find(experiment: Experiment, folder: Path = RECORDS) -> Record | None:
    """Return the record of ``experiment``, or None where there is none.

    Raises
    ------
    RecordError : a record of its setting is damaged, altered, or of another experiment.

    >>> find(Experiment(seed=0), Path("empty"))
    """
    return _archive(path_of(experiment, folder)).records.get(experiment.seed)


def read(experiment: Experiment, folder: Path = RECORDS) -> Record:
    """Read the record of ``experiment``.

    Raises
    ------
    MissingRecordError : there is none; the message says how to make it.
    RecordError : a record of its setting is damaged, altered, or of another experiment.

    >>> read(Experiment(seed=0)).test
    ErrorCurve(errors=(126,), images=10000)
    """
    if record := find(experiment, folder):
        return record
    path = path_of(experiment, folder)
    raise MissingRecordError(
        f"There is no record {experiment.name} in {path.parent.resolve().name}/{path.name}; "
        "`python -m labcode run` trains what is missing."
    )


def read_all(folder: Path = RECORDS) -> list[Record]:
    """Read every record in ``folder``, in the order of their settings' names and their seeds.

    Raises
    ------
    RecordError : a record is damaged, altered, or not in the archive of its setting.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [save(read(Experiment(seed)), Path(folder)) for seed in (1, 0)]
    ...     [record.experiment.name for record in read_all(Path(folder))]
    ['baseline_seed=0', 'baseline_seed=1']
    """
    paths = sorted(file_path("folder", folder).glob(f"*{ARCHIVE}"))
    return [record for path in paths for record in _archive(path).records.values()]


@dataclass(frozen=True)
class _Archive:
    """An archive as it was read: its bytes, and by seed its lines and what they hold."""

    data: bytes
    lines: dict[int, str]
    records: dict[int, Record]


_read_before: dict[Path, _Archive] = {}
"""Many runs of one setting are read one by one: each archive is taken apart once, as long as its bytes are the same."""


def _archive(path: Path) -> _Archive:
    """Read an archive; a missing one holds nothing."""
    try:
        # Opened even where it is missing: a chapter that was executed without it is stale once it exists.
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise RecordError(f"The archive {path.name} is a link to a file that does not exist.") from None
        return _Archive(b"", {}, {})
    except OSError as error:
        raise RecordError(f"The archive {path.name} cannot be read: {error.strerror}.") from error
    if path not in _read_before or _read_before[path].data != data:
        _read_before[path] = _taken_apart(path.name, data)
    return _read_before[path]


def _taken_apart(name: str, data: bytes) -> _Archive:
    try:
        *found, rest = gzip.decompress(data).decode().split("\n")
        if rest or not found:
            raise ValueError("its last line is not whole")
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise RecordError(
            f"The archive {name} is damaged ({error}); restore it, or delete it and run its seeds again."
        ) from error
    archive, last = _Archive(data, {}, {}), -1
    for number, line in enumerate(found, 1):
        seed_text = re.search(r'"seed": (\d+)', line)
        where = f"The record of seed {seed_text[1]} in {name}" if seed_text else f"Line {number} of {name}"
        record = _read_line(line, where)
        experiment, seed = record.experiment, record.experiment.seed
        if path_of(experiment).name != name:
            raise RecordError(f"{where} is of another experiment, {experiment.name}; delete its line and run it again.")
        if seed <= last:
            raise RecordError(f"{where} comes after that of seed {last}: seeds stand in an archive once, in order.")
        archive.lines[seed], archive.records[seed], last = line, record, seed
    return archive


def _line(record: Record) -> str:
    history, experiment = record.history, asdict(record.experiment)
    measured = _Measured(
        _curve(history.online),
        _curve(history.train),
        _curve(history.validation),
        _curve(record.test) if record.test else None,
        history.diverged,
        history.gradients,
        _curve(record.fitted) if record.fitted else None,
        record.missed,
        _curve(record.unseen) if record.unseen else None,
    )
    content: dict[str, Any] = {
        "schema": 1,
        "experiment": experiment,
        "configuration_sha256": _digest(experiment),
        "measured": msgspec.to_builtins(measured),
        "seconds": {"training": history.seconds, "total": history.total_seconds},
        "provenance": record.provenance,
    }
    content["sha256"] = _digest(content)
    return json.dumps(content)


def _read_line(text: str, where: str) -> Record:
    try:
        content = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
        line = msgspec.convert(content, _Line)
        if line.sha256 == _digest({key: value for key, value in content.items() if key != "sha256"}):
            return _record(line)
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise RecordError(f"{where} is damaged ({error}); delete its line and run it again.") from error
    raise RecordError(f"{where} was altered: its contents no longer match its SHA-256.")


def _record(line: _Line) -> Record:
    measured = line.measured
    history = History(
        _counts(measured.online),
        _counts(measured.train),
        _counts(measured.validation),
        measured.diverged,
        measured.gradients,
        line.seconds.training,
        line.seconds.total,
    )
    return Record(
        from_dict(line.experiment),
        history,
        _counts(measured.test) if measured.test else None,
        line.provenance,
        _counts(measured.fitted) if measured.fitted else None,
        measured.missed,
        _counts(measured.unseen) if measured.unseen else None,
    )


def _curve(curve: ErrorCurve) -> _Curve:
    return _Curve(curve.errors, curve.images)


def _counts(curve: _Curve) -> ErrorCurve:
    return ErrorCurve(curve.errors, curve.images)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object, in which Python would silently keep the last of two equal keys."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} stands in it twice")
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# --- what made it -----------------------------------------------------------------------------------------------


def provenance(engine: str, device: str | None = None) -> dict[str, str]:
    """Return what makes a record here and now: engine, numerics version, versions, processor, day.

    Parameters
    ----------
    engine : ``"hand"`` or ``"fleet"``.
    device : of a fleet, whose name is added.

    >>> sorted(provenance("hand"))
    ['engine', 'finished', 'labcode', 'numerics', 'numpy', 'processor', 'python', 'torch']
    """
    return {
        "engine": engine,
        **({"device": device_name(device)} if device else {}),
        "labcode": version("labcode"),
        "numerics": str(NUMERICS),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "processor": processor(),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
