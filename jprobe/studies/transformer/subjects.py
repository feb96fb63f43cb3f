"""Networks whose layers the study probes: a transformer on sentences, a perceptron on images, or your own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from jprobe import data, metrics, models, train, weights
from jprobe.metrics.cka import Activations
from jprobe.metrics.tagging import commonest
from jprobe.studies.subject import Subject
from jprobe.studies.transformer.config import PRESETS, Config
from jprobe.typing import Metric, Params


@dataclass(frozen=True)
class Layered(Subject):
    """A network whose layers are probed one by one.

    Attributes:
        metric: params -> scalar in [0, 1].
        measure: what the metric is, for axes and tables: "span F1", "accuracy".
        activations: (params, number of a batch) -> (layer name -> activations [N, P], weight [N]).
        batches: number of batches.
        examples: what one evaluation works through: word pieces, or images.
        cases: what the metric is a mean over: words, or images.
        unit: what ``examples`` counts.
        full: whether it is the paper's network on all of the paper's data.

    Example:
        >>> w = {"out": jnp.ones((3, 2))}
        >>> run = lambda params, n: ({"out": jnp.ones((5, 3)) @ params["out"]}, jnp.ones(5))
        >>> mine = Layered("mine", params=w, layers={"out": "out"}, metric=lambda p: p["out"].mean(), measure="mean",
        ...     activations=run, batches=1, examples=5, cases=5)
        >>> mine.unit
        'examples'
    """

    metric: Metric = field(kw_only=True)
    measure: str = field(kw_only=True)
    activations: Callable[[Params, int], tuple[Activations, jax.Array]] = field(kw_only=True)
    batches: int = field(kw_only=True)
    examples: int = field(kw_only=True)
    cases: int = field(kw_only=True)
    unit: str = "examples"
    full: bool = False

    def calls(self) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """The metric, and the data that it closes over, stand for the function."""
        return {"function": (self.metric, (self.params,))}


def subject(config: Config) -> Layered:
    """The network that a configuration names.

    Args:
        config: its ``checkpoint``, ``sentences`` and ``layers`` are read.

    Raises:
        JprobeError: what :func:`jprobe.weights.load_tagger` and :func:`jprobe.data.conll2003` raise.

    Example:
        >>> subject(Config(checkpoint="mlp")).measure
        'accuracy'
    """
    return _perceptron(config) if config.checkpoint == "mlp" else _tagger(config)


def _tagger(config: Config) -> Layered:
    tagger = weights.load_tagger(config.checkpoint)
    model, params = tagger.model, tagger.params
    sentences = data.conll2003()
    task = data.token_task(sentences, tagger.tokenizer, tagger.labels, model.positions, config.sentences)
    notes = []
    if metrics.tag_scheme(tagger.labels) is not None:
        metric, measure = metrics.span_f1(model, task), "span F1"
    else:
        common, share = commonest(metrics.own_labels(model, params, task))
        task = metrics.own_labels(model, params, task, without=common)
        metric, measure = metrics.kappa(model, task, without=common), "agreement (kappa)"
        notes.append(
            f"{config.checkpoint} is not the paper's network: it gives {len(tagger.labels)} labels that are no named entities, "
            f"such as {', '.join(tagger.labels[:3])}. So what is measured is how far a perturbed network agrees with the "
            f"unperturbed one. {tagger.labels[common]} goes to {share:.1%} of the words and would hide everything else: "
            "compared is the first choice among the other labels, by Cohen's kappa. 1 is agreement everywhere, which is what the "
            "unperturbed network has by definition; 0 is what chance gives."
        )
    last = model.layers - 1
    six = {
        "positions": "embeddings/position_embeddings",
        "L0.lin1": "layer_0/ffn/lin1", "L0.lin2": "layer_0/ffn/lin2",
        f"L{last}.lin1": f"layer_{last}/ffn/lin1", f"L{last}.lin2": f"layer_{last}/ffn/lin2",
        "classifier": "classifier",
    }  # fmt: skip
    layers = {path: path for path in config.layers} or six
    seen = metrics.linen_activations(model, layers)

    def activations(params: Params, n: int) -> tuple[Activations, jax.Array]:
        batch = task.batches[n]
        found = seen(params, jnp.asarray(batch.ids), jnp.asarray(batch.mask))
        return {name: a.reshape(-1, a.shape[-1]) for name, a in found.items()}, jnp.asarray(
            batch.mask, jnp.float32
        ).reshape(-1)

    real = config.checkpoint in ("distilbert-ner", "dslim/distilbert-NER")
    return Layered(
        name=f"{config.checkpoint} ({model.layers} blocks, {len(tagger.labels)} labels) on {task.num_words:,} words of CoNLL-2003",
        metric=metric, measure=measure, params=params, layers=layers, activations=activations, batches=len(task.batches),
        examples=task.num_tokens, cases=task.num_words, unit="word pieces", notes=notes,
        full=real and replace(PRESETS["paper"], checkpoint=config.checkpoint).numbers() == config.numbers(), checksums=task.checksums,
    )  # fmt: skip


def _perceptron(config: Config) -> Layered:
    task = data.pair(data.load("mnist"), (7, 9))
    model = models.MLP((64, 64))
    params = jax.tree.map(lambda w: w[0], train.fit(model, task, seeds=[0]).params)
    layers = {path: path for path in config.layers} or {f"Dense_{n}": f"Dense_{n}" for n in range(3)}
    seen = metrics.linen_activations(model, layers)
    x = jnp.asarray(task.x_test)
    return Layered(
        name="a perceptron with two hidden layers of 64, trained here on MNIST 7 and 9",
        metric=metrics.accuracy(model, task), measure="accuracy", params=params, layers=layers,
        activations=lambda params, n: (seen(params, x), jnp.ones(len(x))), batches=1, examples=len(x), cases=len(x), unit="images",
        notes=["This is not the paper's network: an image classifier shows that the study is of any network with named layers."],
        full=False, checksums=task.checksums,
    )  # fmt: skip
