"""Intrinsic dimension of a task's images: a known measure of difficulty, by somebody else's code."""

import numpy as np

from jprobe.errors import MissingExtraError

# Nearest neighbours are found among so many images.
_IMAGES = 2000


def intrinsic_dimension(x: np.ndarray) -> float:
    """The maximum-likelihood estimate from distances to nearest neighbours, of scikit-dimension, from up to 2,000 images.

    Args:
        x: images [N, ...].

    Raises:
        MissingExtraError: scikit-dimension is not installed.

    Source:
        Levina, Bickel, Maximum likelihood estimation of intrinsic dimension, NeurIPS 2004.
    """
    try:
        import skdim  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("Intrinsic dimension", "scikit-dimension>=0.5") from error
    rows = np.random.default_rng(0).permutation(len(x))[:_IMAGES]
    return float(skdim.id.MLE().fit(x[rows].reshape(len(rows), -1)).dimension_)
