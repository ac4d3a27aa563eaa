"""Records: what one run measured and what made it, as a small text file that is read strictly."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from labcode.checks import file_path, instance_of
from labcode.errors import LabcodeError
from labcode.files import write_whole
from labcode.machine import device_name, processor
from labcode.study.experiment import Experiment, from_dict
from labcode.training.history import ErrorCurve, History
from labcode.training.numerics import NUMERICS

RECORDS = Path(__file__).parents[2] / "book" / "records"
"""Where the book's records lie in a checkout of the project."""


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


# --- what a file holds ------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, lt=1e12)]  # finite: Python reads JSON's 1e999 as infinity
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Part of a record's file: exactly these fields, each of its type."""


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


class _File(_Strict):
    schema: Literal[1]
    experiment: dict[str, Any]  # checked by building it
    configuration_sha256: Digest
    measured: _Measured
    seconds: _Seconds
    provenance: Annotated[dict[str, Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
    sha256: Digest  # of everything else


# --- writing and reading ----------------------------------------------------------------------------------------


def path_of(experiment: Experiment, folder: Path = RECORDS) -> Path:
    """Return the path that the record of ``experiment`` has, or would have.

    >>> path_of(Experiment(seed=3).vary(width=128)).name
    'width=128_seed=3.json'
    """
    instance_of("experiment", experiment, Experiment)
    return file_path("folder", folder) / f"{experiment.name}.json"


def save(record: Record, folder: Path) -> Path:
    """Write ``record`` into ``folder``, whole or not at all, and return the file's path.

    Raises
    ------
    RecordError : the folder or the file cannot be written; what was there before is unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(read(Experiment(seed=0)), Path(folder)).name
    'baseline_seed=0.json'
    """
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
    path = path_of(record.experiment, folder)
    try:
        write_whole(path, _layout(content) + "\n")
    except OSError as error:
        raise RecordError(f"The record {path.name} cannot be written to {folder}: {error.strerror}.") from error
    return path


def read(experiment: Experiment, folder: Path = RECORDS) -> Record:
    """Read the record of ``experiment``.

    Raises
    ------
    MissingRecordError : there is none; the message says how to make it.
    RecordError : the record is damaged, altered, or of another experiment.

    >>> read(Experiment(seed=0)).test
    ErrorCurve(errors=(126,), images=10000)
    """
    path = path_of(experiment, folder)
    try:
        # Opened even where it is missing: a chapter that was executed without it is stale once it exists.
        record = _read_file(path)
    except FileNotFoundError:
        raise MissingRecordError(
            f"There is no record {path.name} in {path.parent.resolve().name}; "
            "`python -m labcode run` trains what is missing."
        ) from None
    if record.experiment != experiment:
        raise RecordError(
            f"The record {path.name} is of another experiment: it holds {record.experiment}, and {experiment} was "
            "asked for. Delete it and run it again."
        )
    return record


def read_all(folder: Path = RECORDS) -> list[Record]:
    """Read every record in ``folder``, in the order of their names.

    Raises
    ------
    RecordError : a record is damaged, altered, or not named after its experiment.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [save(read(Experiment(seed)), Path(folder)) for seed in (1, 0)]
    ...     [record.experiment.name for record in read_all(Path(folder))]
    ['baseline_seed=0', 'baseline_seed=1']
    """
    found = []
    for path in sorted(file_path("folder", folder).glob("*.json")):
        record = _read_file(path)
        if path.name != path_of(record.experiment).name:
            raise RecordError(f"The record {path.name} holds {record.experiment.name}; delete it and run it again.")
        found.append(record)
    return found


def _read_file(path: Path) -> Record:
    try:
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse)
        file = msgspec.convert(content, _File)
        if file.sha256 == _digest({key: value for key, value in content.items() if key != "sha256"}):
            return _record(file)
    except FileNotFoundError:
        if path.is_symlink():
            raise RecordError(f"The record {path.name} is a link to a file that does not exist.") from None
        raise
    except OSError as error:
        raise RecordError(f"The record {path.name} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise RecordError(f"The record {path.name} is damaged ({error}); delete it and run it again.") from error
    raise RecordError(f"The record {path.name} was altered: its contents no longer match its SHA-256.")


def _record(file: _File) -> Record:
    measured = file.measured
    history = History(
        _counts(measured.online),
        _counts(measured.train),
        _counts(measured.validation),
        measured.diverged,
        measured.gradients,
        file.seconds.training,
        file.seconds.total,
    )
    return Record(
        from_dict(file.experiment),
        history,
        _counts(measured.test) if measured.test else None,
        file.provenance,
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


def _layout(value: object, depth: int = 0) -> str:
    """Lay JSON out with one line for each innermost object, so that differences between records read well."""
    if not isinstance(value, dict) or (depth and not any(isinstance(v, dict) for v in value.values())):
        return json.dumps(value)
    indent = "  " * (depth + 1)
    inner = ",\n".join(f"{indent}{json.dumps(key)}: {_layout(v, depth + 1)}" for key, v in value.items())
    return "{\n" + inner + "\n" + "  " * depth + "}"


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
