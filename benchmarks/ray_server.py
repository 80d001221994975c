"""The model behind Ray Serve: a replica a core."""

import os
import signal
import sys
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when ray is imported

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from benchmarks.peer_model import PeerModel


class Classifier:
    """Ray Serve's way of serving a model."""

    def __init__(self, folder: str) -> None:
        self._model = PeerModel(Path(folder))

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer one image."""
        return JSONResponse(self._model.predict(await request.body()))


if __name__ == "__main__":
    ray.init(
        num_cpus=2 * (os.cpu_count() or 1),
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    replicas = serve.deployment(num_replicas=os.cpu_count() or 1, max_ongoing_requests=16)
    serve.run(replicas(Classifier).bind(sys.argv[1]), route_prefix="/invocations")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    try:
        signal.pause()
    finally:
        ray.shutdown()
