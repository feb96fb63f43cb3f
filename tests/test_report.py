"""What a person looks at: figures at the width they are printed, their files, and the page of a run."""

import base64
import csv
import io
import itertools
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jprobe.figures import hover, style
from jprobe.intervals import Estimate, spread
from jprobe.report import About, Check, Finding, KeyNumber, Outcome, Panel, Verdict, page
from jprobe.report.drawing import drawn
from jprobe.results import provenance
from jprobe.train import BLOCK

CURVE = xr.DataArray(
    np.random.default_rng(0).random((12, 7, 2)),
    {"seed": np.arange(12), "removed": np.linspace(0, 0.9, 7)},
    ("seed", "removed", "repeat"),
)


@style.styled
def figure_of(curve, columns=2):
    figure, axes = style.canvas(1, columns)
    for n, panel in enumerate(axes.flat):
        style.band(panel, curve, "removed", color=style.OTHERS[n], label=f"curve {n}")
        panel.set_title("a panel")
    return figure


def luminance(hue):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(hue)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


# Colour vision without red, green or blue cones: Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB.
MACHADO = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def test_colours_can_be_read_on_white_and_told_apart():
    for hue in {*style.COLORS.values(), *style.OTHERS, style.MUTED}:
        assert 1.05 / (luminance(hue) + 0.05) >= 4.5, hue
    easy, hard = (np.array(to_rgb(hue)) ** 2.2 for hue in (style.COLORS["easy"], style.COLORS["hard"]))
    for sight, matrix in MACHADO.items():
        seen = [np.clip(np.array(matrix) @ hue, 0, 1) ** (1 / 2.2) for hue in (easy, hard)]
        assert np.abs(seen[0] - seen[1]).max() > 0.25, sight


def test_a_spread_is_quantiles_and_the_bootstrap_by_block():
    found = spread(CURVE, "removed")
    rows = CURVE.transpose("removed", "seed", "repeat").values.reshape(7, -1)
    np.testing.assert_allclose(found.median, np.median(rows, 1))
    np.testing.assert_allclose(found.lower, np.quantile(rows, 0.25, axis=1))
    assert (found.low <= CURVE.mean("repeat").median("seed")).all()
    assert (found.high >= CURVE.mean("repeat").median("seed")).all()
    # Networks of one block move together, so the interval is as wide as that of two values would be.
    apart = CURVE.mean("repeat").copy(data=np.repeat([0.0, 1.0], [BLOCK, 2])[:, None] * np.ones(7))
    assert spread(apart, "removed").high[0] - spread(apart, "removed").low[0] == 1
    assert np.isnan(spread(CURVE.isel(seed=slice(0, 4)), "removed").low).all()
    assert spread(CURVE.isel(seed=0), "removed").size == 1


def test_figures_are_as_wide_as_a_column_or_a_page():
    assert style.canvas(1, 1)[0].get_figwidth() == style.COLUMN
    assert style.canvas(2, 3)[0].get_figwidth() == style.PAGE
    figure, _ = style.canvas(2, 1, [1.0, 2.0], wide=True, legend=0.5)
    assert figure.get_size_inches().tolist() == [style.PAGE, 3.5]


def test_few_networks_get_a_darker_band_for_the_interval():
    few = figure_of(CURVE, 1).axes[0]
    many = figure_of(xr.concat([CURVE.assign_coords(seed=CURVE.seed + 20 * n) for n in range(4)], "seed"), 1).axes[0]
    assert (len(few.collections), len(many.collections)) == (2, 1)


def test_an_accuracy_axis_shows_what_lies_below_chance():
    figure, axes = style.canvas(1, 2, share=True)
    axes[0, 0].plot([0, 1], [20, 90])
    axes[0, 1].plot([0, 1], [60, 90])
    style.accuracy_axis(axes[0])
    assert axes[0, 1].get_ylim()[0] < 20
    assert [text.get_text() for text in axes[0, 1].texts] == ["chance"]
    assert figure is axes[0, 0].figure


