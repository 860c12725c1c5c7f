"""The child process: one clear answer or one clear error, whatever happens in it, and nothing of it left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dialect_scripts import BUILT, SCRIPTS

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.errors import DataError, HandgradError, InputError, StateError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and process groups of POSIX")


def call(name: str, request: dict[str, Any] | None = None, **limits: Any) -> dict[str, Any]:
    return run_in_child(f"sandbox_targets:{name}", request or {}, **limits)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    own = tmp_path_factory.mktemp("temporary")  # not that of other audits, which may be running
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    yield
    assert os.listdir(own) == []


# -- what comes back


def test_request_and_result() -> None:
    request = {"path": "a.py", "n": [1, 2.5, None, True], "글": "가중치", "long": "x" * 1_000_000}
    assert call("echo", request) == {"got": request}


def test_numbers_of_numpy_come_back_plain() -> None:
    result = call("numbers")
    assert result["a"] == [0, 1, 2]
    assert (result["b"], result["c"], result["d"], result["f"]) == (0.5, [1, 2], "x", 3)
    assert result["e"] != result["e"]


@pytest.mark.parametrize(("name", "kind"), [("input_error", InputError), ("state_error", StateError)])
def test_an_error_comes_back_in_its_class(name: str, kind: type[HandgradError]) -> None:
    with pytest.raises(kind) as caught:
        call(name)
    assert type(caught.value) is kind
    assert caught.value.text("ko") != caught.value.text("en")


def test_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("HANDGRAD_LANG", "ko")
    found = call("surroundings")
    assert found["stdin"] == ""
    assert found["empty"] == []
    assert found["home"] == found["cwd"]
    assert not Path(found["cwd"]).exists()
    assert found["group"] == found["pid"]
    environment = found["environment"]
    assert "DISPLAY" not in environment
    assert environment["MPLBACKEND"] == "Agg"
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    assert environment["HANDGRAD_LANG"] == "ko"
    assert not {"matplotlib", "asyncio", "torch", "pooch", "click", "rich"} & set(found["modules"])


# -- what does not


ENDINGS = {
    "plain_error": "could not go on: KeyError: 'W7'",
    "leave": "ended the program",
    "leave_at_once": "ended the program",
    "crash": "was killed (SIGSEGV)",
    "not_a_dict": "cannot be read",
    "not_json": "cannot be read",
    "large": "more than 16 MB",
    "closes_everything": "ended the program",
    "no_such_function": "could not go on: AttributeError",
    "opens_a_window": "could not go on",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_endings(name: str) -> None:
    with pytest.raises(DataError) as caught:
        call(name)
    assert ENDINGS[name] in str(caught.value)


@pytest.mark.parametrize("name", ["endless", "asleep"])
def test_time_out(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match=r"stopped after 0\.5 s"):
        call(name, seconds=0.5)
    assert time.monotonic() - start < 2


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit the address space")
def test_memory() -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match="more than 600 MB"):
        call("memory", megabytes=600)
    assert time.monotonic() - start < 5


def test_a_million_lines_cost_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("prints") == {"printed": 1_000_000}
    assert capfd.readouterr() == ("", "")


def test_results_may_be_long_and_noise_does_not_matter() -> None:
    assert len(call("nearly_large")["text"]) == 15 << 20
    assert call("noise") == {"fine": True}


# -- what it may not do


def test_it_writes_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("x = 1\n")
    before = file.stat().st_mtime_ns
    result = call("writes", {"outside": str(tmp_path), "file": str(file)})
    assert result["forbidden"] == 5
    assert not Path(result["cwd"]).exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.py"]
    assert (file.read_text(), file.stat().st_mtime_ns) == ("x = 1\n", before)


def test_it_starts_no_process_and_uses_no_network() -> None:
    assert call("starts_processes") == {"forbidden": 3}
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with pytest.raises(DataError, match="BlockedError"):
            call("connects", {"port": server.getsockname()[1]})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc").is_dir():
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"  # dead, not yet buried
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 2
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_its_children_die_with_it(tmp_path: Path) -> None:
    children = call("leaves_children")["children"]
    assert len(children) == 5
    assert all(gone(child) for child in children)


@pytest.mark.parametrize(("then", "said"), [("leave", "ended the program"), ("wait", "stopped after 1 s")])
def test_children_that_hold_the_pipe_delay_nothing(then: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    start = time.monotonic()
    with pytest.raises(DataError, match=said):
        call("leaves_children", {"then": then, "file": str(tmp_path / "x")}, seconds=1 if then == "wait" else 20)
    assert time.monotonic() - start < 3


def test_threads_that_go_on_delay_nothing() -> None:
    start = time.monotonic()
    assert call("leaves_threads") == {"fine": True}
    assert time.monotonic() - start < 3


def test_an_interrupt_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen

    def remembered(*values: Any, **named: Any) -> subprocess.Popen[bytes]:
        started.append(begin(*values, **named))
        return started[-1]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remembered)
    monkeypatch.setattr("handgrad.audit.reading.sandbox._wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call("asleep")
    assert gone(started[0].pid)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows ends a process without a word")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_terminate_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.{name}, signal.SIG_DFL)\n"  # whatever the tests were started with
    code += "from handgrad.audit.reading.sandbox import run_in_child; run_in_child('sandbox_targets:asleep', {})"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": path}
    )
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.Signals[name])
    assert process.wait(5) == 128 + signal.Signals[name]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a word")
@pytest.mark.parametrize("when", ["tempfile.mkdtemp", "subprocess.Popen"])
def test_a_request_while_something_is_half_made_leaves_nothing_either(when: str, tmp_path: Path) -> None:
    module, _, name = when.partition(".")
    code = f"""
