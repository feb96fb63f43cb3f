"""The zoo in torch, with random weights under the published names.

Each network is a function of a `Weights`, which makes a tensor the first time that a layer asks for it: after one run
`weights.state` is the published state dict. Images are [B, 3, H, W].
"""

import numpy as np
import torch
import torch.nn.functional as F


class Weights:
    """Random tensors by published name, such as "conv1.weight" and "bn1.running_var"."""

    def __init__(self):
        self.state, self.draw = {}, torch.Generator().manual_seed(0)

    def get(self, layer, kind, shape, scale=0.3, centre=0.0):
        name = f"{layer}.{kind}"
        if name not in self.state:
            self.state[name] = centre + scale * torch.randn(shape, generator=self.draw)
            if kind == "running_var":
                self.state[name] = self.state[name].abs() + 0.5
        return self.state[name]

    def conv(self, x, layer, out, side, stride=1, pad=0, groups=1, bias=True):
        shape = (out, x.shape[1] // groups, side, side)
        w = self.get(layer, "weight", shape, (2 / (shape[1] * side * side)) ** 0.5)
        return F.conv2d(x, w, self.get(layer, "bias", (out,)) if bias else None, stride, pad, 1, groups)

    def norm(self, x, layer, epsilon):
        n = (x.shape[1],)
        scale, offset = self.get(layer, "weight", n, centre=0.7), self.get(layer, "bias", n)
        mean, var = self.get(layer, "running_mean", n), self.get(layer, "running_var", n)
        return F.batch_norm(x, mean, var, scale, offset, eps=epsilon)

    def dense(self, x, layer, out):
        w = self.get(layer, "weight", (out, x.shape[1]), x.shape[1] ** -0.5)
        return F.linear(x, w, self.get(layer, "bias", (out,)))

    def arrays(self):
        return {name: np.asarray(tensor) for name, tensor in self.state.items()}


def squeezenet(w, x):
    def fire(x, n, few, many):
        x = w.conv(x, f"fire{n}/squeeze1x1", few, 1).relu()
        sides = w.conv(x, f"fire{n}/expand1x1", many, 1), w.conv(x, f"fire{n}/expand3x3", many, 3, pad=1)
        return torch.cat(sides, 1).relu()

    x = w.conv(x, "conv1", 64, 3, 2).relu()
    for n, (few, many) in enumerate([(16, 64)] * 2 + [(32, 128)] * 2 + [(48, 192)] * 2 + [(64, 256)] * 2, 2):
        if n in (2, 4, 6):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = fire(x, n, few, many)
    return w.conv(x, "conv10", 1000, 1).relu().mean((2, 3))


def resnet18(w, x, head=True):
    def conv(x, name, bn, out, side, stride, pad):
        return w.norm(w.conv(x, name, out, side, stride, pad, bias=False), bn, 1e-5)

    x = F.max_pool2d(conv(x, "conv1", "bn1", 64, 7, 2, 3).relu(), 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for n in (0, 1):
            name, out, stride = f"layer{stage}.{n}", 32 * 2**stage, 2 if stage > 1 and n == 0 else 1
            y = conv(x, f"{name}.conv1", f"{name}.bn1", out, 3, stride, 1).relu()
            y = conv(y, f"{name}.conv2", f"{name}.bn2", out, 3, 1, 1)
            short = conv(x, f"{name}.downsample.0", f"{name}.downsample.1", out, 1, stride, 0) if stride > 1 else x
            x = (y + short).relu()
    x = x.mean((2, 3))
    return w.dense(x, "fc", 1000) if head else x


def alexnet(w, x):
    x = w.conv(x, "conv1", 96, 11, 4).relu()
    x = F.max_pool2d(F.local_response_norm(x, 5, 1e-4, 0.75, 1.0), 3, 2)
    x = w.conv(x, "conv2", 256, 5, pad=2, groups=2).relu()
    x = F.max_pool2d(F.local_response_norm(x, 5, 1e-4, 0.75, 1.0), 3, 2)
    x = w.conv(x, "conv3", 384, 3, pad=1).relu()
    x = w.conv(x, "conv4", 384, 3, pad=1, groups=2).relu()
    x = F.max_pool2d(w.conv(x, "conv5", 256, 3, pad=1, groups=2).relu(), 3, 2).flatten(1)
    return w.dense(w.dense(w.dense(x, "fc6", 4096).relu(), "fc7", 4096).relu(), "fc8", 1000)


def alexnet_torchvision(w, x, head=True):
    x = F.max_pool2d(w.conv(x, "features.0", 64, 11, 4, 2).relu(), 3, 2)
    x = F.max_pool2d(w.conv(x, "features.3", 192, 5, pad=2).relu(), 3, 2)
    for n, out in ((6, 384), (8, 256), (10, 256)):
        x = w.conv(x, f"features.{n}", out, 3, pad=1).relu()
    x = F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2), 6)
    if not head:
        return x
    x = w.dense(w.dense(x.flatten(1), "classifier.1", 4096).relu(), "classifier.4", 4096).relu()
    return w.dense(x, "classifier.6", 1000)


INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def googlenet(w, x):
    def block(x, name, a, b, c, d, e, f):
        def conv(x, branch, out, side):
            return w.conv(x, f"inception_{name}/{branch}", out, side, pad=side // 2).relu()

        branches = [conv(x, "1x1", a, 1), conv(conv(x, "3x3_reduce", b, 1), "3x3", c, 3)]
        branches += [conv(conv(x, "5x5_reduce", d, 1), "5x5", e, 5)]
        return torch.cat([*branches, conv(F.max_pool2d(x, 3, 1, 1), "pool_proj", f, 1)], 1)

    x = F.max_pool2d(w.conv(x, "conv1/7x7_s2", 64, 7, 2, 3).relu(), 3, 2, ceil_mode=True)
    x = w.conv(F.local_response_norm(x, 5, 1e-4, 0.75, 1.0), "conv2/3x3_reduce", 64, 1).relu()
    x = F.local_response_norm(w.conv(x, "conv2/3x3", 192, 3, pad=1).relu(), 5, 1e-4, 0.75, 1.0)
    for name, widths in INCEPTION.items():
        if name in ("3a", "4a", "5a"):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = block(x, name, *widths)
    return w.dense(x.mean((2, 3)), "loss3/classifier", 1000)


def googlenet_torchvision(w, x):
    def conv(x, name, out, side, stride=1):
        x = w.conv(x, f"{name}.conv", out, side, stride, side // 2, bias=False)
        return w.norm(x, f"{name}.bn", 1e-3).relu()

    def block(x, name, a, b, c, d, e, f):
        three = conv(conv(x, f"{name}.branch2.0", b, 1), f"{name}.branch2.1", c, 3)
        five = conv(conv(x, f"{name}.branch3.0", d, 1), f"{name}.branch3.1", e, 3)
        pool = conv(F.max_pool2d(x, 3, 1, 1, ceil_mode=True), f"{name}.branch4.1", f, 1)
        return torch.cat([conv(x, f"{name}.branch1", a, 1), three, five, pool], 1)

    x = F.max_pool2d(conv(x, "conv1", 64, 7, 2), 3, 2, ceil_mode=True)
    x = conv(conv(x, "conv2", 64, 1), "conv3", 192, 3)
    for name, widths in INCEPTION.items():
        if name in ("3a", "4a", "5a"):
            x = F.max_pool2d(x, 2 if name == "5a" else 3, 2, ceil_mode=True)
        x = block(x, f"inception{name}", *widths)
    return w.dense(x.mean((2, 3)), "fc", 1000)


def shufflenet(w, x):
    def norm(x, layer):
        return w.norm(x, f"{layer}_bn", 1e-5)

    def shuffle(x):
        return x.unflatten(1, (4, -1)).transpose(1, 2).flatten(1, 2)

    x = F.max_pool2d(norm(w.conv(x, "conv3_0", 24, 3, 2, 1), "conv3_0").relu(), 3, 2, 1)
    for n in range(16):
        first, out = n in (0, 4, 12), 136 if n < 4 else 272 if n < 12 else 544
        inner = x.shape[1] if n else 112
        y = w.conv(x, f"gconv1_{2 * n}", inner, 1, groups=4, bias=False)
        y = shuffle(norm(y, f"gconv1_{2 * n}").relu())
        y = norm(w.conv(y, f"gconv3_{n}", inner, 3, 2 if first else 1, 1, inner, bias=False), f"gconv3_{n}")
        y = w.conv(y, f"gconv1_{2 * n + 1}", out - x.shape[1] if first else out, 1, groups=4, bias=False)
        y = norm(y, f"gconv1_{2 * n + 1}")
        pooled = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) if first else None
        x = (torch.cat([y, pooled], 1) if first else x + y).relu()
    return w.dense(x.mean((2, 3)), "pred", 1000)


def onnx_zoo_names(weights):
    """The tensors under the names of the ONNX zoo: "gpu_0/conv3_0_w_0", "gpu_0/conv3_0_bn_s_0", ..."""
    kinds = {"weight": "w", "bias": "b", "running_mean": "rm", "running_var": "riv"}
    out = {}
    for name, array in weights.arrays().items():
        layer, kind = name.split(".")
        short = "s" if layer.endswith("_bn") and kind == "weight" else kinds[kind]
        out[f"gpu_0/{layer}_{short}_0"] = array
    return out
