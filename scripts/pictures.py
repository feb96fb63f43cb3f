"""The pictures of README, from the results of finished runs.

    python scripts/pictures.py --probes runs/probes --frustration runs/frustration --transformer runs/transformer

Each argument is the folder of a run; what is left out stays as it is.
"""

import argparse
import dataclasses
import importlib
import io
import json
from pathlib import Path

import matplotlib
from PIL import Image

from jprobe.figures.style import STYLE
from jprobe.report import Panel
from jprobe.results import load

OUT = Path(__file__).parent.parent / "docs" / "pictures"

# Study -> (name of the picture, the end of the name of the panel that it shows).
PICTURES = {
    "probes": ("collapse", "perturbations"),
    "frustration": ("certificate", "ground_states"),
    "transformer": ("layers", "layers_borne"),
}


def panels(study: str, folder: Path) -> list[Panel]:
    """The figures of a finished run, drawn by the code of today; of several datasets the first."""
    package = importlib.import_module(f"jprobe.studies.{study}")
    ds = load(folder / "results.nc")
    if study == "probes":
        ds = ds.isel(dataset=slice(0, 1))
    kept = json.loads((folder / "config.json").read_text())
    options = {field.name: kept[field.name] for field in dataclasses.fields(package.Config) if field.name in kept}
    config = package.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    return list(package.STUDY.panels(ds, config))


def small(panel: Panel) -> bytes:
    """A figure as a PNG of few colours and few kilobytes."""
    buffer, out = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(STYLE):
        panel.figure.savefig(buffer, format="png", dpi=160)
    Image.open(buffer).convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Write the pictures of the runs that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for study in PICTURES:
        parser.add_argument(f"--{study}", type=Path, metavar="DIR", help=f"a finished run of the study {study}")
    OUT.mkdir(parents=True, exist_ok=True)
    for study, folder in vars(parser.parse_args()).items():
        if folder is not None:
            name, end = PICTURES[study]
            panel = next(panel for panel in panels(study, folder) if panel.name.endswith(end))
            (OUT / f"{name}.png").write_bytes(small(panel))
            print(f"docs/pictures/{name}.png: {panel.title}. {panel.says}")


if __name__ == "__main__":
    main()
