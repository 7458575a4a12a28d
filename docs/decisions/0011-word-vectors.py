"""How far the words of texts and relations go before any training: MRR over the validation items of a data set.

    python 0011-word-vectors.py DATA RUN/tokenizer.json        # needs numpy, scipy, tokenizers

Queries are (item, relation) pairs of validation items under training relations, candidates the other validation items, known
answers filtered, ties at their expected rank. Texts are cut at 64 word pieces and are sums of word vectors times inverse document
frequency; "item" compares the query item's text, "item + relation" adds the relation's, both at unit length.
"""

import collections
import json
import sys

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import svds
from tokenizers import Tokenizer

WIDTH = 128
folder, tokenizer = sys.argv[1], Tokenizer.from_file(sys.argv[2])


def lines(name):
    return [json.loads(line) for line in open(f"{folder}/{name}.jsonl")]


items, relations = lines("items"), lines("relations")
index = {item["id"]: i for i, item in enumerate(items)}
row = {relation["id"]: i for i, relation in enumerate(relations)}
train = [i for i, item in enumerate(items) if item.get("split") == "train"]
held_out = [i for i, item in enumerate(items) if item.get("split") == "validation"]
seen = [i for i, relation in enumerate(relations) if relation.get("split") != "test"]

answers = collections.defaultdict(set)
for edge in lines("edges"):
    a, b, r = index[edge["source"]], index[edge["target"]], row[edge["relation"]]
    if r in seen and {a, b} <= set(held_out):
        answers[a, r].add(b)
        if relations[r].get("symmetric"):
            answers[b, r].add(a)
queries = sorted(answers)
sources, under = [a for a, _ in queries], [r for _, r in queries]

size = tokenizer.get_vocab_size()


def pieces(texts):
    return [encoded.ids[:64] for encoded in tokenizer.encode_batch(texts, add_special_tokens=False)]


item_words = pieces([item.get("text") or "" for item in items])
relation_words = pieces([r.get("description") or r["descriptions"][0] for r in relations])
documents_with = np.zeros(size)
for i in train:
    documents_with[list(set(item_words[i]))] += 1
idf = 1 + np.log((1 + len(train)) / (1 + documents_with))


def counts(documents):
    places = [(i, word) for i, words in enumerate(documents) for word in words]
    rows, columns = zip(*places)
    return sparse.csr_matrix((idf[list(columns)], (rows, columns)), shape=(len(documents), size))


def unit(matrix):
    if sparse.issparse(matrix):
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1))).ravel()
        return sparse.diags(1 / np.maximum(length, 1e-9)) @ matrix
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)


def mrr(asked, candidates):
    scores = asked @ candidates.T
    scores = scores.toarray() if sparse.issparse(scores) else scores
    place, found = {item: i for i, item in enumerate(held_out)}, []
    for scored, query in zip(scores, queries):
        true = [place[b] for b in answers[query]]
        others = np.delete(scored, true + [place[query[0]]])
        found += [1 / (1 + (others > scored[t]).sum() + (others == scored[t]).sum() / 2) for t in true]
    return 100 * np.mean(found)


X, R = counts(item_words), counts(relation_words)
print(f"{len(queries)} queries, {len(held_out)} candidates\nword vectors                item  item + relation")


def show(name, texts, words):
    asked = unit(texts)[sources]
    print(f"{name:24} {mrr(asked, unit(texts)[held_out]):7.1f} {mrr(asked + unit(words)[under], unit(texts)[held_out]):16.1f}")


def dense(name, vectors):
    texts = X @ vectors
    show(name, texts - texts[train].mean(0), R @ vectors)


show("none: TF-IDF", X, R)
random = np.random.RandomState(0).randn(size, WIDTH)
dense("random", random)
_, values, directions = svds(sparse.vstack([unit(X[train]), unit(R[seen])]), k=WIDTH)
dense("latent, unscaled", directions.T)
for ridge in (0.1, 0.3, 1, 3):
    latent = directions.T / np.sqrt(values**2 + ridge * (values**2).mean())
    dense(f"latent, ridge {ridge}, random", latent / np.sqrt((latent**2).mean()) + random)