def test_pdfs_have_truetype_fonts_and_the_printed_size():
    pdf = drawn(figure_of(CURVE), "f").pdf
    streams = [
        zlib.decompress(s) if s[:1] == b"x" else s for s in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)
    ]
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf + b"".join(streams)
    width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)[1])
    assert width == pytest.approx(72 * style.PAGE)


def test_a_drawing_lies_where_the_page_thinks_it_does():
    figure = figure_of(CURVE)
    figure.axes[1].set_xscale("log")
    hover.name_spot(figure.axes[0], "spot", 0.3, 40, "words")
    found = drawn(figure, "f")
    width, height = figure.get_size_inches() * figure.dpi
    for panel, told in zip(figure.axes, found.told["panels"], strict=True):
        for x, y in zip(told["curves"][0]["x"][1:], told["curves"][0]["y"][1:], strict=True):
            across = [np.log(v) for v in (x, *told["x"][:2])] if told["x"][2] == "log" else [x, *told["x"][:2]]
            left, top, wide, high = told["box"]
            place = left + wide * (across[0] - across[1]) / (across[2] - across[1])
            down = top + high * (1 - (y - told["y"][0]) / (told["y"][1] - told["y"][0]))
            expected = panel.transData.transform((x, y)) / (width, height)
            assert (place, 1 - down) == pytest.approx(tuple(expected), abs=2e-3)
    assert found.told["panels"][0]["spots"] == [["spot", 0.3, 40.0, "words"]]
    # Every curve and band that the page hides has its place in the drawing.
    for curve in (c for p in found.told["panels"] for c in p["curves"]):
        assert all(f'id="{mark}"' in found.svg for mark in curve["ids"])


def test_panels_are_cut_out_for_narrow_screens_and_cover_the_figure():
    found = drawn(figure_of(CURVE, 3), "f")
    assert len(found.crops) == 3
    assert all(x >= -3 and x + w <= 72 * style.PAGE + 3 for x, _, w, _ in found.crops)
    for (a, _, w, _), (b, *_) in itertools.pairwise(found.crops):
        assert a + w <= b + 8
    assert drawn(figure_of(CURVE, 1), "g").crops == ()


def test_drawings_of_one_page_share_no_identifier_but_glyphs():
    one, two = (set(re.findall(r' id="([^"]+)"', drawn(figure_of(CURVE), name).svg)) for name in ("one", "two"))
    assert all(shared.startswith("DejaVu") for shared in one & two)


def outcome(**more):
    check = Check("lost", Estimate(0.3, 0.2, 0.4, 9), "above", 0.1)
    findings = [
        Finding("Signs cost <much>.", (check,) * 3, "a remark", "curves"),
        Finding("Nothing is lost.", (check._replace(side="below"),)),
    ]
    about = About(
        "A title", "What was run.", ["A note."], "What was found.", [KeyNumber("lost", "30%", "[20%, 40%]", "25%")]
    )
    panels = [
        Panel("figure_1_curves", "Figure 1. Curves", "It falls.", figure_of(CURVE)),
        Panel("mixing", "Mixing", "It mixes.", figure_of(CURVE, 1), diagnostic=True),
    ]
    return Outcome(about, findings, panels, {"a.b": 0.5, "c": "7-9"}, {}, **more)


@pytest.fixture(scope="module")
def html():
    told = outcome(table=(["probe", "easy"], [["pruning", "99.1"]]))
    drawings = {panel.name: drawn(panel.figure, panel.name) for panel in told.panels}
    return page(told, drawings, {"seeds": 3, "dataset": ["mnist", "kmnist"]}, provenance({}, "jprobe run probes", 1.0))


def test_a_page_opens_with_the_answer(html):
    order = ["What was found.", "30%", "[20%, 40%]", "paper: 25%", 'id="figure_1_curves"', "Signs cost &lt;much&gt;.", "99.1", "A note.", 'id="mixing"']  # fmt: skip
    places = [html.index(words) for words in order]
    assert places == sorted(places)
    assert "Claims: 1 holds, 1 differs" in html
    assert "mnist, kmnist" in html


