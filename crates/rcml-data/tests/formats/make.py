"""Writes the files that tests/foreign_files.rs reads, with the tools that people write them with, and expected.json beside
them: what the same tools read back.

    pip install pyarrow==26.0.0 pandas polars==2.1.0 datasets==5.2.0 webdataset==1.0.2 pillow
    python make.py
"""

import base64, datetime, decimal, io, json, os, shutil, zlib

import datasets, numpy, pandas, polars, pyarrow, webdataset
import pyarrow.parquet
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)


def png(seed, size=4):
    pixels = numpy.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def check(data):
    return None if data is None else zlib.crc32(data)


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)


expected = {}
ids = [f"i{n}" for n in range(7)]
texts = [None if n == 3 else f"text {n} é" for n in range(7)]

# pandas: integer ids, a float column with holes, timestamps of nanoseconds, a category (dictionary), an index of its own.
fresh("pandas")
frame = pandas.DataFrame({
    "id": range(100, 107),
    "text": [text or "x" for text in texts],
    "price": [1.5, None, 2.0, 3.25, None, 0.1, 7.0],
    "colour": pandas.Categorical(["red", "blue", None, "red", "red", "blue", "red"]),
    "since": pandas.to_datetime(["2020-01-02 03:04:05.678901234", None] + ["1999-12-31 00:00:00.000000000"] * 5),
    "count": pandas.array([1, None, 3, 4, 5, 6, 7], dtype="Int64"),
    "flag": [True, False] * 3 + [True],
}, index=list("abcdefg"))
frame.to_parquet("pandas/items.parquet")
expected["pandas"] = [
    {"id": "100", "text": texts[0], "image": None, "label": None, "split": None,
     "attributes": {"price": 1.5, "colour": "red", "since": "2020-01-02T03:04:05.678901234", "count": 1, "flag": True}},
    {"id": "101", "text": texts[1], "image": None, "label": None, "split": None,
     "attributes": {"colour": "blue", "flag": False}},
]

# polars: Zstandard, large strings, lists, structs, decimals, dates, small integers, single floats; relations and edges.
fresh("polars")
polars.DataFrame({
    "id": ids,
    "text": texts,
    "label": [n % 3 for n in range(7)],
    "features": [{"audio": n % 2, "clip": None} for n in range(7)],
    "tags": [[], ["a"], None, ["a", None, "c"], ["d"], [], ["e", "f"]],
    "nested": [[[1, 2], [], [3]], [], None, [None, [4]], [[5]], [[]], [[6], [7]]],
    "box": [{"w": 1, "h": None}, None, {"w": 3, "h": 4.5}, None, None, {"w": None, "h": None}, {"w": 1, "h": 1.0}],
    "price": [decimal.Decimal("12.50")] * 6 + [None],
    "day": [datetime.date(2024, 2, 29)] * 6 + [None],
    "small": polars.Series([-1, 0, 1, 2, 3, 4, 5], dtype=polars.Int8),
    "big": polars.Series([2**64 - 1] * 7, dtype=polars.UInt64),
    "single": polars.Series([0.1] * 7, dtype=polars.Float32),
    "split": ["train", "train", "test", "train", "val", "test", "train"],
    "wide": [["a long text that makes a dictionary worth while"]] * 7,
}).write_parquet("polars/items.parquet", row_group_size=3)
numpy.save("polars/audio.npy", numpy.arange(6, dtype=numpy.float32).reshape(2, 3))
numpy.save("polars/clip.npy", numpy.arange(6, dtype=numpy.float16).reshape(2, 3))
with open("polars/dataset.toml", "w") as file:
    file.write('[modalities.audio]\nfile = "audio.npy"\n[modalities.clip]\nfile = "clip.npy"\n')
polars.DataFrame({
    "id": ["goes-with", "same-shape"],
    "descriptions": [["goes with", "fits"], ["has the same shape as"]],
    "symmetric": [False, True],
}).write_parquet("polars/relations.parquet", compression="gzip")
polars.DataFrame({
    "relation": polars.Series(["goes-with", "same-shape", "goes-with", "goes-with"], dtype=polars.Categorical),
    "source": ["i0", "i1", "i2", "i3"], "target": ["i1", "i2", "i3", "i4"], "weight": [0.5, None, 1.0, 2.0],
}).write_parquet("polars/edges.parquet", compression="lz4", row_group_size=2)
rows = polars.read_parquet("polars/items.parquet").to_dicts()


def plain(value):
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