import os, signal, subprocess, tempfile
real = {when}
def made(*values, **named):
    found = real(*values, **named)
    print(getattr(found, "pid", ""), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    return found
{module}.{name} = made
from handgrad.audit.reading.sandbox import run_in_child
run_in_child("sandbox_targets:asleep", {{}})
"""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, env=environment, timeout=20, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert all(gone(int(pid)) for pid in done.stdout.split())


# -- files, read and run in it


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a text as an audit would, and check that its folder stays as it was."""

    def run(text: str, name: str = "net.py", **more: Any) -> dict[str, Any]:
        path = tmp_path / name
        path.write_text(text)
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        limits = {key: more.pop(key) for key in ("seconds", "megabytes") if key in more}
        try:
            return call("audit_like", {"path": str(path), **more}, **limits)
        finally:
            assert (path.read_bytes(), path.stat().st_mtime_ns) == before
            assert [entry.name for entry in tmp_path.iterdir()] == [name]

    return run


def test_a_dialect_in_the_child(audit: Callable[..., dict[str, Any]]) -> None:
    done = audit(SCRIPTS["modules"])
    assert set(BUILT["modules"]) <= set(done["names"])


def test_everything_at_once(audit: Callable[..., dict[str, Any]]) -> None:
    done = audit(
        "import os, sys, tkinter\nimport numpy as np\nimport matplotlib.pyplot as plt\nimport nosuchmodule\n"
        "root = tkinter.Tk()\nroot.mainloop()\nplt.plot([1])\nplt.show()\nname = input()\nline = sys.stdin.readline()\n"
        "for i in range(10**6): print(i)\nsys.exit(1)\nos._exit(1)\nraise SystemExit\n"
        "open('here.txt', 'w').write('x')\nnp.save('w.npy', np.ones(3))\nos.system('sleep 100 &')\n"
        "def bomb():\n    while True: os.fork()\nbombs = bomb()\n"
        "class Net:\n    def __init__(self): self.W = np.ones((3, 3))\n    def __len__(self): return 3\n"
        "net = Net()\nx = [0] * 10**12\nend = 1\n"
        "def talks():\n    print('x' * 10**6)\n    return plt.figure() is None\n",
        call=["talks"],
        megabytes=1024,
    )
    assert {"net", "end", "Net"} <= set(done["names"])
    assert not {"name", "x", "bombs"} & set(done["names"])
    assert done["missing"] == ["nosuchmodule"]
    assert done["called"] == {"talks": False}


@pytest.mark.parametrize(
    ("text", "said", "limits"),
    [
        ("def f(:\n", "line 1, is not valid Python", {}),
        ("def f():\n    while True: pass\n", "stopped after 1 s", {"seconds": 1}),
        ("def f():\n    x = []\n    while True: x.append([0] * 10**6)\n", "more than 400 MB", {"megabytes": 400}),
        ("import sys\ndef f(): sys.exit(3)\n", "ended the program", {}),
        ("import os\ndef f(): os._exit(3)\n", "ended the program", {}),
        ("def f(): return input()\n", "could not go on", {}),
        ("def f(): return f()\n", "could not go on: RecursionError", {}),
        ("def f(): raise ValueError('shapes (3,4) and (5,6)')\n", "ValueError: shapes (3,4) and (5,6)", {}),
    ],
)
def test_functions_that_misbehave(
    text: str, said: str, limits: dict[str, Any], audit: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(DataError) as caught:
        audit(text, call=["f"], **limits)
    assert said in str(caught.value)


def test_an_endless_loop_at_top_level_and_in_a_constructor(audit: Callable[..., dict[str, Any]]) -> None:
    done = audit(
        "class Net:\n    def __init__(self):\n        while True: pass\nwhile True:\n    pass\nnet = Net()\nend = 1\n"
    )
    assert done["names"] == ["Net", "end"]
    assert done["reasons"] == [[4, "training"], [6, "time"]]
