"""The notebooks run from the first cell to the last in a fresh kernel, and their numbers point the right way."""

import functools
import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import tokenizers

import jprobe as jp

nbformat = pytest.importorskip("nbformat", reason="reads the notebook: pip install -e '.[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="runs the notebook: pip install -e '.[notebooks]'")
pytest.importorskip("ipykernel", reason="runs the notebook: pip install -e '.[notebooks]'")
pytest.importorskip("equinox", reason="the notebook trains an Equinox network: pip install -e '.[notebooks]'")

FOLDER = Path(__file__).parent.parent / "notebooks"
# Notebook -> pictures in it, and what it shows of its size where it is not the quick version.
NOTEBOOKS = {
    "quickstart.ipynb": (1, "20 networks"),
    "probes.ipynb": (5, "10 networks"),
    "collapse.ipynb": (2, "10 networks"),
    "complexity.ipynb": (0, "1-7"),
    "layers.ipynb": (2, "(repeat: 10, kept: 6)"),
    "lenses.ipynb": (1, "4-9"),
    "frustration.ipynb": (1, "after 10 epochs"),
    "strengths.ipynb": (2, "10 networks"),
    "wiring.ipynb": (2, "3 networks"),
}


def numbers(notebook):
    """The table of the cell tagged "numbers": words -> number."""
    (cell,) = [cell for cell in notebook.cells if "numbers" in cell.metadata.get("tags", [])]
    (table,) = [out.data["text/plain"] for out in cell.outputs]
    head, *lines = table.splitlines()
    assert head.split() == ["value"]
    return {words.strip(): float(value) for words, value in (line.rsplit(maxsplit=1) for line in lines)}


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
def test_numbers_of_the_quickstart_point_the_right_way(which, execute):
    n = numbers(of(which, "quickstart.ipynb", execute))
    assert n["accuracy"] > 0.95
    # Signs collapse, pruning brings them back, and they knew the order all the time.
    assert n["accuracy, signs only"] < 0.6 < 0.85 < n["accuracy, signs only, best"]
    assert 0.4 < n["removed where signs are best"] < 0.9
    assert n["auc, signs only"] > 0.85
    assert n["accuracy, signs only, line moved"] > n["accuracy, signs only"] + 0.2
    assert 0 < n["frustration"] < n["frustration, shuffled"] - 0.02


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_probes_point_the_right_way(which, execute):
    n = numbers(of(which, "probes.ipynb", execute))
    assert n["easy, as trained"] > n["hard, as trained"] > 0.95
    # Signs alone: the hard task collapses, the easy one does not, each perturbation brings the hard one back.
    assert n["hard, signs only"] < 0.65 < n["easy, signs only"]
    assert n["hard, signs only, best by prune"] > n["hard, signs only"] + 0.3
    assert min(n[f"hard, signs only, best by {what}"] for what in ("noise", "flip")) > n["hard, signs only"] + 0.1
    assert 0.4 < n["removed where signs are best"] < 0.9
    # Shuffles that keep signs keep more.
    assert n["easy, shuffled by F"] > 0.9 > 0.65 > n["easy, shuffled by A"]
    assert n["hard, shuffled by F"] > n["hard, shuffled by A"] + 0.1
    if which == "committed":
        assert min(n[f"easy, shuffled by {kind}"] for kind in "BEF") > 0.9
        assert max(n[f"{task}, shuffled by {kind}"] for task in ("easy", "hard") for kind in "ACDG") < 0.55
        assert n["own network, 3 bits"] < n["own network, 5 bits"] - 0.1
    # A model of one's own.
    assert n["own network, as trained"] > 0.95
    kept = [n[f"margin kept, 70% of the {layer} layer removed"] for layer in ("output", "second", "first")]
    assert 0 < kept[0] < kept[1] < kept[2] < 1
    assert n["own network, 2 bits"] < 0.7
    assert n["own network, 5 bits"] > n["own network, as trained"] - 0.01


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_the_collapse_point_the_right_way(which, execute):
    n = numbers(of(which, "collapse.ipynb", execute))
    # A collapsed network keeps the order; its offset is larger than its separation.
    assert n["hard, accuracy, signs only"] < 0.6
    assert n["hard, auc, signs only"] > 0.85
    assert n["hard, offset, signs only"] > 2 * n["hard, separation, signs only"]
    assert n["easy, offset, signs only"] < n["easy, separation, signs only"]
    assert n["hard, separation, signs only"] < n["hard, separation, as trained"]
    # A moved threshold takes most of the loss away; what is left is larger for the hard task.
    assert n["hard, lost: accuracy, threshold moved"] < n["hard, lost: accuracy"] / 2
    assert n["hard, lost: accuracy, threshold moved"] > n["easy, lost: accuracy, threshold moved"]
    # So do other pixels, trained with them or rewritten for them: the same functions.
    for pixels in ("[0, 1]", "standardised"):
        assert n[f"hard, signs only, trained on {pixels}"] > 0.85
    for task in ("easy", "hard"):
        assert n[f"{task}, rewritten, as trained"] == pytest.approx(n[f"{task}, accuracy, as trained"], abs=1e-3)
    assert n["hard, rewritten, signs only"] > n["hard, accuracy, signs only"] + 0.2
    fixed = [n[f"offset / spread: signs only, {how}"] for how in ("pixels in [0, 1]", "65% pruned")]
    assert n["offset / spread: signs only"] > 2 * max(n["offset / spread: as trained"], *fixed)
    assert n["share of nodes now constant: signs only"] > 0.1
    assert n["hard, signs only, inked pixels"] > 0.85


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_complexity_point_the_right_way(which, execute):
    pytest.importorskip("sklearn", reason="the notebook's tables: pip install -e '.[notebooks]'")
    n = numbers(of(which, "complexity.ipynb", execute))
    assert n["digits, rho of lost to randomization B"] >= 0.5
    assert n["0-3: lost to signs"] < 0.15 < 0.35 < n["7-9: lost to signs"]
    assert 0 < n["7-9: lost to signs, threshold moved"] < n["7-9: lost to signs"] / 2
    cancer, sphere = "breast cancer", "in or out of a sphere"
    assert n[f"{cancer}: lost to randomization B"] < 0.05 < n[f"{sphere}: lost to randomization B"]
    assert n[f"{cancer}: accuracy"] > 0.93


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_layers_point_the_right_way(which, execute):
    n = numbers(of(which, "layers.ipynb", execute))
    assert n["as trained"] > 0.97
    # The first layer of an image classifier is the one that cannot do without its magnitudes.
    assert n["Dense_0, signs"] < 0.65 < n["Dense_1, signs"] < n["Dense_2, signs"] + 0.02
    assert max(n[f"Dense_{k}, randomized A"] for k in (0, 1)) < 0.65 < n["Dense_1, randomized B"]
    # What stands before a pruned layer does not move, what stands behind it does.
    for pruned in range(3):
        at = [n[f"Dense_{pruned} 90% pruned: CKA of Dense_{seen}"] for seen in range(3)]
        assert all(value == pytest.approx(1, abs=1e-3) for value in at[:pruned])
        assert max(at[pruned:]) < 0.999


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_frustration_point_the_right_way(which, execute):
    n = numbers(of(which, "frustration.ipynb", execute))
    # Certified: no spins of the shuffled network go as low as those known of the trained one.
    best = min(n[f"trained: {minimiser}"] for minimiser in ("greedy", "descend", "anneal"))
    assert n["trained: no spins below"] < best < n["shuffled: no spins below"] < n["shuffled: anneal"] < 0.5
    # Training lowers frustration; the shuffled copies stay above.
    for epochs in (1, 3, 10) if which == "committed" else (1, 2):
        assert n[f"after {epochs} epochs"] < n["after 0 epochs"] - 0.05
        assert n[f"after {epochs} epochs"] < n[f"after {epochs} epochs, shuffled"] - 0.01
    assert 0 < n["people, exact"] <= n["people, descend"]
    assert n["people in the right camp"] > 0.9


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_strengths_point_the_right_way(which, execute):
    n = numbers(of(which, "strengths.ipynb", execute))
    assert n["own network, accuracy"] > (0.9 if which == "committed" else 0.6)
    # Of an untrained first layer the correlation is the cosine of the mean image with ones.
    for pixels in ("[0, 1]", "[-1, 1]", "standardised"):
        assert abs(n[f"pixels in {pixels}: untrained"] - n[f"pixels in {pixels}: cosine"]) < 0.12
    assert n["pixels in [-1, 1]: cosine"] < -0.8 < 0.5 < n["pixels in [0, 1]: cosine"]
    # Four fifths of single weights can go, the least or those that carry least; of whole neurons they cannot.
    single = min(n["80% pruned by magnitude"], n["80% pruned by signal of the weight"])
    assert single > n["80% pruned by signal of the neuron"] + 0.1
    assert n["stable rank, trained"] < n["stable rank, untrained"]


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_lenses_point_the_right_way(which, execute):
    n = numbers(of(which, "lenses.ipynb", execute))
    # The collapse is there with pixels in [-1, 1] alone, and a moved threshold takes most of it away.
    lost = n["lost on 7-9, [-1, 1]: gap"]
    assert lost > 0.25
    assert max(n[f"lost on 7-9, {pixels}: gap"] for pixels in ("[0, 1]", "standardised")) < lost - 0.1
    assert n["lost on 7-9, [-1, 1]: gap, threshold moved"] < lost - 0.1
    assert 0.3 < n["frustration ratio"] < 0.95
    if which == "committed":
        assert n["rho of gap, threshold moved"] > n["rho of gap"]
        assert n["rho of fluctuation"] < 0 < n["rho of frustration ratio"]


@pytest.mark.parametrize("which", WHICH)
def test_numbers_of_wirings_point_the_right_way(which, execute):
    pytest.importorskip("sklearn", reason="the notebook's digits: pip install -e '.[notebooks]'")
    n = numbers(of(which, "wiring.ipynb", execute))
    # What is taken away computes what the whole network does without its other edges.
    assert n["difference of a logit"] < 1e-3
    assert 0 <= n["edges in common with contribution"] <= 1
    assert 0 < n["frustration"] < 0.5
    if which == "committed":
        accuracy = {
            name: n[f"accuracy, {name}"] for name in ("whole", "cut", "found, trained again", "rewired, trained")
        }
        assert min(accuracy.values()) > 0.9
        assert abs(accuracy["whole"] - accuracy["cut"]) < 0.01
        # What can only be memorised takes more edges; a random wiring of the same degrees does as well.
        assert n["shuffled labels, edges"] > n["ten classes, edges"]
        assert abs(accuracy["found, trained again"] - accuracy["rewired, trained"]) < 0.02


@pytest.mark.end_to_end
def test_the_block_on_distilbert_runs():
    """On a small random network and two sentences, in the place of what has to be downloaded."""
    (block,) = re.findall(
        r"```python\n(.*?)```", "\n".join(cell.source for cell in read("layers.ipynb").cells), re.DOTALL
    )
    words = ["[UNK]", "[CLS]", "[SEP]", "Ada", "in", "Paris"]
    model = jp.models.DistilBert(len(words), positions=16, width=8, heads=2, layers=1, hidden=16, labels=3)
    tagger = jp.weights.Tagger(
        model,
        model.init(jax.random.key(0), jnp.ones((1, 4), int)),
        ("O", "B-LOC", "I-LOC"),
        tokenizers.Tokenizer(tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, "[UNK]")),
        "tiny",
    )
    sentences = jp.data.Sentences([["Ada", "in", "Paris"], ["Paris"]], [["O", "O", "B-LOC"], ["B-LOC"]], "two", {}, "")
    for download, here in (
        ('jp.weights.load_tagger("distilbert-ner")', "tagger_"),
        ("jp.data.conll2003()", "sentences_"),
    ):
        assert download in block
        block = block.replace(download, here)
    names = {"jp": jp, "tagger_": tagger, "sentences_": sentences}
    exec(compile(block, "layers.ipynb", "exec"), names)
    assert set(names["lost"]) == {"embeddings/position_embeddings", "layer_0/ffn/lin1", "classifier"}


