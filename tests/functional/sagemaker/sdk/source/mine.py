"""A training script as Studio's users write them."""

import os
from pathlib import Path

epochs = int(os.environ["SM_HP_EPOCHS"])
files = sorted(path.name for path in Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(f"{epochs} {files}", encoding="utf-8")
