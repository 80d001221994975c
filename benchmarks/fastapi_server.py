"""The model behind FastAPI."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from benchmarks.peer_model import PeerModel


def main(folder: Path, port: int) -> None:
    """Serve until terminated."""
    app = FastAPI()
    model = PeerModel(folder)

    @app.post("/invocations")
    async def invocations(request: Request) -> dict[str, object]:
        return await run_in_threadpool(model.predict, await request.body())

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
