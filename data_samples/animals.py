"""Draw the animals as files: ``python -m data_samples.animals --output FOLDER``."""  # noqa: INP001

import argparse
from pathlib import Path

from visionml.dataset.drawn.collection import IMAGES, SEED, write_animals


def main() -> None:
    """Write the pictures, one folder per class."""
    parser = argparse.ArgumentParser(prog="python -m data_samples.animals", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--images", type=int, default=IMAGES, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="decides them all (%(default)s)")
    wanted = parser.parse_args()
    write_animals(wanted.output, images=wanted.images, seed=wanted.seed)


if __name__ == "__main__":
    main()
