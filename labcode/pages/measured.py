"""Recorded measurements of `labcode.bench`, as tables: steps of training, their parts, and the whole study."""

import json
from collections.abc import Mapping
from typing import Any

from IPython.display import Markdown

from labcode.pages.tables import Cell, table
from labcode.study.records import RECORDS

MEASUREMENTS = RECORDS.parent / "measurements"


def measurement(name: str) -> dict[str, Any]:
    """Return the recorded output of one ``python -m labcode bench``.

    >>> measurement("memory")["baseline"]
    697.1
    """
    return json.loads((MEASUREMENTS / f"{name}.json").read_text("utf-8"))


def convolution_table(measured: Mapping[str, Any]) -> Markdown:
    """Return the milliseconds of both methods for a convolution, by number of images.

    >>> print(convolution_table(measurement("convolutions")).data.splitlines()[2])
    | 1        | 1.13          | 0.65           | 1.74                                 |
    """
    return table(
        ["images", "kernels, ms", "products, ms", "products, times as fast as kernels"],
        [
            [count, ms["kernels"], ms["products"], ms["kernels"] / ms["products"]]
            for count, ms in measured["milliseconds"].items()
        ],
    )


def fleet_table(measured: Mapping[str, Any]) -> Markdown:
    """Return what a step costs per image and run on a GPU, by the way to train, from ``tools/gpu_check.py``.

    >>> print(fleet_table(measurement("gpu-h200")).data.splitlines()[2])
    | baseline  | fleet of 64 runs        | 11.56                  | 12%                  |
    """
    rows: list[list[Cell]] = []
    for name, found in measured["bench"].items():
        network, kind = name.split(", ")
        if kind == "peers":
            rows += [[network, way, us, ""] for way, us in found.items()]
        else:
            rows.append([network, f"fleet of {kind}", found["fleet"], f"{found['share of the floor']:.0%}"])
    return table(["network", "way to train", "µs per image and run", "share of the floor"], rows)


def equality_table(measured: Mapping[str, Any]) -> Markdown:
    """Return how far a fleet's counts are from the records of the same seeds, in images of 1 800.

    >>> [cell.strip() for cell in equality_table(measurement("gpu-h200")).data.splitlines()[2].split("|")[1:-1]]
    ['baseline', '3 of 8', '0', '+0.04']
    """
    rows: list[list[Cell]] = [
        [
            name,
            f"{found['equal in every epoch']} of {len(found['differences at the end'])}",
            found["largest difference at the end, images"],
            f"{found['mean difference over the last 3 epochs, images']:+z.2f}",
        ]
        for name, found in measured["equality"].items()
    ]
    return table(
        ["setting", "equal in every epoch", "largest difference at the end", "mean difference, last 3 epochs"], rows
    )


