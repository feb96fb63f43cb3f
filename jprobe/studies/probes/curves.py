"""The study's curves, for setting runs side by side."""

from jprobe.studies.probes.config import GROUPS
from jprobe.studies.probes.parts import jobs, said
from jprobe.studies.study import Curve

_ALONG = {
    "removed": "fraction of the weights removed",
    "amplitude": "amplitude of the noise",
    "flipped": "fraction of the signs flipped",
    "factor": "amplitude of the factor",
    "rank": "singular values kept",
}


def curves() -> dict[str, Curve]:
    """Name of a variable -> how it is drawn, of every sweep over levels.

    Example:
        >>> curves()["flip"].along
        'fraction of the signs flipped'
    """
    return {
        job.name: Curve(said(job.name)[0].upper() + said(job.name)[1:], job.dim, _ALONG[job.dim])
        for job in jobs(GROUPS)
        if job.dim
    }
