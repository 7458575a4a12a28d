"""Draws twenty pictures of all sorts, and writes what Hugging Face's CLIP image processor makes of each: of the 3 x 224 x 224
bytes before normalisation every 13th of a plane, one picture after the other, compressed with zlib into expected.bin.

    pip install transformers==5.23.0 torch torchvision pillow==13.0.0 numpy
    python make.py
"""

import io, json, os, zlib

import numpy
from PIL import Image
from transformers import CLIPImageProcessor
from transformers.image_utils import load_image

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)
random = numpy.random.default_rng(0)


def scene(width, height, channels=3):
    """Soft colours, edges, and a little noise: what a photograph has."""
    x, y = numpy.meshgrid(numpy.linspace(0, 1, width), numpy.linspace(0, 1, height))
    planes = []
    for c in range(channels):
        a, b, phase = random.uniform(1, 5, 3)
        plane = 0.5 + 0.3 * numpy.sin(2 * numpy.pi * (a * x + phase)) * numpy.cos(2 * numpy.pi * b * y)
        left, top = random.uniform(0, 0.6, 2)
        plane[(x > left) & (x < left + 0.3) & (y > top) & (y < top + 0.3)] = random.uniform()
        planes.append(plane + 0.02 * random.standard_normal(plane.shape))
    return (255 * numpy.clip(numpy.stack(planes, -1), 0, 1)).astype(numpy.uint8)


def save(name, image, **options):
    image.save(name, **options)
    names.append(name)


names = []
rgb = lambda w, h: Image.fromarray(scene(w, h))
save("photo.jpg", rgb(320, 240), quality=90)
save("portrait.jpg", rgb(150, 300), quality=75)
save("progressive.jpg", rgb(300, 300), quality=80, progressive=True)
save("full-colour.jpg", rgb(301, 199), quality=92, subsampling=0)
save("half-colour.jpg", rgb(257, 255), quality=85, subsampling=1)
save("small.jpg", rgb(40, 30), quality=90)
save("grey.jpg", Image.fromarray(scene(200, 260, 1)[:, :, 0]), quality=85)
save("cmyk.jpg", Image.fromarray(scene(160, 160, 4), "CMYK"), quality=85)
for orientation in (3, 6, 8):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"turned-{orientation}.jpg", rgb(240, 180), quality=85, exif=exif)
save("huge.jpg", rgb(300, 200).resize((5000, 3300), Image.BILINEAR), quality=25)
save("colour.png", rgb(120, 90))
save("alpha.png", Image.fromarray(scene(90, 120, 4), "RGBA"))
save("grey.png", Image.fromarray(scene(64, 64, 1)[:, :, 0]))
save("grey-alpha.png", Image.fromarray(scene(64, 80, 2), "LA"))
save("palette.png", rgb(100, 100).quantize(32))
save("one-wide.png", rgb(1, 50))
save("one-high.png", rgb(60, 1))
save("picture.webp", rgb(200, 150), quality=80)
assert len(names) == 20

processor = CLIPImageProcessor(do_rescale=False, do_normalize=False)
expected = b""
for name in names:
    # load_image turns by EXIF, as every example of the library does.
    pixels = processor(load_image(name), return_tensors="np")["pixel_values"][0]
    assert pixels.shape == (3, 224, 224), (name, pixels.shape)
    expected += pixels.reshape(3, -1)[:, ::13].round().clip(0, 255).astype(numpy.uint8).tobytes()
with open("expected.bin", "wb") as file:
    file.write(zlib.compress(expected, 9))
with open("names.json", "w") as file:
    json.dump(names, file)
