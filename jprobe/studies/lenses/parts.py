"""Every lens on the networks of every pair of classes."""

import functools
from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe import data, models, train
from jprobe.figures.style import title
from jprobe.studies.lenses.config import Config
from jprobe.studies.lenses.dimension import intrinsic_dimension
from jprobe.studies.lenses.measures import frustration_of, strengths_of
from jprobe.studies.pairs import SSIM_SECONDS, Pairs, pairs_of, ssim_distances
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.studies.two_classes import filled, gaps_of

# Measured on two cores, for the progress display only: seconds of a training image, and of a network's null model.
_TRAINING, _NULL = 2.5e-6, 0.02


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """For each dataset: the distances of its classes, and a part for each pair.

    Raises:
        ArgumentError: a dataset has fewer than three classes.
    """
    for name, dataset in subject.inputs.items():
        pairs = pairs_of(name, dataset)
        distances = functools.partial(_distances, config, dataset, pairs.names)
        seconds = len(pairs.names) * config.image_pairs * SSIM_SECONDS
        yield Part(f"{name}.ssim", f"{title(name)}: SSIM distances of the classes", distances, seconds, "ssim")
        for n, pair in enumerate(pairs.names):
            seconds = config.seeds * (config.epochs * pairs.size[0] * _TRAINING + (1 + config.nulls) * _NULL)
            look = functools.partial(_look, config, name, pairs, n)
            yield Part(
                f"{name}.{pair}", f"{title(name)}: all lenses on {pair.replace('-', ' and ')}", look, seconds, "lenses"
            )


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        Over (dataset, pair, seed): what each lens sees; over (dataset, pair): ssim, its standard error, linear_error, and dimension if asked for.
    """
    rows = []
    for name in subject.inputs:
        found = [done[part] for part in done if part.startswith(f"{name}.") and part != f"{name}.ssim"]
        rows.append(xr.merge([xr.concat(found, "pair"), done[f"{name}.ssim"]]))
    return xr.concat(rows, xr.DataArray(list(subject.inputs), dims="dataset", name="dataset"), join="outer")


def _distances(config: Config, dataset: data.Dataset, names: list[str], context: Context) -> xr.Dataset:
    return ssim_distances(dataset, names, config.image_pairs, context.progress)


def _look(config: Config, name: str, pairs: Pairs, n: int, context: Context) -> xr.Dataset:
    task, pair = pairs.tasks[n], pairs.names[n]
    model, linear = models.MLP(config.hidden, 2, config.activation), models.MLP((), 2)
    fit = train.fit(
        model, task, config.seeds, epochs=config.epochs, pad_to=pairs.size, mesh=context.mesh,
        checkpoint=context.checkpoint(f"{name}.{pair}"), progress=lambda done: context.progress(0.6 * done),
    )  # fmt: skip
    flat = train.fit(linear, task, 1, epochs=config.epochs, pad_to=pairs.size, mesh=context.mesh)
    training, test = (
        filled(x, y, size)
        for x, y, size in zip((task.x_train, task.x_test), (task.y_train, task.y_test), pairs.size, strict=True)
    )
    seen = {
        **gaps_of(model)(fit.params, test, training, context.key(name, pair, "gaps")),
        **frustration_of(model, task.x_train.shape[1:], config.nulls, config.replicas)(
            fit.params, context.key(name, pair, "frustration")
        ),
        **strengths_of(model)(fit.params, task.x_test[: config.samples]),
        "dead": fit.dead.astype(np.float32),
    }
    untrained = train.untrained(model, task, config.seeds)
    before = strengths_of(model)(untrained, task.x_test[: config.samples])["strength_correlation"]
    columns = {**seen, "strength_correlation_untrained": before}
    known = {"linear_error": (1 - flat.accuracy, "test error of a linear classifier")}
    if config.dimension:
        known["dimension"] = (np.array([intrinsic_dimension(task.x_train)]), "intrinsic dimension of the images")
    return xr.Dataset(
        {
            **{lens: (("pair", "seed"), np.asarray(values)[None]) for lens, values in columns.items()},
            **{name: ("pair", values, {"long_name": words, "units": "1"}) for name, (values, words) in known.items()},
        },
        {"pair": [pair], "seed": fit.seeds},
    )
