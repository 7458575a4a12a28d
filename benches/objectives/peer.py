"""PyTorch's side of the bench of objectives: InfoNCE with the whole matrix of scores, forward and backward."""

import argparse
import json
import time

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser()
for name in ("threads", "width", "b", "positives", "rounds"):
    parser.add_argument("--" + name, type=int, required=True)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
x, y = (F.normalize(torch.randn(args.b, args.width)).requires_grad_() for _ in range(2))
own = torch.arange(args.b)


def step():
    x.grad = y.grad = None
    logits = x @ y.t() / 0.07
    if args.positives == 1:
        loss = F.cross_entropy(logits, own)
    else:
        first = own // args.positives * args.positives
        columns = torch.stack([first + k for k in range(args.positives)], 1).clamp(max=args.b - 1)
        loss = (logits.logsumexp(1) - logits.gather(1, columns).mean(1)).mean()
    loss.backward()


step()
seconds = []
for _ in range(args.rounds):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
print("RESULT", json.dumps({"seconds": seconds, "peak": peak, "version": torch.__version__}))