def study_table(measured: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """Return the cost of the whole study, one row per measurement: minutes, and the factors that save time.

    >>> row = study_table({"a": measurement("suite-epyc-avx2")}).data.splitlines()[2]
    >>> [cell.strip() for cell in row.split("|")[3:-1]]
    ['448', '1.90', '1.20', '1.76', '4.01', '112']
    """
    factors = ("engine", "sharing", "cores", "times")
    headers = [
        "processor",
        "method",
        "idiomatic (min)",
        "hand-written",
        "sharing",
        "cores",
        "all three",
        "this book (min)",
    ]
    return table(
        headers,
        [
            [
                cost["machine"]["processor"],
                cost["how"],
                f"{cost['idiomatic_seconds'] / 60:.0f}",
                *(cost[factor] for factor in factors),
                f"{cost['seconds'] / 60:.0f}",
            ]
            for cost in measured.values()
        ],
    )


class Bench:
    """A recorded ``python -m labcode bench --json``: what one step of training costs on one machine.

    Attributes
    ----------
    machine : processor, versions, date.
    rows : by network, batch size and engine.
    floors : milliseconds of matrix products alone, by network and batch size.

    >>> Bench("bench").rows["final", 1, "hand"]["ms"] < 3
    True
    >>> Bench("bench_avx2")  # doctest: +ELLIPSIS
    AMD EPYC, AVX2, one thread of 2 cores, 2026-11-25
    Linux x86_64, Python ..., torch ...
    matrix products at up to 94 GFLOP/s
    """

    def __init__(self, name: str):
        measured = measurement(name)
        self.machine: dict[str, Any] = measured["machine"]
        self.rows = {(row["net"], row["batch"], row["engine"]): row for row in measured["rows"]}
        self.floors = {(floor["net"], floor["batch"]): floor["ms"] for floor in measured["floor"]}
        self.profiles: dict[str, list[dict[str, Any]]] = measured["profile"]

    def __repr__(self) -> str:
        versions = ", ".join(f"{package} {version}" for package, version in self.machine["versions"].items())
        return (
            f"{self.machine['processor']}, one thread of {self.machine['cores']} cores, {self.machine['date']}\n"
            f"{self.machine['system']}, Python {self.machine['python']}, {versions}\n"
            f"matrix products at up to {self.machine['peak_gflops']:.0f} GFLOP/s"
        )

    def ratios(self, engine: str) -> dict[tuple[str, int], float]:
        """Return how many times as fast as the idiomatic loop an engine is, by network and batch size."""
        return {case: self.rows[*case, engine]["ratio_to_idiomatic"] for case in self.floors}

    @property
    def hand_leads(self) -> bool:
        """Whether the hand-written pass is faster than every other engine, in every case."""
        hand = self.ratios("hand")
        return all(
            row["ratio_to_idiomatic"] < hand[net, batch]
            for (net, batch, engine), row in self.rows.items()
            if engine != "hand"
        )

    def table(self, net: str) -> Markdown:
        """Return all engines on one network, the fastest first, with the floor of each batch size."""
        rows = []
        for (name, batch), floor in self.floors.items():
            if name == net:
                case = [row for row in self.rows.values() if (row["net"], row["batch"]) == (net, batch)]
                rows += [
                    [batch, row["engine"], row["ms"], row["ratio_to_idiomatic"], f"{row['fraction_of_floor']:.0%}"]
                    for row in sorted(case, key=lambda row: row["ms"])
                ]
                rows.append([batch, "*floor*", floor, "", "100%"])
        return table(["batch", "engine", "ms per step", "times idiomatic", "of the floor's speed"], rows)

    def comparison(self) -> Markdown:
        """Return the hand-written pass beside the idiomatic loop in every case."""
        headers = ["network", "batch", "idiomatic, ms per step", "hand, ms per step", "times", "of the floor's speed"]
        rows: list[list[Cell]] = []
        for case in self.floors:
            idiomatic, hand = self.rows[*case, "idiomatic"], self.rows[*case, "hand"]
            floor = f"{hand['fraction_of_floor']:.0%}"
            rows.append([*case, idiomatic["ms"], hand["ms"], hand["ratio_to_idiomatic"], floor])
        return table(headers, rows)

    def profile(self, net: str) -> Markdown:
        """Return the time of each part of a step with one image."""
        rows = []
        for part in self.profiles[net]:
            ms = [f"{part[way]:.3f}" for way in ("forward_ms", "backward_ms")]
            rows.append([part["part"], *ms, f"{self.share(net, part['part']):.0%}"])
        return table(["part", "forward, ms", "backward, ms", "share of the step"], rows)

    def share(self, net: str, *parts: str) -> float:
        """Return the share of a step with one image that ``parts`` take together."""
        ms = {part["part"]: part["forward_ms"] + part["backward_ms"] for part in self.profiles[net]}
        return sum(ms[part] for part in parts) / sum(ms.values())

    def products(self, net: str) -> float:
        """Return the share of a step with one image that layers with matrix products take: convolutional and linear."""
        names = [part["part"] for part in self.profiles[net]]
        return self.share(
            net, *(name for name in names if name.endswith(("Convolution", "hidden layer", "output layer")))
        )
