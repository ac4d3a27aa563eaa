"""Recorded runs: an experiment said in full, trained once, kept as a small text file that says what made it."""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import joblib
from tqdm import tqdm

from labcode.convnet import ConvNet, ConvNetConfig
from labcode.data import SCALES, Mnist, load
from labcode.seeds import stream
from labcode.training import ErrorCurve, History, Recipe, count_errors, one_thread, train

RECORDS = Path(__file__).parents[1] / "book" / "records"
"""Where the book's records lie in a checkout of the project."""

ENGINE = "hand"
"""What trains the recorded runs: the backward pass of Part I's formulas."""

UNFINISHED = ".unfinished"
"""Folder, within that of the records, where runs keep their checkpoints until they are recorded."""


@dataclass(frozen=True)
class Experiment:
    """One run, said in full: data, network, recipe and seed. The defaults are the baseline.

    Attributes
    ----------
    seed : of the split, the initial weights, the order of images and the dropout masks.
    scale : of the data, ``"tenth"`` or ``"full"``.
    network, recipe : what is trained, and how.

    Raises
    ------
    ValueError : unknown scale or a seed that is not a whole number.

    >>> Experiment(seed=3).name, Experiment(seed=3).vary("width", 128).name
    ('baseline_seed=3', 'width=128_seed=3')
    """

    seed: int
    scale: str = "tenth"
    network: ConvNetConfig = field(default_factory=ConvNetConfig)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self):
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise ValueError(f"seed is {self.seed!r}; it must be a whole number.")
        if self.scale not in SCALES:
            raise ValueError(f"Unknown data scale {self.scale!r}; accepted are {' and '.join(map(repr, SCALES))}.")

    def vary(self, setting: str, value) -> "Experiment":
        """Return this experiment with one setting of its network or recipe changed.

        Raises
        ------
        ValueError : no such setting.
        """
        for part in ("network", "recipe"):
            config = getattr(self, part)
            if setting in _names(config):
                return replace(self, **{part: replace(config, **{setting: value})})
        known = ", ".join(_names(self.network) + _names(self.recipe))
        raise ValueError(f"Unknown setting {setting!r}; accepted are {known}.")

    @property
    def name(self) -> str:
        """What differs from the baseline, and the seed: the name of the record."""
        baseline = Experiment(self.seed)
        differences = [] if self.scale == baseline.scale else [f"scale={self.scale}"]
        for part in ("network", "recipe"):
            mine, default = getattr(self, part), getattr(baseline, part)
            differences += [
                f"{name}={_spell(getattr(mine, name))}"
                for name in _names(mine)
                if getattr(mine, name) != getattr(default, name)
            ]
        return "_".join([*(differences or ["baseline"]), f"seed={self.seed}"])

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds of the whole training: three products (forward and two gradients) an image and epoch."""
        images = {"tenth": 4_200, "full": 42_000}[self.scale]
        return 3 * self.network.multiply_adds * images * self.recipe.epochs


def _names(config) -> list[str]:
    return [f.name for f in fields(config)]


def _spell(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True)
class Record:
    """What one experiment measured, and what measured it.

    Attributes
    ----------
    experiment : what was run.
    history : its curves; ``history.diverged`` marks a run whose loss ceased to be finite.
    test : misclassified test images, once, at the end of the run. Nothing is chosen by it.
    provenance : when, with which versions, on which processor.
    """

    experiment: Experiment
    history: History
    test: ErrorCurve
    provenance: dict[str, str]


class RecordError(RuntimeError):
    """A record is missing, damaged, or of another experiment than the one asked for."""


def run(experiment: Experiment, progress: bool = True, checkpoint: Path | None = None) -> Record:
    """Train ``experiment`` and return its record: from nothing, or from where ``checkpoint`` says it was killed.

    >>> small = Experiment(seed=0).vary("width", 1).vary("epochs", 1)
    >>> run(small, progress=False).test.images  # doctest: +SKIP
    10000
    """
    mnist = _load(experiment.scale, experiment.seed)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    history = train(
        net, mnist, experiment.recipe, experiment.seed, progress=progress, engine=ENGINE, checkpoint=checkpoint
    )
    with one_thread():
        test = ErrorCurve((count_errors(net, mnist.test),), len(mnist.test))
    return Record(experiment, history, test, _provenance())


@lru_cache(maxsize=1)
def _load(scale: str, seed: int) -> Mnist:
    """Load once for successive runs on the same split."""
    return load(scale, seed)


def _provenance() -> dict[str, str]:
    return {
        "engine": ENGINE,
        "labcode": version("labcode"),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "processor": processor(),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def processor() -> str:
    """The processor's name; Linux tells it only here."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


# --- records as files -------------------------------------------------------------------------------------------


