"""Records: what one run measured and what made it, kept as a small text file, refused by name when unsound."""

import hashlib
import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema

from labcode.machine import processor
from labcode.study.experiment import Experiment, from_dict
from labcode.training.history import ErrorCurve, History
from labcode.training.numerics import NUMERICS

RECORDS = Path(__file__).parents[2] / "book" / "records"
"""Where the book's records lie in a checkout of the project."""

_CURVE = {
    "type": "object",
    "required": ["errors", "images"],
    "additionalProperties": False,
    "properties": {
        "errors": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "images": {"type": "integer", "minimum": 1},
    },
}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _object(**properties: dict) -> dict:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


_AT_FULL_SCALE = {
    "fitted": _CURVE,
    "missed": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}},
}

SCHEMA = _object(
    schema={"const": 1},
    experiment={"type": "object"},  # checked by building it
    configuration_sha256=_DIGEST,
    measured=_object(
        online=_CURVE,
        train=_CURVE,
        validation=_CURVE,
        test={"anyOf": [_CURVE, {"type": "null"}]},
        diverged={"type": "boolean"},
        gradients={"type": "array", "items": {"type": "integer", "minimum": 1}},
    ),
    seconds=_object(
        training={"type": "array", "items": {"type": "number", "minimum": 0}},
        total={"type": "number", "minimum": 0},
    ),
    provenance={"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}},
    sha256=_DIGEST,
)
SCHEMA["properties"]["measured"]["properties"] |= _AT_FULL_SCALE
"""What a record's file holds, as a JSON schema. ``sha256`` is of everything else in it."""


@dataclass(frozen=True)
class Record:
    """What one experiment measured, and what measured it.

    Attributes
    ----------
    experiment : what was run.
    history : its curves; ``history.diverged`` marks a run whose loss ceased to be finite.
    test : misclassified test images, once, at the end of the run. Nothing is chosen by it: a run that chooses
        settings has none.
    provenance : when, with which versions, on which processor.
    fitted : at full scale, misclassified training images, all of them, at the end of the run, dropout off.
    missed : at full scale, the misclassified test images: their places, and the digits that they were taken for.
    """

    experiment: Experiment
    history: History
    test: ErrorCurve | None
    provenance: dict[str, str]
    fitted: ErrorCurve | None = None
    missed: tuple[tuple[int, int], ...] | None = None


class RecordError(RuntimeError):
    """A record is missing, damaged, or of another experiment than the one asked for."""


class MissingRecordError(RecordError):
    """There is no record of the experiment asked for: it was not run yet."""


def path_of(experiment: Experiment, folder: Path = RECORDS) -> Path:
    """Return where the record of ``experiment`` lies, or would lie.

    >>> path_of(Experiment(seed=3).vary(width=128)).name
    'width=128_seed=3.json'
    """
    return folder / f"{experiment.name}.json"


def save(record: Record, folder: Path) -> Path:
    """Write ``record`` into ``folder``, whole or not at all, and return the file's path.

    Raises
    ------
    RecordError : the folder or the file cannot be written; what was there before is as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(read(Experiment(seed=0)), Path(folder)).name
    'baseline_seed=0.json'
    """
    history, experiment = record.history, asdict(record.experiment)
    content = {
        "schema": 1,
        "experiment": experiment,
        "configuration_sha256": _digest(experiment),
        "measured": {
            "online": asdict(history.online),
            "train": asdict(history.train),
            "validation": asdict(history.validation),
            "test": record.test and asdict(record.test),
            "diverged": history.diverged,
            "gradients": history.gradients,
            **({"fitted": asdict(record.fitted)} if record.fitted else {}),
            **({"missed": record.missed} if record.missed is not None else {}),
        },
        "seconds": {"training": history.seconds, "total": history.total_seconds},
        "provenance": record.provenance,
    }
    content["sha256"] = _digest(content)
    path = path_of(record.experiment, folder)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with beside.open("w") as file:
            file.write(_layout(content) + "\n")
            file.flush()
            os.fsync(file.fileno())  # or a power cut after the renaming could leave an empty record
        os.replace(beside, path)
    except OSError as error:
        raise RecordError(f"The record {path.name} cannot be written to {folder}: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            beside.unlink()
    return path


def read(experiment: Experiment, folder: Path = RECORDS) -> Record:
    """Read the record of ``experiment``.

    Raises
    ------
    MissingRecordError : there is none; the sentence says how to make it.
    RecordError : with a sentence: the record is damaged, altered, or of another experiment.

    >>> read(Experiment(seed=0)).test
    ErrorCurve(errors=(126,), images=10000)
    """
    path = path_of(experiment, folder)
    try:
        # Opened even where it is missing: a page that was executed without it is stale once it is there.
        record = _read_file(path)
    except FileNotFoundError:
        raise MissingRecordError(
            f"There is no record {path.name} in {folder.resolve().name}; "
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
    RecordError : one of them is damaged, altered, or not named after its experiment.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [save(read(Experiment(seed)), Path(folder)) for seed in (1, 0)]
    ...     [record.experiment.name for record in read_all(Path(folder))]
    ['baseline_seed=0', 'baseline_seed=1']
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        record = _read_file(path)
        if path.name != path_of(record.experiment).name:
            raise RecordError(f"The record {path.name} holds {record.experiment.name}; delete it and run it again.")
        found.append(record)
    return found


def _read_file(path: Path) -> Record:
    try:
        return _record(json.loads(path.read_text()), path.name)
    except jsonschema.ValidationError as error:
        place = "/".join(map(str, error.absolute_path)) or "its top level"
        raise RecordError(
            f"The record {path.name} is damaged ({place}: {error.message}); delete it and run it again."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"The record {path.name} is damaged ({error}); delete it and run it again.") from error


def _record(content: dict[str, Any], name: str) -> Record:
    _validator().validate(content)
    digest = content.pop("sha256")
    if digest != _digest(content):
        raise RecordError(f"The record {name} was altered: its contents no longer match its SHA-256.")
    measured, seconds = content["measured"], content["seconds"]
    history = History(
        **{part: _measured(measured[part]) for part in ("online", "train", "validation")},
        diverged=measured["diverged"],
        gradients=tuple(measured["gradients"]),
        seconds=tuple(seconds["training"]),
        total_seconds=seconds["total"],
    )
    return Record(
        from_dict(content["experiment"]),
        history,
        _curve(measured["test"]),
        content["provenance"],
        _curve(measured.get("fitted")),
        tuple(map(tuple, measured["missed"])) if "missed" in measured else None,
    )


@cache
def _validator() -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(SCHEMA)


def _curve(stored: dict | None) -> ErrorCurve | None:
    return None if stored is None else _measured(stored)


def _measured(stored: dict) -> ErrorCurve:
    errors, images = tuple(stored["errors"]), stored["images"]
    if max(errors, default=0) > images:
        raise ValueError(f"{max(errors)} errors of {images} images")
    return ErrorCurve(errors, images)


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


def provenance(engine: str) -> dict[str, str]:
    """Return what makes a record here and now: engine, version of the numerics, other versions, processor, day.

    >>> sorted(provenance("hand"))
    ['engine', 'finished', 'labcode', 'numerics', 'numpy', 'processor', 'python', 'torch']
    """
    return {
        "engine": engine,
        "labcode": version("labcode"),
        "numerics": str(NUMERICS),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "processor": processor(),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
