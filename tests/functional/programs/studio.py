"""Trains with SageMaker's SDK as a notebook of Studio does: ``studio.py RUN``."""

import json
import sys

from visionml import workbench

session = workbench.open("local", say=lambda _line: None)
trainer = session.studio.trainer(session.runs.open(sys.argv[1]), epochs=1, learning_rate=0.01)
trainer.train(wait=False, logs=False)
card = session.studio.wait(trainer)
told = {
    "job": session.studio.latest_job(trainer),
    "card": card.rows,
    "epochs": list(session.studio.history(trainer).index),
}
sys.stdout.write(f"\n{json.dumps(told)}\n")