def test_findings_lead_to_their_figures_and_keep_all_their_numbers(html):
    assert html.count('<a href="#figure_1_curves">') == 1
    assert html.count("lost 0.3 [0.2, 0.4]") == 4
    assert "and 1 more" in html


def test_tables_can_be_taken_from_the_page(html):
    (numbers, findings) = (
        list(csv.reader(io.StringIO(base64.b64decode(found).decode())))
        for found in re.findall(r'href="data:text/csv;base64,([^"]+)"', html)
    )
    assert numbers == [["key", "value"], ["a.b", "0.5"], ["c", "7-9"]]
    assert [row[1] for row in findings[1:]] == [Verdict.HOLDS.value, Verdict.DIFFERS.value]


def test_a_page_without_figures_or_findings_has_no_empty_parts():
    bare = Outcome(About("A title", "What was run."), [], [], {}, {})
    found = page(bare, {}, {}, provenance({}, "", 1.0))
    assert not re.search(r"<h2[^>]*>(Claims|Figures|Numbers|Methods|How)", found)
    assert "headline" not in found.partition("<body>")[2].partition("<script")[0].replace("headline numbers", "").replace("Headline numbers", "")  # fmt: skip


def test_a_figure_of_ones_own_width_is_drawn_too():
    figure = Figure(figsize=(9, 3))
    figure.subplots(1, 2)[0].plot([1, 2])
    assert drawn(figure, "mine").width == 9


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# What a reader does, and what the page then shows: the first curve's third point, a curve hidden, a place named in two figures.
READER = """
<script>
const at = (name, x, y) => {
  const box = svgOf(name).parentElement.getBoundingClientRect();
  const [px, py] = place(told[name].panels[0], box, x, y);
  svgOf(name).parentElement.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + px, clientY: box.top + py}));
};
const curve = told.figure_1_curves.panels[0].curves[0];
at("figure_1_curves", curve.x[2], curve.y[2]);
const seen = [document.querySelector(".tip").textContent];
document.querySelector(".chips button").click();
seen.push(curve.ids.every((id) => document.getElementById(id).style.display === "none"));
at("figure_1_curves", curve.x[2], curve.y[2]);
seen.push(document.querySelectorAll(".tip").length);
at("mixing", 0.3, 40);
seen.push(document.querySelectorAll(".ring").length, document.querySelector(".tip").textContent);
document.body.innerHTML = `<pre id="seen">${seen.join("|")}</pre>`;
</script></body>"""


@pytest.mark.end_to_end
@pytest.mark.skipif(BROWSER is None, reason="looks at the page in a browser: install chromium")
def test_values_are_told_at_the_pointer_and_curves_can_be_hidden(tmp_path):
    told = outcome()
    for panel in told.panels:
        hover.name_spot(panel.figure.axes[0], "spot", 0.3, 40, "the words of a place")
    drawings = {panel.name: drawn(panel.figure, panel.name) for panel in told.panels}
    html = page(told, drawings, {}, provenance({}, "", 1.0))
    (tmp_path / "page.html").write_text(html.replace("</body>", READER))
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    shown = subprocess.run([*command, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120)
    seen = re.search(r'<pre id="seen">(.*?)</pre>', shown.stdout)[1].split("|")
    curve = drawings["figure_1_curves"].told["panels"][0]["curves"][0]
    assert seen[0].startswith(f"curve 0: {curve['y'][2]:.3g} [{curve['low'][2]:.3g}, {curve['high'][2]:.3g}] at ")
    assert seen[1:] == ["true", "0", "2", "the words of a place"]


def test_every_figure_is_made_on_the_one_canvas():
    files = sorted(Path(style.__file__).parent.glob("*.py"))
    making = {
        file.name for file in files if re.search(r"\bFigure\(|figsize|subplots\(|set_size_inches", file.read_text())
    }
    assert making == {"style.py", "hover.py"}  # in hover.py an example
