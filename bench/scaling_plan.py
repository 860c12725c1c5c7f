"""How training would scale further than it could be measured: a model of cost and a simulation up to 1,024 ranks.

A message of n bytes between two ranks takes alpha + n beta. All ranks of a step are simulated one by one: each computes
for the measured time, give or take, then the all-reduce runs round by round, and nobody is ahead of the partner
whose message is awaited. Reads bench/scaling.json, writes docs/images/scaling.png and prints docs/scaling.md's tables.

    python bench/scaling_plan.py
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array

ROOT = Path(__file__).parents[1]
MEASURED: dict[str, Any] = json.loads((ROOT / "bench" / "scaling.json").read_text())
RANKS = [2**k for k in range(11)]  # 1 to 1,024
BATCHES = (256, 2048, 16384)
TRIALS = 40  # simulated steps for each figure
FLOAT = 4  # bytes
JITTER = 0.05  # standard deviation of the logarithm of a rank's time; assumed, as on hosts that do nothing else


@dataclass(frozen=True)
class Network:
    """What a message costs: alpha seconds each, and beta seconds a byte."""

    name: str
    alpha: float
    beta: float


def fitted(name: str) -> Network:
    """alpha and beta of a measured transport, from the all-reduce on two ranks.

    There, both ways of it cost two rounds' latency and send each byte once each way: T(n) = 2 alpha + n beta. Least
    squares of the relative error, in the sizes that a gradient has.
    """
    sizes = np.array([size for size, _ in MEASURED["messages"][name]], float)
    seconds = np.array([statistics.median(times) for _, times in MEASURED["messages"][name]])
    columns = np.stack([np.full_like(sizes, 2), sizes], axis=1) / seconds[:, None]
    (alpha, beta), *_ = np.linalg.lstsq(columns, np.ones_like(seconds), rcond=None)
    return Network(name, float(alpha), float(beta))


def ring(n: float, p: int, net: Network) -> float:
    """2 (p - 1) messages of n/p bytes, one after another (Patarasuk and Yuan 2009)."""
    return 2 * (p - 1) * (net.alpha + n / p * net.beta)


def halving(n: float, p: int, net: Network) -> float:
    """Recursive halving, then doubling: 2 log2(p) messages, 2 (p - 1)/p n bytes (Thakur, Rabenseifner, Gropp 2005)."""
    return 2 * math.log2(p) * net.alpha + 2 * (p - 1) / p * n * net.beta


def simulated(ready: Array, n: float, net: Network) -> tuple[float, str]:
    """(when the last of the ranks has the sum, by which way), given when each is ready; the faster of both ways."""
    p = len(ready)
    if p == 1:
        return float(ready.max()), "-"
    around = ready.copy()
    for _ in range(2 * (p - 1)):  # each waits for its left neighbour's piece
        around = np.maximum(around, np.roll(around, 1)) + net.alpha + n / p * net.beta
    across, ranks, piece = ready.copy(), np.arange(p), n / 2
    distances = [p >> k for k in range(1, int(math.log2(p)) + 1)]
    pieces = [piece / 2**k for k in range(len(distances))]
    for distance, size in [*zip(distances, pieces, strict=True), *zip(distances[::-1], pieces[::-1], strict=True)]:
        across = np.maximum(across, across[ranks ^ distance]) + net.alpha + size * net.beta
    ways = {"ring": float(around.max()), "halving": float(across.max())}
    way = min(ways, key=lambda name: ways[name])
    return ways[way], way


class Computation:
    """Seconds that a rank computes for some rows, drawn from what was measured."""

    def __init__(self, net: str) -> None:
        runs = [run for run in MEASURED["computation"] if run["net"] == net]
        self.parameters = int(runs[0]["parameters"])
        self.rows = np.array([run["batch"] for run in runs], float)
        self.middle = np.array([statistics.median(run["computation"]) for run in runs])
        self.middle = np.maximum.accumulate(self.middle)  # more rows never take less; a busy moment may look so

    def seconds(self, rows: float) -> float:
        """What so many rows take: between the measured ones as a straight line, beyond them in proportion."""
        if rows > self.rows[-1]:
            slope = (self.middle[-1] - self.middle[-2]) / (self.rows[-1] - self.rows[-2])
            return float(self.middle[-1] + slope * (rows - self.rows[-1]))
        return float(np.interp(rows, self.rows, self.middle))

    def draw(self, rows: float, ranks: int, rng: np.random.Generator) -> Array:
        """For each rank its time; some are slower than others."""
        return self.seconds(rows) * np.exp(rng.normal(0, JITTER, ranks))


def step(work: Computation, batch: int, p: int, net: Network, rng: np.random.Generator) -> float:
    """Median seconds of a step of p ranks."""
    times = []
    for _ in range(TRIALS if p < 512 else TRIALS // 4):
        ready = work.draw(math.ceil(batch / p), p, rng)
        small = 2 * math.ceil(math.log2(p)) * net.alpha  # loss and accuracy, four numbers
        times.append(simulated(ready + small, work.parameters * FLOAT, net)[0])
    return statistics.median(times)


def curves(networks: list[Network]) -> dict[tuple[str, int, str], list[float]]:
    """(net, batch, network) -> how many times faster than one rank, for each number of ranks up to the batch."""
    rng = np.random.default_rng(0)
    found = {}
    for name in names():
        work = Computation(name)
        for network in networks:
            for batch in BATCHES:
                alone = step(work, batch, 1, network, rng)
                found[name, batch, network.name] = [
                    alone / step(work, batch, p, network, rng) for p in RANKS if p <= batch
                ]
    return found


def names() -> list[str]:
    """The measured nets, the smallest first."""
    return list(dict.fromkeys(run["net"] for run in MEASURED["computation"]))


def least_batch(work: Computation, p: int, net: Network, rng: np.random.Generator) -> int | None:
    """The smallest power of two of rows with which p ranks are half as good as p times one, or better; None: none."""
    for k in range(int(math.log2(p)), 23):
        alone, together = step(work, 2**k, 1, net, rng), step(work, 2**k, p, net, rng)
        if alone / together >= p / 2:
            return int(2**k)
    return None


def last_that_pays(speedups: list[float]) -> int:
    """The number of ranks after which twice as many make a step less than 1.1 times as fast."""
    for i in range(len(speedups) - 1):
        if max(speedups[i + 1 :]) < 1.1 * speedups[i]:
            return RANKS[i]
    return RANKS[len(speedups) - 1]


WORDS = {
    "en": {
        "ranks": "ranks", "speedup": "speedup over one rank", "parameters": "{} parameters", "batch": "batch {}",
        "measured": "measured, batch 512", "ideal": "as many times as ranks",
        "100 Gb/s network, assumed": "100 Gb/s network, assumed", "TCP on the loopback": "TCP on the loopback",
    },
    "ko": {
        "ranks": "랭크 수", "speedup": "랭크 하나 대비 배수", "parameters": "매개변수 {}개", "batch": "배치 {}",
        "measured": "측정값, 배치 512", "ideal": "랭크 수만큼 빨라질 때",
        "100 Gb/s network, assumed": "100 Gb/s 네트워크(가정)", "TCP on the loopback": "루프백의 TCP",
    },
}  # fmt: skip


def plot(found: dict[tuple[str, int, str], list[float]], networks: list[Network], path: Path, lang: str) -> None:
    """Speedup over ranks: a panel for each net, a colour for each batch, a line style for each network."""
    from handgrad.plots.lettering import font

    say = WORDS[lang]
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["font.family"] = font()["family"]
    figure, panels = plt.subplots(1, 3, figsize=(12, 4.4), sharey=True, layout="constrained")
    styles = dict(zip([network.name for network in networks], ("--", "-"), strict=True))
    for panel, name in zip(panels, names(), strict=True):
        parameters = Computation(name).parameters
        panel.plot(RANKS, RANKS, color="0.75", linewidth=1)
        for i, batch in enumerate(BATCHES):
            for network in networks:
                speedups = found[name, batch, network.name]
                panel.plot(RANKS[: len(speedups)], speedups, styles[network.name], color=f"C{i}", linewidth=1.6)
        panel.plot(2, measured_speedup(name), "ko", markersize=6)
        panel.set(xscale="log", yscale="log", xlabel=say["ranks"], ylim=(0.05, 1500), xlim=(0.9, 1100),
                  title=say["parameters"].format(f"{parameters:,}"))  # fmt: skip
        panel.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1,024"])
        panel.set_yticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1,000"])
        panel.grid(color="0.92")
    panels[0].set_ylabel(say["speedup"])
    handles = [
        plt.Line2D([], [], color=f"C{i}", label=say["batch"].format(f"{batch:,}")) for i, batch in enumerate(BATCHES)
    ]
    handles += [plt.Line2D([], [], color="0.3", linestyle=styles[n.name], label=say[n.name]) for n in networks]
    handles += [plt.Line2D([], [], color="k", marker="o", linestyle="", label=say["measured"])]
    handles += [plt.Line2D([], [], color="0.75", label=say["ideal"])]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def measured_speedup(name: str) -> float:
    """Of two ranks over one, for a batch of 512."""
    seconds = {
        r["ranks"]: statistics.median(r["whole"]) for r in MEASURED["scaling"] if r["net"] == name and r["batch"] == 512
    }
    return seconds[1] / seconds[2]


def main() -> None:
    shared, loopback = fitted("shared memory"), fitted("TCP on the loopback")
    fast = Network("100 Gb/s network, assumed", 2e-6, 1 / 12.5e9)
    networks = [loopback, fast]
    for network in (shared, *networks):
        print(f"{network.name}: alpha {network.alpha * 1e6:.1f} us, 1/beta {1e-9 / network.beta:.2f} GB/s")
    print("\n| net | ranks | batch | computation | communication | step |")
    for run in MEASURED["scaling"]:
        parts = [statistics.median(run[part]) for part in ("computation", "communication")]
        times = " | ".join(f"{seconds * 1e3:.2f}" for seconds in (*parts, statistics.median(run["whole"])))
        print(f"| {run['net']} | {run['ranks']} | {run['batch']} | {times} |")
    rng = np.random.default_rng(0)
    print("\nsimulated against measured, 2 ranks, batch 512")
    for name in names():
        ours = step(Computation(name), 512, 2, shared, rng)
        theirs = next(
            statistics.median(r["whole"])
            for r in MEASURED["scaling"]
            if (r["net"], r["ranks"], r["batch"]) == (name, 2, 512)
        )
        print(f"{name}: {ours * 1e3:.2f} ms simulated, {theirs * 1e3:.2f} ms measured")
    found = curves(networks)
    print("\nranks after which doubling gives less than 1.1 times (speedup there)")
    for (name, batch, network), speedups in found.items():
        most = last_that_pays(speedups)
        print(f"| {name} | {batch} | {network} | {most} | {speedups[RANKS.index(most)]:.1f} |")
    print("\nleast batch for half of the ideal speedup")
    for name in names():
        for network in (loopback, fast):
            row = [least_batch(Computation(name), p, network, rng) for p in (2, 8, 64, 1024)]
            print(f"| {name} | {network.name} | " + " | ".join(f"{b:,}" if b else "-" for b in row) + " |")
    print("\nmemory", MEASURED.get("memory"))
    for lang, ending in (("en", "png"), ("ko", "ko.png")):
        plot(found, networks, ROOT / "docs" / "images" / f"scaling.{ending}", lang)


if __name__ == "__main__":
    main()
