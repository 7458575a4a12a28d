"""torchvision's side of the bench of pictures, driven line by line over standard input.

Each request is one JSON object, each answer one JSON line. `time` sends files through the transforms of OpenAI's CLIP, on
Pillow, and answers the seconds: in threads (Pillow lets others run while it works) or in the worker processes of PyTorch's
own loader, which are kept from one request to the next.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

threads = int(sys.argv[1])
torch.set_num_threads(1)
transform = Compose(
    [
        Resize(224, interpolation=InterpolationMode.BICUBIC),
        CenterCrop(224),
        ToTensor(),
        Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    ]
)


def load(path):
    with Image.open(path) as picture:
        return transform(picture.convert("RGB"))


class Files(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return load(self.paths[index])


pool = ThreadPoolExecutor(threads)
loaders = {}


def in_threads(paths, batch):
    for start in range(0, len(paths), batch):
        torch.stack(list(pool.map(load, paths[start : start + batch])))


def in_processes(paths, batch):
    key = tuple(paths)
    if key not in loaders:
        loaders.clear()
        loaders[key] = torch.utils.data.DataLoader(
            Files(paths), batch_size=batch, num_workers=threads, persistent_workers=True
        )
    for _ in loaders[key]:
        pass


for line in sys.stdin:
    request = json.loads(line)
    try:
        if request["do"] == "version":
            answer = {
                "version": f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}"
            }
        else:
            way = {"threads": in_threads, "processes": in_processes}[request["way"]]
            start = time.perf_counter()
            way(request["files"], request["batch"])
            answer = {"seconds": [time.perf_counter() - start]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
