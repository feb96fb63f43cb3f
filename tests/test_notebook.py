"""The notebooks run from the first cell to the last in a fresh kernel, and their numbers point the right way."""

import functools
import json
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="reads the notebook: pip install -e '.[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="runs the notebook: pip install -e '.[notebooks]'")
pytest.importorskip("ipykernel", reason="runs the notebook: pip install -e '.[notebooks]'")
pytest.importorskip("equinox", reason="the notebook trains an Equinox network: pip install -e '.[notebooks]'")

FOLDER = Path(__file__).parent.parent / "notebooks"
# Notebook -> pictures in it, and what it prints of its size where it is not the quick version.
NOTEBOOKS = {
    "probes.ipynb": (4, "10 networks"),
    "complexity.ipynb": (2, "10 networks"),
    "frustration.ipynb": (2, "10 networks"),
    "strengths.ipynb": (2, "10 networks"),
    "lenses.ipynb": (1, "10 networks a pair"),
    "wiring.ipynb": (2, "3 networks of each kind, 40 epochs"),
}


def numbers(notebook):
    """What the cell tagged "numbers" printed."""
    (cell,) = [cell for cell in notebook.cells if "numbers" in cell.metadata.get("tags", [])]
    return json.loads("".join(out.text for out in cell.outputs if out.get("name") == "stdout"))


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """Function: name -> the notebook after a quick run in a fresh kernel, once each."""
    folder = tmp_path_factory.mktemp("notebook")

    @functools.cache
    def run(name):
        notebook = read(name)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JPROBE_NOTEBOOK_QUICK", "1")
            patch.setenv("JPROBE_CACHE", str(folder / "cache"))
            patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # as files marked "quick" are, here in another process
            patch.setenv("PYTHONPATH", str(FOLDER.parent))  # this checkout, not an installed jprobe
            client = nbclient.NotebookClient(
                notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
            )
            client.execute()  # raises at the first error
        return notebook

    return run


def of(which, name, execute):
    return read(name) if which == "committed" else execute(name)


