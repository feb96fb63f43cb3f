"""Figures of paper 2: one function a figure, from the frustration study's Dataset."""

import matplotlib.patches
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, legend_below, styled

_COLORS = {
    "active": "#6a8d3a", "real": "#ef8a47", "n1": "#528fad", "n2": "#8a5a9e", "n3_xavier": "#9aa0a6", "n3_he": "#5f6368",
    "n3": "#5f6368", "random": "#6a8d3a",
}  # fmt: skip
_NAMES = {
    "active": "active parts", "real": "network", "n1": "N1: shuffled\nin layers", "n2": "N2: shuffled\nover edges",
    "n3_xavier": "N3: fresh\n(Xavier)", "n3_he": "N3: fresh\n(He)",
}  # fmt: skip
_ORDERS = {"real": "network, its own order", "n3": "fresh weights (N3)", "random": "network, random order"}
_KINDS = {"conv": "#528fad", "dense": "#ef8a47", "pool": "#6a8d3a", "sum": "#b5534a"}


def _groups(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Energies of everything that was minimised, least first."""
    out = {"active": ds.active_energy.values} if "active_energy" in ds else {}
    out["real"] = ds.energy.values
    return out | {kind: ds.null_energy.sel(kind=kind).values.ravel() for kind in ds.kind.values.tolist()}


@styled
def energies(ds: xr.Dataset) -> Figure:
    """Figure 2: every local minimum found, of the network, its active parts and its null models."""
    figure, axes = canvas(1, 1, width=7.2, height=3.2)
    panel, groups = axes[0, 0], _groups(ds)
    rng = np.random.default_rng(0)
    for row, (name, values) in enumerate(groups.items()):
        shake = rng.uniform(-0.22, 0.22, len(values)) if len(values) > 2 else np.zeros(len(values))
        panel.plot(values, row + shake, "o", color=_COLORS[name], markersize=4.5, alpha=0.7, markeredgewidth=0)
        panel.plot([values.mean()] * 2, [row - 0.36, row + 0.36], color="black", linewidth=1.4)
        panel.annotate(
            f"{values.mean():.4f}", (values.max(), row), xytext=(7, -3), textcoords="offset points", fontsize=8
        )
    panel.set_yticks(range(len(groups)), [_NAMES[name].replace("\n", " ") for name in groups])
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.set_xlabel("frustration of a local minimum (line and number: mean)")
    panel.grid(axis="x", color="0.9")
    return figure


@styled
def intervals(ds: xr.Dataset) -> Figure:
    """Certified lower bounds and annealed energies: the ground state lies between."""
    models = [m for m in ("real", "n1", "n3_he") if np.isfinite(float(ds.certified.sel(model=m)))]
    figure, axes = canvas(1, 1, width=7.2, height=0.55 * len(models) + 1.1)
    panel = axes[0, 0]
    for row, model in enumerate(models):
        here = ds.sel(model=model)
        high = float(here.annealed) if model != "real" else min(float(here.annealed), float(ds.energy.min()))
        low = float(here.certified)
        panel.plot([low, high], [row, row], color=_COLORS[model], linewidth=7, solid_capstyle="butt", alpha=0.8)
        panel.annotate(f"{low:.4f}", (low, row), xytext=(-5, -3), textcoords="offset points", ha="right", fontsize=8)
        panel.annotate(f"{high:.4f}", (high, row), xytext=(5, -3), textcoords="offset points", fontsize=8)
        if model == "real":
            panel.axvline(high, color=_COLORS["real"], linewidth=0.9, linestyle=(0, (3, 2)), zorder=0)
    panel.set_yticks(range(len(models)), [_NAMES[m].replace("\n", " ") for m in models])
    panel.set_ylim(len(models) - 0.5, -0.5)
    panel.margins(x=0.14)
    panel.set_xlabel("frustration of the ground state: certified bound to annealed spins")
    return figure


@styled
def by_block(ds: xr.Dataset) -> Figure:
    """Share of frustrated weight by block, from input to output."""
    shares = (
        ds.annealed_frustrated.sel(model="real")
        if "annealed" in ds
        else ds.frustrated.isel(replica=int(np.argmin(ds.energy.values)))
    )
    keep = np.flatnonzero(~np.isnan(shares.values))
    figure, axes = canvas(1, 1, width=max(4.5, 0.21 * len(keep) + 1.6), height=3.4)
    panel = axes[0, 0]
    kinds = ds.block_kind.values[keep].tolist()
    for kind in dict.fromkeys(kinds):
        mine = [n for n, k in enumerate(kinds) if k == kind]
        panel.bar(mine, shares.values[keep][mine], color=_KINDS.get(kind, "#9aa0a6"), width=0.8, label=kind)
    whole = float(ds.annealed.sel(model="real")) if "annealed" in ds else float(ds.energy.min())
    panel.axhline(whole, color="black", linewidth=0.9, linestyle=(0, (3, 2)), label="whole network")
    panel.set_xticks(range(len(keep)), ds.block.values[keep].tolist(), rotation=90, fontsize=6.5)
    panel.set_ylabel("frustrated share of\nthe weight entering")
    panel.set_ylim(0, 0.55)
    panel.set_xlim(-0.7, len(keep) - 0.3)
    panel.legend(ncols=5, loc="upper left", bbox_to_anchor=(0, 1.14))
    return figure


@styled
def descent(ds: xr.Dataset) -> Figure:
    """Energy after each sweep, of the best replica and of annealing."""
    figure, axes = canvas(1, 1, width=5.2, height=2.9)
    panel = axes[0, 0]
    path = ds.history.values[~np.isnan(ds.history.values)]
    panel.plot(np.arange(1, len(path) + 1), path, color=_COLORS["real"], label="descent")
    if "annealed" in ds:
        for model, label in (("real", "annealing"), ("n1", "annealing, N1")):
            cooled = ds.annealed_history.sel(model=model)
            panel.plot(ds.anneal_sweep, cooled, color=_COLORS[model], linestyle=(0, (3, 2)), label=label)
    panel.set_xscale("log")
    panel.set_xlabel("sweep")
    panel.set_ylabel("frustration")
    panel.legend()
    return figure


@styled
def adjacency(ds: xr.Dataset) -> Figure:
    """Figure 6: where the layers lie in the adjacency matrix, at the scale of nodes."""
    figure, axes = canvas(1, 1, width=5.4, height=4.6)
    panel = axes[0, 0]
    sizes = ds.block_nodes.values.astype(float)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    total = starts[-1]
    kinds = ds.link_kind.values.tolist()
    for source, target, kind in zip(ds.link_source.values, ds.link_target.values, kinds, strict=True):
        # A block of few nodes would be thinner than a printed line.
        wide, high = max(sizes[source], total / 250), max(sizes[target], total / 250)
        panel.add_patch(
            matplotlib.patches.Rectangle(
                (starts[source], starts[target]),
                wide,
                high,
                facecolor=_KINDS.get(kind, "#9aa0a6"),
                alpha=0.75,
                linewidth=0,
            )
        )
    panel.plot([0, total], [0, total], color="0.75", linewidth=0.6, zorder=0)
    panel.set_xlim(0, total)
    panel.set_ylim(total, 0)
    panel.set_aspect("equal")
    scale, unit = (1e6, " million") if total > 2e6 else (1e3, " thousand")
    ticks = [t for t in panel.get_xticks() if 0 <= t <= total]
    panel.set_xticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_yticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_xlabel(f"edge leaves node ({unit.strip()}s)")
    panel.set_ylabel(f"edge enters node ({unit.strip()}s)")
    present = [k for k in _KINDS if k in kinds]
    handles = [matplotlib.patches.Patch(color=_KINDS[k], label=k, alpha=0.75) for k in present]
    panel.legend(handles=handles, loc="upper right")
    return figure


@styled
def alignment(ds: xr.Dataset, lambdas: dict[str, float]) -> Figure:
    """Figure 3: histograms of the aligned share of outputs, with 0.5 - lambda and 0.5 + lambda."""
    orders = ds.order.values.tolist()
    figure, axes = canvas(len(orders), 1, width=5.6, height=1.55)
    for panel, order in zip(axes[:, 0], orders, strict=True):
        values = ds.omega.sel(order=order).values.ravel()
        panel.hist(
            values,
            bins=np.linspace(0, 1, 61),
            weights=np.full(values.size, 1 / values.size),
            color=_COLORS[order],
            alpha=0.8,
        )
        for side in (-1, 1):
            panel.axvline(0.5 + side * lambdas[order], color="black", linewidth=1.2)
        panel.axvline(0.5, color="0.6", linewidth=0.7, linestyle=(0, (1, 2)))
        panel.set_title(f"{_ORDERS[order]}: λ = {lambdas[order]:.3f}", loc="left")
        panel.set_xlim(0, 1)
        panel.set_ylabel("share")
    axes[-1, 0].set_xlabel("Ω, share of outputs that rise with the order")
    return figure


@styled
def by_norm(ds: xr.Dataset, images: int = 6) -> Figure:
    """Figure 4: alignment against the perturbation's size, for a few images."""
    orders = ds.order.values.tolist()
    figure, axes = canvas(1, len(orders), width=2.9, height=2.7)
    pick = np.linspace(0, ds.sizes["image"] - 1, min(images, ds.sizes["image"])).round().astype(int)
    for panel, order in zip(axes[0], orders, strict=True):
        for n in pick:
            panel.plot(
                ds.norm.values,
                ds.omega.sel(order=order).isel(image=n).values,
                ".-",
                color=_COLORS[order],
                alpha=0.55,
                linewidth=1,
                markersize=4,
            )
        panel.axhline(0.5, color="0.4", linewidth=0.8, linestyle=(0, (1, 2)))
        panel.set_ylim(0, 1)
        panel.set_title(_ORDERS[order], loc="left")
        panel.set_xlabel("norm of the perturbation")
    axes[0, 0].set_ylabel("Ω")
    return figure


@styled
def overview(ds: xr.Dataset, lambdas: dict[str, float]) -> Figure:
    """Figure 5: frustration of all models, and lambda of all orders."""
    figure, axes = canvas(1, 2, width=5.0, height=3.0)
    groups = _groups(ds)
    left, right = axes[0]
    # The interesting range is far from zero, so these are points, not bars.
    for n, (kind, values) in enumerate(groups.items()):
        left.plot([n, n], [values.min(), values.max()], color=_COLORS[kind], linewidth=2)
        left.plot(n, values.mean(), "o", color=_COLORS[kind], markersize=8)
    left.set_xticks(range(len(groups)), [_NAMES[kind] for kind in groups], fontsize=7)
    left.margins(x=0.1)
    left.grid(axis="y", color="0.9")
    left.set_ylabel("frustration")
    names = {"real": "network", "n3": "fresh\nweights", "random": "random\norder"}
    right.bar(range(len(lambdas)), list(lambdas.values()), color=[_COLORS[o] for o in lambdas], width=0.7)
    right.set_xticks(range(len(lambdas)), [names[o] for o in lambdas], fontsize=7)
    right.set_ylabel("λ")
    return figure


@styled
def crossings(at: np.ndarray, shares: dict[str, np.ndarray], lambdas: dict[str, float]) -> Figure:
    """Figure 7: P(|Omega - 0.5| >= lambda) of each order, at the lambdas ``at``, and the line 2 lambda."""
    figure, axes = canvas(1, 1, width=4.6, height=3.0)
    panel = axes[0, 0]
    for order, share in shares.items():
        panel.plot(at, share, color=_COLORS[order], label=_ORDERS[order])
        panel.plot(lambdas[order], 2 * lambdas[order], "o", color=_COLORS[order], markersize=5)
    panel.plot(at, 2 * at, color="black", linewidth=0.9, linestyle=(0, (3, 2)), label="2λ")
    panel.set_xlabel("λ")
    panel.set_ylabel("P(|Ω - 0.5| ≥ λ)")
    legend_below(figure, axes, columns=2)
    return figure


@styled
def one_side(shares: dict[str, np.ndarray]) -> Figure:
    """Figure 8: of each image, the share of perturbations that more than half of the outputs follow."""
    figure, axes = canvas(1, len(shares), width=2.7, height=2.3)
    for panel, (order, values) in zip(axes[0], shares.items(), strict=True):
        panel.hist(
            values,
            bins=np.linspace(0, 1, 21),
            weights=np.full(values.size, 1 / values.size),
            color=_COLORS[order],
            alpha=0.8,
        )
        panel.set_title(_ORDERS[order], loc="left")
        panel.set_xlim(0, 1)
        panel.set_xlabel("share of perturbations\nwith Ω > 0.5")
    axes[0, 0].set_ylabel("share of images")
    return figure