splits = {"train": "train", "test": "test", "val": "validation"}
expected["polars"] = [
    {"id": row["id"], "text": row["text"], "image": None, "label": str(row["label"]), "split": splits[row["split"]],
     "attributes": {k: (0.1 if k == "single" else plain(v)) for k, v in row.items()
                    if v is not None and k not in ("id", "text", "label", "split", "features")}}
    for row in rows]

# datasets: shards as push_to_hub writes them, pictures in {bytes, path}, classes, several captions.
fresh("huggingface")
os.makedirs("huggingface/data")
features = datasets.Features({
    "image": datasets.Image(), "caption": datasets.Value("string"), "label": datasets.ClassLabel(names=["cat", "dog"]),
    "scores": datasets.Sequence(datasets.Value("float32")),
})
expected["huggingface"] = []
for split, shards, count in [("test", 1, 2), ("train", 2, 5)]:
    pictures = [None if n == 1 else {"bytes": png(n // 2 + 10 * count), "path": ["same.png", None][n % 2]} for n in range(count)]
    data = datasets.Dataset.from_dict({
        "image": pictures, "caption": [f"{split} caption {n}" for n in range(count)], "label": [n % 2 for n in range(count)],
        "scores": [[float(n)] * n for n in range(count)],
    }, features=features)
    for shard in range(shards):
        part = data.shard(shards, shard, contiguous=True)
        part.to_parquet(f"huggingface/data/{split}-{shard:05}-of-{shards:05}.parquet", batch_size=2)
        # What the writer made of it, as it lies in the file.
        for row in pyarrow.parquet.read_table(f"huggingface/data/{split}-{shard:05}-of-{shards:05}.parquet").to_pylist():
            expected["huggingface"].append({
                "text": row["caption"], "image": check((row["image"] or {}).get("bytes")), "label": ["cat", "dog"][row["label"]],
                "split": split, "attributes": {"scores": row["scores"]}})

# pyarrow: many row groups, pages of one picture, old (1.0) and new (2.x) forms of pages, maps, a column of plain bytes.
fresh("arrow")
table = pyarrow.table({
    "id": pyarrow.array(ids).dictionary_encode(),
    "image": pyarrow.array([png(n, 24) for n in range(7)], pyarrow.binary()),
    "map": pyarrow.array([[("a", n)] for n in range(7)], pyarrow.map_(pyarrow.string(), pyarrow.int16())),
    "raw": pyarrow.array([b"\xff\x00"] * 7, pyarrow.binary()),
    "nothing": pyarrow.nulls(7),
    "time": pyarrow.array([1_541_186_529_153] * 7, pyarrow.timestamp("ms", tz="UTC")),
})
pyarrow.parquet.write_table(table.slice(0, 4), "arrow/items-00000-of-00002.parquet", row_group_size=3, data_page_size=100,
                            use_dictionary=["id"], write_statistics=False, data_page_version="2.0", compression="snappy")
pyarrow.parquet.write_table(table.slice(4), "arrow/items-00001-of-00002.parquet", row_group_size=2, data_page_size=100,
                            compression="none", version="1.0", use_dictionary=True)
expected["arrow"] = [
    {"id": f"i{n}", "text": None, "image": check(png(n, 24)), "label": None, "split": None,
     "attributes": {"map": {"a": n}, "raw": base64.b64encode(b"\xff\x00").decode(), "time": "2018-11-02T19:22:09.153"}}
    for n in range(7)]

# webdataset: one plain tar a split, one compressed.
fresh("webdataset")
expected["webdataset"] = []
for split, ending, numbers in [("test", "tar.gz", [4, 5]), ("train", "tar", [0, 1, 2, 3])]:
    with webdataset.TarWriter(f"webdataset/{split}-000000.{ending}") as sink:
        for n in numbers:
            sample = {"__key__": f"{n:06}", "txt": f"text {n}", "json": {"price": n / 2, "tags": ["a"], "name": "n"}, "cls": n % 2}
            if n != 2:
                sample["png"] = png(n)
            if n == 0:
                sample["relations.json"] = [{"relation": "same-shelf", "target": "000001", "weight": 0.5},
                                            {"relation": "goes_with", "target": "000002", "description": "goes with"}]
            if n == 1:
                sample["relations.json"] = {"same-shelf": ["000002", {"target": "000003", "split": "test"}]}
            sink.write(sample)
            expected["webdataset"].append({
                "id": f"{n:06}", "text": f"text {n}", "image": check(sample.get("png")), "label": str(n % 2), "split": split,
                "attributes": {"price": n / 2, "tags": ["a"], "name": "n"}})

with open("expected.json", "w") as file:
    json.dump(expected, file, indent=1, ensure_ascii=False, default=str)
