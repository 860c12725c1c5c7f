"""A run: one training in one folder, from which it can be looked at, gone on with, and done again.

run.json                what was trained and how (the manifest), and what came out
history.jsonl           the records, one JSON line each
checkpoint.safetensors  where the training stands; `resume` goes on from it
model.safetensors       the trained net
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import platform
import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

import handgrad
from handgrad import engines
from handgrad.core.net import Sequential
from handgrad.data import DATASETS, Dataset, Split, load_data
from handgrad.errors import DataError, InputError
from handgrad.records import EpochRecord, Record, StepRecord, from_json, to_json
from handgrad.train import checkpoint, folder, threads
from handgrad.train.evaluation import Evaluation, evaluate
from handgrad.train.loop import Training
from handgrad.train.randomness import new_generator
from handgrad.train.recipe import Recipe
from handgrad.train.samples import split_off

MANIFEST, HISTORY, CHECKPOINT, MODEL = "run.json", "history.jsonl", "checkpoint.safetensors", "model.safetensors"
STEPS_KEPT = 100  # step records an epoch in the history file; all of them are yielded


def _shown(data: Dataset) -> dict[str, Any]:
    """What stands beside the weights of a trained net: how to name and draw what it sees."""
    return {"classes": list(data.classes), "picture_shape": data.picture_shape}


class Run:
    """One training in one folder. Make it with `start`, `resume` or `open`.

    Attributes:
        path: the folder.
        manifest: what was trained and how; after `finish` also what came out.
        recipe: the recipe, with all that was changed in it.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], engine: str = "", thread_count: int | None = None) -> None:
        self.path, self.manifest = path, manifest
        # A run from before there was a choice was trained by the NumPy engine, and goes on with it.
        self._engine = engine or manifest.get("engine", {}).get("name", "numpy")
        self._thread_count = thread_count
        self.recipe = Recipe.from_dict(manifest["recipe"]["name"], manifest["recipe"])
        self._data: Dataset | None = None
        self._training: Training | None = None

    # -- three ways to get one

    @classmethod
    def start(
        cls, path: Path | str | None, recipe: Recipe, *, thread_count: int | None = None, engine: str = "auto"
    ) -> Self:
        """A new run in a new folder. Nothing is trained until `train`.

        Args:
            path: a folder that does not exist yet, or is empty. None: one in `runs/`, named after recipe and time.
            recipe: what to train.
            thread_count: for the matrix products, and at most for the compiled engine; None: measured.
            engine: "auto", "numpy" or "fast", see `Training`.

        Raises:
            InputError, DataError: for settings, data or a folder that will not do; nothing is written then.
        """
        if path is not None:
            path = Path(path)
            folder.need_free(path)
        if thread_count is not None and not 1 <= thread_count <= threads.MOST:
            raise InputError("core.size", what="threads", got=thread_count, most=threads.MOST)
        if engine == "fast" or recipe.data in DATASETS:
            engines.prepare(engine)
        run = cls(path or Path(), {"recipe": recipe.to_dict()}, engine, thread_count)
        data, sums = run.data(), dict[str, str]()
        adding_up = threading.Thread(target=lambda: sums.update(data.sums()), name="handgrad adds its data up")
        adding_up.start()
        training = run.training()
        run._fix_data_path()
        measured: dict[int, float] = {}
        if thread_count is None:
            thread_count, measured = run._fastest_threads()
        adding_up.join()
        run.manifest |= {
            "handgrad": handgrad.__version__,
            "status": "running",
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": recipe.seed,
            "data": {"name": data.name, "sums": sums},
            "parameters": int(training.net.theta.size),
            "engine": {"name": training.engine_choice.name, "reason": training.engine_choice.reason("en")},
            "threads": thread_count,
            "threads_measured": {str(count): seconds for count, seconds in measured.items()},
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()},
        }
        run.path = run._new_folder(path)
        run._write_manifest()
        return run

    @classmethod
    def adopt(cls, path: Path, net: Sequential, data: Dataset, recipe: Recipe, manifest: dict[str, Any]) -> Self:
        """A run of a net that was not trained here: its folder holds the net and a manifest, and no history.

        Raises: InputError, DataError for a folder that will not do.
        """
        run = cls(path, {"recipe": recipe.to_dict()} | manifest)
        run.manifest |= {
            "seed": recipe.seed,
            "data": {"name": data.name, "sums": data.sums()},
            "parameters": int(net.theta.size),
            "threads": 1,
            "threads_measured": {},
        }
        run._data, run.path = data, folder.make(path, recipe.name)
        checkpoint.save_net(run.path / MODEL, net, _shown(data))
        run._write_manifest()
        return run

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """A run that is there. DataError where the folder is none of a run."""
        path = Path(path)
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            run = cls(path, manifest)
            folder.check_manifest(manifest)
        except InputError:
            raise
        except (FileNotFoundError, NotADirectoryError):
            raise DataError("train.no_run", path=path) from None
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise checkpoint.corrupt(path / MANIFEST, error) from error
        return run

    @classmethod
    def resume(cls, path: Path | str) -> Self:
        """A run that was stopped, ready to go on to the same weights as if it had not been.

        Raises:
            DataError: no run, no checkpoint, a corrupt one, one of another net, or data that have changed since.
        """
        run = cls.open(path)
        arrays, values = checkpoint.load(run.path / CHECKPOINT)
        if run.manifest["data"]["sums"] != run.data().sums():
            raise DataError("train.other_data", data=run.data().name)
        try:
            run.training().load_state(arrays, values["loop"])
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise checkpoint.corrupt(run.path / CHECKPOINT, error) from error
        run._tidy_folder()
        return run

    # -- what it holds

    def data(self) -> Dataset:
        """The data set, loaded when first asked for."""
        if self._data is None:
            self._data = load_data(self.recipe.data)
        return self._data

    def history(self) -> list[Record]:
        """The records so far: every epoch's, and some steps of each epoch."""
        path = self.path / HISTORY
        if not path.is_file():
            return []
        records = []
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line, if the process was killed in it
                records.append(from_json(line))
        return records

    def net(self) -> Sequential:
        """The trained net, in eval mode; of a run that did not end, the net of its last checkpoint."""
        if (self.path / MODEL).is_file():
            return checkpoint.load_net(self.path / MODEL)
        arrays, _ = checkpoint.load(self.path / CHECKPOINT)
        net = self.recipe.net(self.data().features, len(self.data().classes), new_generator(0, "modern"))
        net.load_state({name[4:]: array for name, array in arrays.items() if name.startswith("net.")})
        return net.eval()

    # -- the training

    def training(self) -> Training:
        """Net, loss, optimizer and loop, as the recipe says; built when first asked for."""
        if self._training is None:
            self._training = self._build()
        return self._training

    def train(self) -> Iterator[Record]:
        """Train to the end, yielding each record; history and checkpoints are kept on the way.

        After any record, `interrupt` leaves a checkpoint from which `resume` goes on.
        """
        training = self.training()
        every = max(1, training.steps_per_epoch // STEPS_KEPT)
        with threads.limited_to(self.manifest["threads"]), self._open_history() as history:
            for record in training.records():
                if not isinstance(record, StepRecord) or record.step % every == 0:
                    self._note(history, record)
                if isinstance(record, EpochRecord):
                    self._checkpoint()
                yield record

    @property
    def keeps(self) -> bool:
        """Whether this process keeps the folder; of several that train together, one does."""
        return True

    def go_on(self) -> str:
        """The command that goes on with this run."""
        return f"handgrad train --resume {self.path}"

    def must_stop(self, wanted: bool) -> bool:
        """Whether to leave off after this record, where the user wants to."""
        return wanted

    def interrupt(self) -> None:
        """Leave a checkpoint of this very step, and mark the run as interrupted."""
        self._checkpoint()
        self._mark("interrupted")

    def fail(self) -> None:
        """Mark the run as failed; the last good checkpoint stays as it is."""
        self._mark("failed")

    def finish(self) -> Evaluation:
        """Evaluate on the test set, save the net, and write what came out into the manifest."""
        training, data = self.training(), self.data()
        with threads.limited_to(self.manifest["threads"]):
            result = evaluate(training.net, data.test.images, data.test.labels, self.recipe.criterion())
        checkpoint.save_net(self.path / MODEL, training.net, _shown(data))
        epochs = [record for record in self.history() if isinstance(record, EpochRecord)]
        self.manifest["result"] = {
            "reported_loss": [r.last_loss if self.recipe.report == "last" else r.loss for r in epochs],
            "train_accuracy": [r.accuracy for r in epochs],
            "test_loss": result.loss,
            "test_accuracy": result.accuracy,
            "train_seconds": round(sum((r.seconds for r in epochs), 0.0), 3),
            "weights_sha256": hashlib.sha256(training.net.theta.tobytes()).hexdigest(),
        }
        if hasattr(training.engine, "pace"):
            self.manifest["engine"] |= training.engine.pace.report()
        self._mark("done")
        return result

    def _build(self) -> Training:
        recipe, data = self.recipe, self.data()
        rng = new_generator(recipe.seed, recipe.rng)
        train, validation = self._split(data)
        net = recipe.net(data.features, len(data.classes), rng)
        optimizer = recipe.make_optimizer(net)
        training = self._new_training(
            net,
            train.images,
            train.labels,
            recipe.criterion(),
            optimizer,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            rng=rng,
            shuffle=recipe.shuffle,
            drop_last=recipe.drop_last,
            validation=(validation.images, validation.labels) if validation else None,
            patience=recipe.patience,
            accumulate=recipe.accumulate,
            clip_norm=recipe.clip_norm,
            engine=self._engine,
            threads=self._thread_count,
        )
        training.schedule = recipe.make_schedule(training.steps_per_epoch * recipe.epochs)
        return training

    # What a training on several computers does in its own way.

    def _new_training(self, *parts: Any, **settings: Any) -> Training:
        return Training(*parts, **settings)

    def _split(self, data: Dataset) -> tuple[Split, Split | None]:
        return split_off(data.train, self.recipe.validation, self.recipe.seed)

    def _fastest_threads(self) -> tuple[int, dict[int, float]]:
        recipe, data = self.recipe, self.data()
        sizes = [data.features, *recipe.hidden, len(data.classes)]
        return threads.fastest(sizes, recipe.batch_size, recipe.dtype)

    def _new_folder(self, path: Path | None) -> Path:
        return folder.make(path, self.recipe.name)

    def _tidy_folder(self) -> None:
        """Take away what a killed process left, and what was noted after the checkpoint."""
        checkpoint.remove_parts(self.path)
        kept = [record for record in self.history() if record.step <= self.training().step]
        if self.training().owed is not None:  # it is yielded once more
            kept = [record for record in kept if record != self.training().owed]
        checkpoint.write_whole(self.path / HISTORY, "".join(to_json(r) + "\n" for r in kept).encode())

    def _checkpoint(self) -> None:
        arrays, values = self.training().state()
        checkpoint.save(self.path / CHECKPOINT, arrays, {"loop": values})

    def _open_history(self) -> TextIO:
        try:
            return (self.path / HISTORY).open("a", buffering=1, encoding="utf-8")  # a whole line at a time
        except OSError as error:
            raise DataError("train.cannot_write", path=self.path / HISTORY, reason=error.strerror) from error

    def _note(self, history: TextIO, record: Record) -> None:
        try:
            history.write(to_json(record) + "\n")
        except OSError as error:
            raise DataError("train.cannot_write", path=self.path / HISTORY, reason=error.strerror) from error

    def _fix_data_path(self) -> None:
        """Data that were found by a path are noted by the whole of it, so that the run can go on from any folder."""
        whole = Path(self.recipe.data).expanduser().absolute()
        if self.data().source and Path(self.data().source).absolute() == whole:
            self.recipe = self.recipe.change(data=str(whole))
            self.manifest["recipe"] = self.recipe.to_dict()

    def _mark(self, status: str) -> None:
        self.manifest["status"] = status
        self._write_manifest()

    def _write_manifest(self) -> None:
        content = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        # A file name that is not UTF-8 comes in pieces that are none either; their escapes are right in JSON.
        checkpoint.write_whole(self.path / MANIFEST, content.encode(errors="backslashreplace"))

    # -- how it shows itself

    def __repr__(self) -> str:
        result = self.manifest.get("result", {})
        accuracy = result.get("test_accuracy")
        tail = f", test accuracy {accuracy:.2%}" if accuracy is not None else ""
        return f"Run({os.fspath(self.path)!r}: {self.recipe.name}, {self.manifest.get('status', 'new')}{tail})"

    def _repr_html_(self) -> str:
        rows = {"recipe": self.recipe.name, "status": self.manifest.get("status", "new")}
        rows |= {k: v for k, v in self.manifest.get("result", {}).items() if isinstance(v, float)}
        cells = "".join(
            f"<tr><th style='text-align:left'>{key}</th><td>{escape(str(value))}</td></tr>"
            for key, value in rows.items()
        )
        return f"<b>Run</b> <code>{escape(os.fspath(self.path))}</code><table><tbody>{cells}</tbody></table>"


def training_of(recipe: Recipe, data: Dataset, *, thread_count: int = 1) -> Training:
    """The training of a recipe on data that are there already; it has no folder, and nothing of it is kept."""
    run = Run(Path(), {"recipe": recipe.to_dict()})
    run._data, run._thread_count = data, thread_count
    return run.training()
