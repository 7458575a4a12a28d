"""PyTorch's side of the relation attention bench, driven line by line over standard input.

Each request is one JSON object; each answer one JSON line. `prepare` makes the inputs of a shape, `time` runs one
implementation for `warm` seconds that do not count and then `repeat` times on end, and answers the mean seconds of these. The other side does the same in turn, so
that both see the same machine.
"""

import contextlib
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
read_clock = {"wall": time.perf_counter, "processor": time.process_time}[sys.argv[2]]
device = torch.device(sys.argv[3])
torch.set_default_device(device)
state = {}


def clock():
    """The time when everything asked for so far is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return read_clock()


def folded_flat(x, u):
    """One product over all tokens, softmax over tokens, one batched product."""
    a = torch.softmax(x @ u.t(), 1)
    return torch.bmm(a.transpose(1, 2), x)


def folded_einsum(x, u):
    a = torch.softmax(torch.einsum("qd,ntd->nqt", u, x), -1)
    return torch.einsum("nqt,ntd->nqd", a, x)


class Projections(torch.nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        for name in "qkvo":
            setattr(self, name, torch.nn.Linear(d, d, bias=False))


class Textbook(Projections):
    """Keys and values of every token projected once per item, all relations as queries."""

    def forward(self, x, relations):
        n, t, d = x.shape
        r, w = relations.shape[0], d // self.h
        k = self.k(x).view(n, t, self.h, w).transpose(1, 2)
        v = self.v(x).view(n, t, self.h, w).transpose(1, 2)
        q = self.q(relations).view(1, r, self.h, w).transpose(1, 2).expand(n, -1, -1, -1)
        return self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, r, d))


class Multihead(torch.nn.Module):
    """nn.MultiheadAttention as it comes."""

    def __init__(self, d, h):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(d, h, bias=False, batch_first=True)

    def forward(self, x, relations):
        return self.attention(relations.expand(x.shape[0], -1, -1), x, x, need_weights=False)[0]


class Folded(Projections):
    """The whole module with the key projection folded into the query and values projected after pooling."""

    def forward(self, x, relations):
        n, t, d = x.shape
        r, h, w = relations.shape[0], self.h, d // self.h
        q = self.q(relations).view(r, h, w)
        u = torch.einsum("rhw,hwd->rhd", q, self.k.weight.view(h, w, d)).reshape(r * h, d) / math.sqrt(w)
        p = folded_flat(x, u).view(n, r, h, d)
        z = torch.einsum("nrhd,hwd->nrhw", p, self.v.weight.view(h, w, d)).reshape(n, r, d)
        return self.o(z)


def prepare(n, t, d, r, h):
    torch._dynamo.reset()
    state.clear()
    state["x"] = torch.randn(n, t, d)
    state["u"] = torch.randn(r * h, d) / math.sqrt(d)
    state["relations"] = torch.randn(r, d)
    state["modules"] = {"sdpa": Textbook(d, h), "mha": Multihead(d, h), "module": Folded(d, h)}
    state["functions"] = {}


@contextlib.contextmanager
def arithmetic(precision):
    """f32 as it is, with products in tf32, or bf16 by autocast."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


def function(name, compiled, precision):
    key = (name, compiled, precision)
    if key not in state["functions"]:
        plain = {"flat": folded_flat, "einsum": folded_einsum}
        f = plain[name] if name in plain else state["modules"][name]
        state["functions"][key] = torch.compile(f, dynamic=False) if compiled else f
    return state["functions"][key]


def seconds(name, compiled, precision, backward, repeat):
    """The mean of so many runs, after which the device is waited for."""
    f = function(name, compiled, precision)
    x = state["x"]
    given = state["u"] if name in ("flat", "einsum") else state["relations"]
    if not backward:
        with torch.no_grad():
            start = clock()
            for _ in range(repeat):
                f(x, given)
            return (clock() - start) / repeat
    x, given = x.detach().requires_grad_(), given.detach().requires_grad_()
    parameters = [p for module in state["modules"].values() for p in module.parameters()]
    start = clock()
    for _ in range(repeat):
        # Without this a run would add its gradients to those of the one before.
        x.grad = given.grad = None
        for parameter in parameters:
            parameter.grad = None
        pooled = f(x, given)
        # Burn makes the gradient that a backward pass begins with, and its time counts.
        pooled.backward(torch.ones_like(pooled))
    return (clock() - start) / repeat


def handle(request):
    if request["do"] == "prepare":
        prepare(*request["shape"])
        return {}
    if request["do"] == "time":
        arguments = request["name"], request["compiled"], request["precision"], request["backward"]
        with arithmetic(request["precision"]):
            begun = clock()
            while True:
                seconds(*arguments, 1)
                if clock() - begun >= request["warm"]:
                    return {"seconds": [seconds(*arguments, request["repeat"])]}
    if request["do"] == "version":
        name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
        return {"version": f"{torch.__version__} on {name}", "threads": torch.get_num_threads()}
    raise ValueError(f"unknown request {request['do']!r}")


for line in sys.stdin:
    try:
        answer = handle(json.loads(line))
    except Exception as error:  # an implementation that fails is a row without a number, not the end of the bench
        answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
    print(json.dumps(answer), flush=True)
