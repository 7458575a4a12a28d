"""PyTorch's side of the bench of encoders: one JSON request a line, one answer a line.

CLIP's image encoder is written with what PyTorch has for it (one product for query, key and value, its own fused attention); the
weights are read from the same file as ours, and the embeddings are compared before anything is measured.
"""

import argparse
import json
import struct
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, required=True)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)


def header(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return json.loads(file.read(length)), 8 + length


def tensors(path):
    entries, begin = header(path)
    data = np.memmap(path, np.uint8, "r")
    for name, entry in entries.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[begin + start : begin + end], np.float32).reshape(entry["shape"])
            yield name, torch.from_numpy(values.copy())


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, width))
        y = self.up(self.norm2(x))
        return x + self.down(y * torch.sigmoid(1.702 * y))


class Vision(nn.Module):
    def __init__(self, weights, heads=12):
        super().__init__()
        w = {name.removeprefix("vision_model."): value for name, value in weights}
        patches = w["embeddings.patch_embedding.weight"]
        width, depth = patches.shape[0], sum(name.endswith(".mlp.fc1.bias") for name in w)
        self.patches = nn.Conv2d(3, width, patches.shape[2], patches.shape[2], bias=False)
        self.cls, self.positions = (
            nn.Parameter(w["embeddings." + name]) for name in ("class_embedding", "position_embedding.weight")
        )
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.project = nn.Linear(width, w["visual_projection.weight"].shape[0], bias=False)
        with torch.no_grad():
            self.patches.weight.copy_(patches)
            self.project.weight.copy_(w["visual_projection.weight"])
            for norm, name in ((self.before, "pre_layrnorm"), (self.after, "post_layernorm")):
                norm.weight.copy_(w[name + ".weight"])
                norm.bias.copy_(w[name + ".bias"])
            for k, block in enumerate(self.blocks):
                at = f"encoder.layers.{k}."
                for part in ("weight", "bias"):
                    three = [w[f"{at}self_attn.{p}_proj.{part}"] for p in "qkv"]
                    getattr(block.qkv, part).copy_(torch.cat(three))
                    for own, name in (
                        ("out", "self_attn.out_proj"), ("up", "mlp.fc1"), ("down", "mlp.fc2"),
                        ("norm1", "layer_norm1"), ("norm2", "layer_norm2"),
                    ):
                        getattr(getattr(block, own), part).copy_(w[f"{at}{name}.{part}"])

    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        x = self.before(x)
        for block in self.blocks:
            x = block(x)
        # Every token is projected, since ours hands all of them over.
        return self.project(self.after(x))


class Head(nn.Module):
    """Relation attention as the paper writes it, or with the key's map folded into the query and the value's behind the pooling."""

    def __init__(self, request):
        super().__init__()
        self.r, width = request, request["width"]
        self.folded = request["way"] == "folded"
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.projector = None
        if request["input"] != width:
            self.projector = nn.Sequential(nn.LayerNorm(request["input"]), linear(request["input"], width))
        self.q, self.k, self.v, self.o = (linear(width, width) for _ in range(4))
        self.relations = torch.randn(request["relations"], width)
        entries, begin = header(request["file"])
        start = begin + entries["values"]["data_offsets"][0]
        shape = (request["items"], request["tokens"], request["input"])
        self.cache = np.memmap(request["file"], np.float16, "r", start, shape)
        self.optimizer = torch.optim.AdamW(self.parameters(), 1e-4, weight_decay=0.05)
        batch, anchors = request["batch"], request["batch"] // request["relations"]
        rows = torch.arange(batch)
        self.own, self.positive = rows // anchors * batch + rows, (rows + 1) % batch
        self.self_mask = torch.eye(batch, dtype=torch.bool).view(request["relations"], anchors, batch)
        self.steps = 0

    def pool(self, x):
        scale = x.shape[2] ** -0.5
        if self.folded:
            a = torch.softmax(x @ (self.q(self.relations) @ self.k.weight).t() * scale, 1)
            return self.o(self.v(a.transpose(1, 2) @ x))
        a = torch.softmax(self.k(x) @ self.q(self.relations).t() * scale, 1)
        return self.o(a.transpose(1, 2) @ self.v(x))

    def step(self):
        r = self.r
        items = (self.steps * 101 + np.arange(r["batch"]) * 37) % r["items"]
        x = torch.from_numpy(self.cache[items]).float()
        if self.projector is not None:
            x = self.projector(x)
        z = F.normalize(self.pool(x), dim=2).transpose(0, 1)
        anchors = z.reshape(-1, r["width"])[self.own].view(r["relations"], -1, r["width"])
        logits = (anchors @ z.transpose(1, 2) / 0.07).masked_fill(self.self_mask, -1e9)
        loss = F.cross_entropy(logits.reshape(r["batch"], -1), self.positive)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return loss.item()


models, heads, pixels = {}, {}, None


def timed(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def answer(request):
    global pixels
    what, way = request["what"], request.get("way")
    if what == "version":
        return {"version": torch.__version__}
    if what == "open":
        with torch.inference_mode():
            model = Vision(tensors(request["folder"] + "/model.safetensors")).eval()
            models[way] = torch.compile(model) if way == "compiled" else model
            pixels = dict(tensors(request["folder"] + "/pixels.safetensors"))["pixels"]
            for _ in range(2):
                pooled = models[way](pixels)[:, 0]
            return {"pooled": pooled.flatten().tolist()}
    if what == "embed":
        with torch.inference_mode():
            return {"seconds": [timed(lambda: models[way](pixels))]}
    key = (way, request["file"])
    if what == "head":
        heads[key] = Head(request)
        return {"loss": heads[key].step()}
    return {"seconds": [timed(lambda: [heads[key].step() for _ in range(request["steps"])])]}


for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # told to the other side, which ends the bench
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