def save(record: Record, folder: Path) -> Path:
    """Write ``record`` into ``folder``, whole or not at all, and return the file's path."""
    history = record.history
    measured = {
        "online": asdict(history.online),
        "train": asdict(history.train),
        "validation": asdict(history.validation),
        "test": asdict(record.test),
        "diverged": history.diverged,
        "gradients": history.gradients,
    }
    experiment = asdict(record.experiment)
    content = {
        "experiment": experiment,
        "measured": measured,
        "seconds": round(history.seconds, 1),
        "provenance": record.provenance,
        "sha256": _digest(experiment, measured),
    }
    path = _path(record.experiment, folder)
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(_layout(content) + "\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def read(experiment: Experiment, folder: Path = RECORDS) -> Record:
    """Read the record of ``experiment``.

    Raises
    ------
    RecordError : with a sentence: the record is missing, damaged, altered, or of another experiment.
    """
    path = _path(experiment, folder)
    try:
        content = json.loads(path.read_text())
        stored, measured = content["experiment"], content["measured"]
        if content["sha256"] != _digest(stored, measured):
            raise RecordError(f"The record {path.name} was altered: its contents no longer match its SHA-256.")
        found = _experiment(stored)
        history = History(
            **{part: _curve(measured[part]) for part in ("online", "train", "validation")},
            diverged=measured["diverged"],
            gradients=tuple(measured.get("gradients", ())),
            seconds=content["seconds"],
        )
        record = Record(found, history, _curve(measured["test"]), content["provenance"])
    except FileNotFoundError:
        raise RecordError(
            f"There is no record {path.name} in {folder.name}; `python -m labcode run` trains what is missing."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"The record {path.name} is damaged ({error!r}); delete it and run it again.") from error
    if found != experiment:
        raise RecordError(
            f"The record {path.name} is of another experiment: it holds {found}, and {experiment} was asked for. "
            "Delete it and run it again."
        )
    return record


def _path(experiment: Experiment, folder: Path) -> Path:
    return folder / f"{experiment.name}.json"


def _experiment(stored: dict) -> Experiment:
    """Rebuild an experiment. A setting added since the record was written takes its default, an unknown one fails."""
    network = dict(stored["network"])
    network["dropout"] = tuple(network["dropout"])
    return Experiment(**{**stored, "network": ConvNetConfig(**network), "recipe": Recipe(**stored["recipe"])})


def _curve(stored: dict) -> ErrorCurve:
    errors, images = tuple(stored["errors"]), stored["images"]
    if not all(isinstance(count, int) and 0 <= count <= images for count in errors):
        raise ValueError(f"error counts must be whole numbers from 0 to {images}")
    return ErrorCurve(errors, images)


def _digest(experiment: dict, measured: dict) -> str:
    return hashlib.sha256(json.dumps([experiment, measured], sort_keys=True).encode()).hexdigest()


def _layout(value, depth: int = 0) -> str:
    """Lay JSON out with one line for each innermost object, so that differences between records read well."""
    if not isinstance(value, dict) or (depth and not any(isinstance(v, dict) for v in value.values())):
        return json.dumps(value)
    indent = "  " * (depth + 1)
    inner = ",\n".join(f"{indent}{json.dumps(key)}: {_layout(v, depth + 1)}" for key, v in value.items())
    return "{\n" + inner + "\n" + "  " * depth + "}"


# --- many runs --------------------------------------------------------------------------------------------------


def missing(experiments: Iterable[Experiment], folder: Path = RECORDS) -> list[Experiment]:
    """Return those experiments that ``folder`` has no record of, each once, longest first.

    Raises
    ------
    RecordError : a record that is there is unsound. It is not replaced unasked: somebody's hours may be in it.
    """
    absent = []
    for experiment in dict.fromkeys(experiments):
        if _path(experiment, folder).exists():
            read(experiment, folder)
        else:
            absent.append(experiment)
    # Longest first: the last runs to finish are then short, and no core waits long for another.
    return sorted(absent, key=lambda e: -e.multiply_adds)


def run_missing(experiments: Iterable[Experiment], folder: Path, workers: int) -> Iterator[Record]:
    """Train what ``folder`` lacks, ``workers`` runs side by side, and yield each record as it is finished.

    Each run is one single-threaded process, which writes its record itself: whatever happens to the others, a
    finished run is kept, and an unfinished one goes on, the next time, from its checkpoint. The bar counts
    multiply-adds, so that its estimate of the time left is fair to long runs.
    """
    todo = missing(experiments, folder)
    folder.mkdir(parents=True, exist_ok=True)  # a place that cannot be written to is found out before any training
    jobs = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch=workers)
    with tqdm(total=sum(e.multiply_adds for e in todo), unit="MAC", unit_scale=True, desc="training") as bar:
        for record in jobs(joblib.delayed(_run_and_save)(experiment, folder) for experiment in todo):
            bar.update(record.experiment.multiply_adds)
            yield record


def _run_and_save(experiment: Experiment, folder: Path) -> Record:
    checkpoint = folder / UNFINISHED / f"{experiment.name}.safetensors"
    record = run(experiment, progress=False, checkpoint=checkpoint)
    save(record, folder)
    checkpoint.unlink(missing_ok=True)
    return record