# The outputs that people read, and those of the code as it is.
WHICH = ["committed", pytest.param("executed", marks=pytest.mark.end_to_end)]


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_probes_point_the_right_way(which, execute):
    n = numbers(of(which, "probes.ipynb", execute))
    assert n["base_easy"] > n["base_hard"] > 0.95
    # Signs alone: the hard task collapses, the easy one does not, pruning brings the hard one back.
    assert n["signed_hard"] < 0.65 < n["signed_easy"]
    assert n["gap_hard_minus_gap_easy"] > 0.2
    assert n["signed_hard_best"] > n["signed_hard"] + 0.3
    assert 0.3 < n["signed_hard_best_removed"] < 0.9
    assert n["signed_hard_noise_gain"] > 0.1
    assert n["signed_hard_flip_gain"] > 0.1
    # Shuffles that keep signs keep more.
    assert n["shuffled_easy_signs_kept"] > 0.9 > 0.65 > n["shuffled_easy_signs_lost"]
    assert n["shuffled_hard_signs_kept"] > n["shuffled_hard_signs_lost"] + 0.1
    # A model of one's own.
    assert n["own_base"] > 0.95
    assert 0 < n["own_margin_kept_output"] < n["own_margin_kept_first"] < 1
    assert 2 < n["own_bits_all"] <= n["own_bits_pruned"] <= 8
    # The collapse goes away with the offset of the inputs.
    for origin in ("zero_to_one", "centred"):
        assert n[f"signed_hard_trained_{origin}"] > 0.85
        assert n[f"signed_hard_rewritten_{origin}"] > n["signed_hard"] + 0.2
    for measure in ("offset", "constant"):
        fixed = [n[f"{measure}_signed_{how}"] for how in ("zero_to_one", "centred", "pruned")]
        assert n[f"{measure}_signed_minus_one_to_one"] > 2 * max(n[f"{measure}_as_trained"], *fixed)


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_complexity_point_the_right_way(which, execute):
    pytest.importorskip("sklearn", reason="the notebook's tables: pip install -e '.[notebooks]'")
    n = numbers(of(which, "complexity.ipynb", execute))
    assert n["digits_rho"] > 0.5
    assert n["digits_easy"] < 0.15 < 0.35 < n["digits_hard"]
    assert n["table_easy"] < 0.05 < n["table_hard"]
    assert n["table_accuracy"] > 0.93
    # The first layer of an image classifier is the one that cannot do without its magnitudes.
    assert n["Dense_0_signed"] < 0.65 < n["Dense_1_signed"] < n["Dense_2_signed"] + 0.02
    assert n["base"] > 0.97


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_frustration_point_the_right_way(which, execute):
    n = numbers(of(which, "frustration.ipynb", execute))
    assert n["trained_low"] < n["trained"] < n["shuffled_low"] < n["shuffled"] < 0.5
    # Training lowers frustration; the shuffled copies stay above.
    assert max(n[f"epoch_{k}"] for k in (1, 3, 10)) < n["epoch_0"] - 0.05
    assert all(n[f"epoch_{k}"] < n[f"shuffled_{k}"] - 0.01 for k in (1, 3, 10))
    assert 0 < n["people"] <= n["people_descend"]
    assert n["camps"] > 0.9


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_strengths_point_the_right_way(which, execute):
    n = numbers(of(which, "strengths.ipynb", execute))
    assert n["own_accuracy"] > 0.8
    # Of an untrained first layer the correlation is the cosine of the mean image with ones.
    for pixels in ("unit", "signed", "standardised"):
        assert abs(n[f"correlation_{pixels}_untrained"] - n[f"cosine_{pixels}"]) < 0.12
    assert n["cosine_signed"] < -0.8 < 0.5 < n["cosine_unit"]
    # Four fifths of single weights can go, the least or those that carry least; of whole neurons they cannot.
    assert (
        min(n["pruned_80_signal_of_the_weight"], n["pruned_80_magnitude"]) > n["pruned_80_signal_of_the_neuron"] + 0.1
    )
    assert n["stable_rank_trained"] < n["stable_rank_untrained"]


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_lenses_point_the_right_way(which, execute):
    n = numbers(of(which, "lenses.ipynb", execute))
    # The collapse is there with pixels in [-1, 1] alone, and a moved threshold takes most of it away.
    assert n["hard_signed"] > 0.25
    assert max(n["hard_unit"], n["hard_standardised"]) < n["hard_signed"] - 0.1
    assert n["hard_threshold"] < n["hard_signed"] - 0.1
    assert 0.3 < n["frustration_ratio"] < 0.95
    if which == "committed":
        assert n["rho_gap_threshold"] > n["rho_gap_signed"]
        assert n["rho_fluctuation"] < 0 < n["rho_frustration_ratio"]


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_wirings_point_the_right_way(which, execute):
    pytest.importorskip("sklearn", reason="the notebook's digits: pip install -e '.[notebooks]'")
    n = numbers(of(which, "wiring.ipynb", execute))
    # What is taken away computes what the whole network does without its other edges.
    assert n["difference"] < 1e-3
    assert 0 <= n["dice_relative"] <= 1
    assert 0 < n["frustration"] < 0.5
    if which == "committed":
        assert min(n["full"], n["cut"], n["again"]) > 0.9
        assert abs(n["full"] - n["cut"]) < 0.01
        # What can only be memorised takes more edges; a random wiring of the same degrees does as well.
        assert n["shuffled labels"] > n["ten classes"]
        assert abs(n["again"] - n["rewired"]) < 0.02


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_committed_outputs_are_those_of_one_full_run(name):
    committed = read(name)
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [out for cell in code for out in cell.outputs]
    kinds = {out.output_type for out in outputs}
    assert kinds <= {"stream", "display_data", "execute_result"}, "an error was committed"
    assert not [out.text for out in outputs if out.get("name") == "stderr"], "a warning was committed"
    pictures, size = NOTEBOOKS[name]
    assert sum("image/png" in out.get("data", {}) for out in outputs) == pictures
    assert (FOLDER / name).stat().st_size < 1_500_000
    # Pictures apart, nothing of the machine that made them: no paths.
    text = [
        out.get("text", "") + json.dumps({k: v for k, v in out.get("data", {}).items() if k != "image/png"})
        for out in outputs
    ]
    assert not re.findall(r"(?:/(?:home|root|tmp|Users|usr|opt|work)/|[A-Z]:\\)\S*", "\n".join(text))
    assert size in "\n".join(text), "the outputs are those of the quick version"
