"""Decode, resize to 224 and normalise: this crate beside torchvision with Pillow, on the same files, cores and moment.

    pip install torch torchvision pillow==13.0.0 numpy
    cargo build --release --workspace --examples
    python crates/rcml-data/tests/images/speed.py target/release/examples/image_speed [FOLDER]

FOLDER: JPEG pictures; without it, 600 pictures of 500 x 375 (what ImageNet has on average) are drawn. Both sides use two
threads or processes, read each file once before they are timed, take turns, and report their best of three.
"""

import glob, os, re, subprocess, sys, tempfile, time

import numpy, torch, torchvision
import torchvision.transforms as T
from PIL import Image, features
import PIL

program = sys.argv[1]
WORKERS = 2


def draw(folder, count=600, width=500, height=375):
    random = numpy.random.default_rng(0)
    x, y = numpy.meshgrid(numpy.linspace(0, 1, width), numpy.linspace(0, 1, height))
    for n in range(count):
        planes = []
        for c in range(3):
            a, b, phase = random.uniform(1, 20, 3)
            plane = 0.5 + 0.3 * numpy.sin(2 * numpy.pi * (a * x + phase)) * numpy.cos(2 * numpy.pi * b * y)
            planes.append(plane + 0.06 * random.standard_normal(plane.shape))
        pixels = (255 * numpy.clip(numpy.stack(planes, -1), 0, 1)).astype(numpy.uint8)
        Image.fromarray(pixels).save(f"{folder}/{n:04}.jpg", quality=90)


class Pictures(torch.utils.data.Dataset):
    def __init__(self, files):
        self.files = files
        self.transform = T.Compose([
            T.Resize(224, interpolation=T.InterpolationMode.BICUBIC), T.CenterCrop(224), T.ToTensor(),
            T.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB"))


def theirs(files):
    # The first pictures come once the worker processes have started, which is not part of the work.
    loader = torch.utils.data.DataLoader(Pictures(files), batch_size=64, num_workers=WORKERS, persistent_workers=True)
    for _ in loader:
        pass
    start = time.perf_counter()
    for _ in loader:
        pass
    return len(files) / (time.perf_counter() - start)


def ours(folder):
    told = subprocess.run([program, folder, str(WORKERS)], capture_output=True, text=True, check=True).stdout
    return float(re.match(r"([\d.]+) pictures/s", told)[1])


torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as drawn:
    folder = sys.argv[2] if len(sys.argv) > 2 else drawn
    if folder == drawn:
        draw(drawn)
    files = sorted(glob.glob(f"{folder}/**/*.jp*g", recursive=True))
    size = sum(os.path.getsize(file) for file in files) / len(files) / 1024
    print(f"{len(files)} pictures of {size:.0f} KiB, first {Image.open(files[0]).size}; {WORKERS} threads or processes")
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    a, b = [], []
    for _ in range(3):
        a.append(theirs(files))
        b.append(ours(folder))
    print(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, libjpeg {jpeg}: {max(a):.0f} pictures/s  {[round(v) for v in a]}")
    print(f"rcml-data: {max(b):.0f} pictures/s  {[round(v) for v in b]}")
    print(f"ratio of the best {max(b) / max(a):.2f}, of each turn {[round(y / x, 2) for x, y in zip(a, b)]}")
