#!/usr/bin/env python3
"""Values of the methods on a small fixture, in plain double precision Python: python3 oracles.py

Written from the published formulas, loop by loop, without any library, to check vectorised code against. Prints
`name value` lines; the catalogue of rcml-losses holds the values and its tests compare."""
import itertools
from math import acos, exp, log, pi, sin, sqrt


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def unit(a):
    length = sqrt(dot(a, a))
    return [x / length for x in a]


A = [unit(r) for r in ([1, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0])]
B = [unit(r) for r in ([1, 0, 1, 0], [0, 1, 0, 0], [0, 1, 1, 1])]
C = [unit(r) for r in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1])]
N, TAU = 3, 0.5
R = range(N)


def show(name, value):
    print(f"{name:20s} {value:.9f}")


def softmax(row):
    top = max(row)
    e = [exp(x - top) for x in row]
    return [x / sum(e) for x in e]


def scores(x, y, tau=TAU):
    return [[dot(a, b) / tau for b in y] for a in x]


def transpose(m):
    return [list(column) for column in zip(*m)]


def cross_entropy(logits, targets):
    return sum(-sum(t * log(p) for t, p in zip(targets[i], softmax(logits[i]))) for i in range(len(logits))) / len(logits)


EYE = [[float(i == j) for j in R] for i in R]


def nce(x, y, tau=TAU):
    return cross_entropy(scores(x, y, tau), EYE)


def clip(x, y, tau=TAU):
    return (nce(x, y, tau) + nce(y, x, tau)) / 2


def separate(logits, positives, joint):
    """Mean over rows of the mean over positives of -log(e^l / (own e^l + sum over negatives of e^l))."""
    rows = []
    for row, mine in zip(logits, positives):
        negatives = sum(exp(l) for j, l in enumerate(row) if j not in mine)
        rows.append(sum(-log(exp(row[j]) / (joint * exp(row[j]) + negatives)) for j in mine) / len(mine))
    return sum(rows) / len(rows)


def square(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b))


def uniform(x, t):
    pairs = list(itertools.combinations(x, 2))
    return log(sum(exp(-t * square(a, b)) for a, b in pairs) / len(pairs))


def align(x, y):
    return sum(square(a, b) for a, b in zip(x, y)) / len(x)


show("info-nce", nce(A, B))
show("clip", clip(A, B))
SAME = [{0, 1}, {0, 1}, {2}]
show("rcml", separate(scores(A, B), SAME, 1))
show("dcl", separate(scores(A, B), [{0}, {1}, {2}], 0))
show("bpr", sum(log(1 + exp((dot(A[i], B[j]) - dot(A[i], B[i])) / TAU)) for i in R for j in R if j != i) / (N * (N - 1)))
show("siglip", sum(log(1 + exp(-(1 if i == j else -1) * (dot(A[i], B[j]) / TAU - 1.0))) for i in R for j in R) / N)
F = [[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]
total = 0
for i in R:
    others = [j for j in R if j != i]
    p = softmax([dot(A[i], A[j]) / TAU for j in others])
    total -= sum(F[i][j] / sum(F[i][k] for k in others) * log(q) for j, q in zip(others, p)) / N
show("space2", total)
teacher = [softmax(row) for row in scores(B, C + B)]
target = [[0.4 * t + 0.6 * float(i == j) for j, t in enumerate(teacher[i])] for i in R]
show("tcl", cross_entropy(scores(A, C + B), target))
tokens = [v for i in R for v in (B[i], C[i])]
show("tcl-local", separate(scores(A, tokens), [{2 * i, 2 * i + 1} for i in R], 1))
byol = lambda q, z: sum(2 - 2 * dot(a, b) for a, b in zip(q, z)) / N
# Predictions A, B of the two modalities; momentum targets C, A.
show("slap", byol(A, A) + byol(B, C) + 0.5 * (byol(A, C) + byol(B, A)))
mse = lambda x, r: sum(square(a, b) for a, b in zip(x, r)) / (N * 4)
show("rafa", mse(A, C) + mse(B, C))
near = sum(dot(a, b) for a, b in zip(A, B)) / N
mixed = 0.9 * near + 0.1 * sum(dot(a, c) for a, c in zip(A, C)) / N
guard = lambda loss, g, top: (loss if g < top else 0) + 2 * max(0, g - top) ** 2
show("gap-guard", guard(nce(A, B), near, 0.69) + guard(nce(A, C), mixed, 0.69))
W = [[0, 0.5, 0], [0.5, 0, 1], [0, 1, 0]]
soft = [[dot(A[i], B[j]) / (TAU * (1 + 0.5 * W[i][j])) for j in R] for i in R]
across = (cross_entropy(soft, EYE) + cross_entropy(transpose(soft), EYE)) / 2
show("clsr", across + 0.3 * (nce(A, A) + nce(B, B)) + 0.2 * (mse(C, B) + mse(B, A)))
SHARES, PARTNERS = [0.7, 0.6, 1.0], [1, 0, 2]
mix = lambda x: [unit([s * p + (1 - s) * q for p, q in zip(x[i], x[k])]) for i, (s, k) in enumerate(zip(SHARES, PARTNERS))]
M = [[(SHARES[i] if i == j else 0) + (1 - SHARES[i] if PARTNERS[i] == j else 0) for j in R] for i in R]


def mixco(x, y, tau):
    s = scores(mix(x), y, tau)
    return (cross_entropy(s, M) + cross_entropy(transpose(s), transpose(M))) / 2


show("m3col", (mixco(A, B, 0.1) + mixco(B, A, 0.1)) / 2)
t = 0.5
kjem = sum(log(sum(exp(-square(A[i], A[j]) / (2 * t)) * exp(-square(B[i], B[j]) / (2 * t)) for j in R) / N) for i in R) / N
spread = lambda x, y: align(x, y) / (2 * t) + uniform(x, 1 / (2 * t))
origin = [1, 0, 0, 0]
show("sep-clr", spread(A, B) + spread(B, C) + sum(square(c, origin) for c in C) / N + 0.1 * kjem)
show("cua", clip(A, B) + (uniform(A, 2) + uniform(B, 2)) / 2 + align(A, B))
pairs = [[dot(A[i], C[i]) / TAU, dot(B[i], A[i]) / TAU] for i in R]
show("relation-contrast", separate(pairs, [{0}, {1}, {0}], 1))
W1 = [[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 2], [0, 0, -2, 0]]
turned = lambda s, o: sum(s[a] * W1[a][b] * o[b] for a in range(4) for b in range(4))
relation = [[dot(s, o) + 0.1, turned(s, o) - 0.2] for s, o in zip(A, B)]
show("bilinear-relation", cross_entropy(relation, [[1, 0], [0, 1], [0, 1]]))