def test_every_notebook_is_named_here_and_in_the_quickstart():
    files = {path.name for path in FOLDER.iterdir() if not path.name.startswith(".")}
    assert files == set(NOTEBOOKS), "a notebook without a test, or a file that one left behind"
    (table,) = [cell.source for cell in read("quickstart.ipynb").cells if "Where to go next" in cell.source]
    assert set(re.findall(r"`(\w+\.ipynb)`", table)) == set(NOTEBOOKS) - {"quickstart.ipynb"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_reads_at_a_glance(name):
    notebook = read(name)
    first, *_, last = notebook.cells
    # Words on how to install, and nothing that installs by itself; nothing beside the notebook is needed.
    assert "pip install '.[notebooks]'" in first.source
    assert "%pip install ./jprobe-*.whl" in first.source
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for forbidden in ("pip install", "Path.cwd", "pyplot", "plt.", "json"):
        assert not any(forbidden in source for source in code), forbidden
    for source in code:
        lines = source.splitlines()
        assert max(map(len, lines)) <= 100, source
        assert len(lines) <= 18, source
    # Two exercises, each with a hint and an answer that is folded away.
    exercises = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").partition(
        "## Exercises"
    )[2]
    assert exercises.count("*Hint:*") == exercises.count("<details><summary>Answer</summary>") == 2
    assert exercises.count("</details>") == 2
    assert all(
        re.search(r"\d", answer) for answer in re.findall("Answer</summary>(.*?)</details>", exercises, re.DOTALL)
    )
    assert last.cell_type == "markdown"


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
    assert (FOLDER / name).stat().st_size < 400_000
    # Pictures apart, nothing of the machine that made them: no paths.
    text = [
        out.get("text", "") + json.dumps({k: v for k, v in out.get("data", {}).items() if k != "image/png"})
        for out in outputs
    ]
    assert not re.findall(r"(?:/(?:home|root|tmp|Users|usr|opt|work)/|[A-Z]:\\)\S*", "\n".join(text))
    assert size in "\n".join(text), "the outputs are those of the quick version"
