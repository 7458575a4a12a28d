#!/usr/bin/env python3
"""Values that the tests of build/interactions compare with, from SciPy and scikit-learn.

    pip install scipy scikit-learn && python3 crates/rcml-data/oracles/interactions.py
"""
import numpy as np
from scipy.stats import false_discovery_control, norm, poisson
from sklearn.metrics import adjusted_rand_score, silhouette_score

print("ln P(X >= count), Poisson")
for count, mean in [(1, 0.001), (3, 0.05), (2, 1.9), (10, 4.0), (100, 50.0), (5000, 4700.0)]:
    print(f"({count}, {mean}, {poisson.logsf(count - 1, mean)!r})")
print("P(Z >= z)")
for z in [0.0, 1.0, 3.0]:
    print(f"({z}, {norm.sf(z)!r})")
print("Benjamini-Hochberg at 0.05 of 0.5, 0.02, 0.01, 0.03:", false_discovery_control([0.5, 0.02, 0.01, 0.03]) <= 0.05)
print("adjusted Rand", repr(adjusted_rand_score([0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0])))
rows = np.array([[1, 0, 0], [0.9, 0.1, 0], [0.8, 0, 0.3], [0, 1, 0], [0, 0.7, 0.4], [0, 0, 1.0], [0.3, 0.3, 0.3]], dtype=np.float32)
print("silhouette", repr(silhouette_score(rows, [0, 0, 0, 1, 1, 2, 1])))
