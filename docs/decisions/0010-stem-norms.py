"""What a stem's norm does to textures: a transformer with a convolutional stem is taught to name the factors of `synthetic`.

    rcml data build synthetic --items 5000 --seed 1 --out DIR
    python3 0010-stem-norms.py DIR [--norms gn1,filters] [--steps 300]

Prints the share of right answers on the validation pictures.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

NORMS = ["ln", "gn1", "gn8", "in", "bn", "first-batch", "none", "filters"]
WIDTH, PATCH, SIZE, HEADS = 128, 16, 64, 4


class Convolution(nn.Module):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.norm, self.stride = norm, stride
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * math.sqrt(2 / (9 * inputs)))
        self.gain, self.bias = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.batch = nn.BatchNorm2d(outputs) if norm == "bn" else None
        self.first = None

    def forward(self, x):
        weight = self.weight
        if self.norm == "filters":
            mean, std = weight.mean((1, 2, 3), keepdim=True), weight.std((1, 2, 3), keepdim=True)
            weight = (weight - mean) / (std * math.sqrt(weight[0].numel()) + 1e-5) * 1.7
        x = F.conv2d(x, weight, None, self.stride, 1)
        channels = x.shape[1]
        groups = {"gn1": 1, "gn8": max(1, channels // 8), "in": channels}
        if self.norm in groups:
            return F.gelu(F.group_norm(x, groups[self.norm], self.gain, self.bias))
        if self.norm == "bn":
            return F.gelu(self.batch(x))
        if self.norm == "ln":
            x = F.layer_norm(x.permute(0, 2, 3, 1), (channels,), self.gain, self.bias)
            return F.gelu(x.permute(0, 3, 1, 2))
        if self.norm == "first-batch":
            if self.first is None:
                self.first = x.detach().mean((0, 2, 3)), x.detach().std((0, 2, 3)) + 1e-5
            mean, std = (value[:, None, None] for value in self.first)
            x = (x - mean) / std
        return F.gelu(x * self.gain[:, None, None] + self.bias[:, None, None])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(self.before(x)).view(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, WIDTH))
        return x + self.down(F.gelu(self.up(self.between(x))))


class Encoder(nn.Module):
    def __init__(self, norm):
        super().__init__()
        stages = int(math.log2(PATCH))
        channels = [3] + [max(16, WIDTH >> (stages - k)) for k in range(1, stages + 1)]
        layers = []
        for a, b in zip(channels, channels[1:]):
            layers += [Convolution(a, b, 2, norm), Convolution(b, b, 1, norm)]
        self.stem = nn.Sequential(*layers)
        self.position = nn.Parameter(0.02 * torch.randn((SIZE // PATCH) ** 2 + 1, WIDTH))
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.blocks = nn.Sequential(Block(), Block(), nn.LayerNorm(WIDTH))

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.summary.expand(len(x), -1, -1), x], 1) + self.position
        return self.blocks(x)[:, 0]


parser = argparse.ArgumentParser()
parser.add_argument("dir", type=Path)
parser.add_argument("--norms", default=",".join(NORMS))
parser.add_argument("--steps", type=int, default=300)
args = parser.parse_args()

items = [json.loads(line) for line in (args.dir / "items.jsonl").open()]
pictures = np.stack([np.asarray(Image.open(args.dir / item["image"]).convert("RGB")) for item in items])
pictures = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
factors = {}
for name in items[0]["factors"]:
    values = sorted({item["factors"][name] for item in items})
    factors[name] = torch.tensor([values.index(item["factors"][name]) for item in items])
train, validation = (
    torch.tensor([k for k, item in enumerate(items) if item["split"] == split]) for split in ("train", "validation")
)
for norm in args.norms.split(","):
    torch.manual_seed(0)
    encoder = Encoder(norm)
    heads = nn.ModuleDict({name: nn.Linear(WIDTH, int(of.max()) + 1) for name, of in factors.items()})
    parameters = [*encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, 2.4e-3, betas=(0.9, 0.98), weight_decay=0.1)
    for step in range(args.steps):
        rate = 0.02 + 0.49 * (1 + math.cos(math.pi * step / args.steps))
        for group in optimizer.param_groups:
            group["lr"] = 2.4e-3 * min(1, (step + 1) / (0.05 * args.steps)) * rate
        batch = train[torch.randint(len(train), (192,))]
        shifted = torch.roll(pictures[batch], torch.randint(-2, 3, (2,)).tolist(), (2, 3))
        states = encoder(shifted)
        loss = sum(F.cross_entropy(heads[name](states), of[batch]) for name, of in factors.items())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    encoder.eval()
    with torch.no_grad():
        states = encoder(pictures[validation])
    right = {n: (heads[n](states).argmax(1) == of[validation]).float().mean().item() for n, of in factors.items()}
    print(f"{norm:12}", "  ".join(f"{name} {share:.3f}" for name, share in right.items()), flush=True)
