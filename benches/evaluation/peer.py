"""faiss's side of the bench of evaluation: exact search by inner product, driven line by line over standard input.

The first request names the files of base vectors and queries (f32, row-major); every `search` answers the seconds of one search
of all queries, and the scores and rows that it found.
"""

import json
import sys
import time

import faiss
import numpy as np

faiss.omp_set_num_threads(int(sys.argv[1]))
width = int(sys.argv[2])
index = queries = None
for line in sys.stdin:
    request = json.loads(line)
    if "base" in request:
        base = np.fromfile(request["base"], dtype=np.float32).reshape(-1, width)
        queries = np.fromfile(request["queries"], dtype=np.float32).reshape(-1, width)
        index = faiss.IndexFlatIP(width)
        index.add(base)
        answer = {"version": faiss.__version__, "rows": index.ntotal}
    else:
        start = time.perf_counter()
        scores, rows = index.search(queries, request["k"])
        answer = {"seconds": [time.perf_counter() - start], "rows": rows.ravel().tolist(), "scores": scores.ravel().tolist()}
    print(json.dumps(answer), flush=True)
