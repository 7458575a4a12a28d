"""PyTorch's side of the bench of training: the same two towers, from PyTorch's own layers."""

import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=json.loads, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--rounds", type=int, required=True)
parser.add_argument("--compiled", action="store_true")
args = parser.parse_args()
size = args.size
torch.set_num_threads(args.threads)
torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def forward(self, x, other, mask=None):
        def split(y):
            return y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(other)), split(self.value(other))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.output(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        y = self.attention_norm(x)
        x = x + self.attention(y, y)
        return x + self.down(F.gelu(self.up(self.mlp_norm(x))))


class Trunk(nn.Module):
    def __init__(self, width, depth, heads, out):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.project = nn.LayerNorm(width), nn.Linear(width, out, bias=False)

    def forward(self, x):
        return self.project(self.norm(self.blocks(x)))


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = size["patch"]
        width, patches = size["image"][0], (size["picture"] // self.patch) ** 2
        self.embed = nn.Linear(3 * self.patch**2, width)
        self.places = nn.Parameter(torch.randn(1, patches, width) * 0.1)
        self.image = Trunk(*size["image"], size["width"])
        self.table = nn.Embedding(size["vocabulary"], size["text"][0])
        self.positions = nn.Parameter(torch.randn(size["tokens"], size["text"][0]) * 0.1)
        self.text = Trunk(*size["text"], size["width"])
        self.salience = nn.Embedding(size["vocabulary"], 1)
        nn.init.zeros_(self.salience.weight)
        self.cross = Attention(size["width"], size["cross"]) if size["cross"] else None
        self.cross_norm = nn.LayerNorm(size["width"]) if size["cross"] else None
        self.scale = nn.Parameter(torch.tensor([2.6592]))

    def forward(self, pixels, ids):
        n, c, h, w = pixels.shape
        p = self.patch
        x = pixels.view(n, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * p * p)
        x = self.image(self.embed(x) + self.places)
        x = torch.cat([x.mean(1, keepdim=True), x], 1)
        t = self.text(self.table(ids) + self.positions)
        weight = self.salience(ids).exp()
        t = torch.cat([(t * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True), t], 1)
        z = x[:, 0]
        if self.cross is not None:
            z = (x + self.cross(self.cross_norm(x), t)).mean(1)
        logits = F.normalize(z, dim=-1) @ F.normalize(t[:, 0], dim=-1).t() * self.scale.exp()
        own = torch.arange(n)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)) / 2


model = TwoTowers()
run = torch.compile(model) if args.compiled else model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
pixels = torch.randn(size["batch"], 3, size["picture"], size["picture"])
ids = torch.randint(0, size["vocabulary"], (size["batch"], size["tokens"]))


def step(times=None):
    marks = [time.perf_counter()]
    loss = run(pixels, ids)
    loss.item()
    marks.append(time.perf_counter())
    optimizer.zero_grad()
    loss.backward()
    marks.append(time.perf_counter())
    optimizer.step()
    marks.append(time.perf_counter())
    if times is not None:
        for name, a, b in zip(("forward", "backward", "optimizer"), marks, marks[1:]):
            times[name].append(b - a)


def inference():
    with torch.no_grad():
        return run(pixels, ids).item()


times = {"forward": [], "backward": [], "optimizer": [], "inference": []}
for _ in range(2):
    step()
wall, processor = time.perf_counter(), time.process_time()
for _ in range(args.rounds):
    step(times)
cores = (time.process_time() - processor) / (time.perf_counter() - wall)
inference()
for _ in range(args.rounds):
    start = time.perf_counter()
    inference()
    times["inference"].append(time.perf_counter() - start)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
parameters = sum(p.numel() for p in model.parameters())
result = {**times, "cores": cores, "peak": peak, "parameters": parameters, "version": torch.__version__}
print("RESULT", json.dumps(result))
