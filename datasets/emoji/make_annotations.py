#!/usr/bin/env python3
"""Makes crates/rcml-data/src/build/emoji/annotations.tsv: subgroup and keywords of every base emoji.

    npm pack emojibase-data@17.0.0 && tar xzf emojibase-data-17.0.0.tgz
    python3 make_annotations.py package > ../../crates/rcml-data/src/build/emoji/annotations.tsv

emojibase-data (MIT) carries the annotations of the Unicode CLDR. Keywords without a letter, or of a single letter, say
nothing in a sentence and are left out.
"""

import json
import re
import sys
from pathlib import Path


def main(package: Path) -> None:
    emoji = json.loads((package / "en/data.json").read_text(encoding="utf-8"))
    subgroups = json.loads((package / "meta/groups.json").read_text(encoding="utf-8"))["subgroups"]
    components = 2
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    print(f"# code points without U+FE0F\tsubgroup\tkeywords, from emojibase-data {version} (MIT) by datasets/emoji/make_annotations.py")
    for entry in sorted((e for e in emoji if e.get("group", components) != components), key=lambda e: e["order"]):
        code = "-".join(format(int(c, 16), "x") for c in entry["hexcode"].split("-") if c != "FE0F")
        keywords = sorted({k.lower().replace("’", "'") for k in entry.get("tags", [])})
        keywords = [k for k in keywords if len(k) > 1 and re.search("[a-z]", k)]
        assert not any(re.search(r"[\t|]", k) for k in keywords), entry
        print(code, subgroups[str(entry["subgroup"])], "|".join(keywords), sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
