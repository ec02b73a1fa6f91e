"""The kernel forge: kernels start from it, and none outlives the runner."""

from concurrent.futures import ThreadPoolExecutor
import os
import signal
import subprocess
import sys
import time

from nbclient.exceptions import DeadKernelError
import nbformat
import papermill
import psutil
import pytest

from src.kernels import Forge
from src.root import PROJECT_ROOT

METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), path)


def execute(forge, source, target, pids=None):
    return papermill.execute_notebook(
        source,
        target,
        kernel_name="python3",
        progress_bar=False,
        kernel_manager_class=forge.manager_class(PROJECT_ROOT / "notebooks", {"MARK": "42"}, pids),
    )


@pytest.fixture(scope="module")
def forge():
    with Forge(PROJECT_ROOT) as forge:
        yield forge


def test_a_kernel_has_its_own_state_folder_and_environment(forge, tmp_path):
    write_notebook(tmp_path / "a.ipynb", "import os; print(os.getcwd(), os.environ['MARK'])")
    executed = execute(forge, tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    said = executed.cells[0].outputs[0].text
    assert said.strip() == f"{PROJECT_ROOT / 'notebooks'} 42"


def test_figures_are_drawn_inline(forge, tmp_path):
    write_notebook(
        tmp_path / "a.ipynb", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    )
    executed = execute(forge, tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert "image/png" in executed.cells[0].outputs[-1].data


def test_threads_of_native_libraries_work_after_the_fork(forge, tmp_path):
    write_notebook(
        tmp_path / "a.ipynb",
        "import duckdb, lightgbm, numpy as np\n"
        "x = np.random.default_rng(0).random((3000, 4))\n"
        "data = lightgbm.Dataset(x, (x[:, 0] > 0.5) * 1.0)\n"
        "lightgbm.train({'num_threads': 2, 'verbose': -1}, data, 5)\n"
        "duckdb.sql('select sum(i) from range(3000000) t(i)').fetchall()[0][0]",
    )
    executed = execute(forge, tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert executed.cells[0].outputs[-1].data["text/plain"] == str(3000000 * 2999999 // 2)


def test_a_failing_cell_is_told_with_its_error(forge, tmp_path):
    write_notebook(tmp_path / "a.ipynb", "raise ValueError('so it is')")
    with pytest.raises(papermill.PapermillExecutionError, match="so it is"):
        execute(forge, tmp_path / "a.ipynb", tmp_path / "b.ipynb")


def test_only_the_kernels_that_are_meant_are_killed(forge, tmp_path):
    write_notebook(tmp_path / "a.ipynb", "import time; time.sleep(60)")
    write_notebook(tmp_path / "b.ipynb", "import time; time.sleep(3); print('whole')")
    pids = []
    with ThreadPoolExecutor(2) as pool:
        killed = pool.submit(execute, forge, tmp_path / "a.ipynb", tmp_path / "c.ipynb", pids)
        left = pool.submit(execute, forge, tmp_path / "b.ipynb", tmp_path / "d.ipynb")
        deadline = time.monotonic() + 60
        while not pids:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        forge.kill(pids)
        with pytest.raises((DeadKernelError, RuntimeError)):
            killed.result()
        assert left.result().cells[0].outputs[0].text == "whole\n"
    forge.kill(pids)  # of one that has ended: nothing


RUNNER = """
import signal, sys, papermill
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
from pathlib import Path
from src.kernels import Forge
with Forge(Path.cwd(), (), ()) as forge:
    papermill.execute_notebook(sys.argv[1], sys.argv[2], kernel_name="python3",
        progress_bar=False, kernel_manager_class=forge.manager_class(Path.cwd(), {}))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_runner(tmp_path, how):
    mark = tmp_path / "running"
    write_notebook(
        tmp_path / "a.ipynb",
        f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\nwhile True: pass",
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb")],
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) >= 2  # the forge and a busy kernel
    os.kill(runner.pid, how)
    runner.wait(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
