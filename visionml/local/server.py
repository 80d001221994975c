"""The embedded AWS's process: ``python -m visionml.local.server --folder DIR [--port N]``.

It listens on 127.0.0.1 alone, with TLS, signatures and IAM enforced, and ends on SIGTERM with
everything that it started. `visionml local up` starts it in the background.
"""

import argparse
import asyncio
import logging
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from visionml.errors import MachineUnfit, VisionmlError
from visionml.local import processes, tls
from visionml.local.state import ACCOUNT, MARK, REGION, Credentials, Project, State, write

log = logging.getLogger("visionml.local")

_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TZ", "USER")
_ADMINISTRATION = "/_ministack/"
_HEALTH = "/_ministack/health"
_GRACE_SECONDS = 0.5
_ROOT_KEY = re.compile(rb"Credential=(?:test|[0-9]{12}|)(?=/|%2F)")
_NO_KEY = b"Credential=AKIANOSUCHKEY0000000"


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="visionml.local.server")
    parser.add_argument("--folder", type=Path, required=True, help="the project's .visionml folder")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    project = Project(arguments.folder.resolve())
    try:
        project.prepare()
        listener = _listen(arguments.port)
        certificates = tls.ensure(project.tls)
        credentials = Credentials.ensure(project)
    except VisionmlError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    state = _state(listener.getsockname()[1], certificates, credentials)
    _set_environment(project, state, certificates)
    code = 1
    try:
        code = asyncio.run(_serve(project, state, listener, certificates))
    finally:
        _end(project, code)
    return code


def _end(project: Project, code: int) -> None:
    """End what was started, and this process without waiting for MiniStack's threads."""
    processes.end(processes.of_project(project.folder))
    project.state_file.unlink(missing_ok=True)
    shutil.rmtree(project.temporary, ignore_errors=True)
    if code == 0:
        log.info("Stopped.")
        logging.shutdown()
        os._exit(code)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise MachineUnfit(
            f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}.",
            hint="Choose another with --port, or leave it out to take a free one.",
        ) from error
    listener.listen(512)
    return listener


def _state(port: int, certificates: tls.Certificates, credentials: Credentials) -> State:
    return State(
        endpoint_url=f"https://127.0.0.1:{port}",
        ca_bundle=str(certificates.bundle),
        ca_certificate=str(certificates.authority),
        region=REGION,
        account=ACCOUNT,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        port=port,
        pid=os.getpid(),
        pid_started=psutil.Process().create_time(),
    )


def _set_environment(project: Project, state: State, certificates: tls.Certificates) -> None:
    """Give this process, and thus Lambda workers, a known environment before MiniStack reads it.

    The caller's own AWS variables in particular must reach neither.
    """
    shutil.rmtree(project.temporary, ignore_errors=True)
    project.temporary.mkdir(parents=True)
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        {
            MARK: str(project.folder),
            "TMPDIR": str(project.temporary),
            "S3_DATA_DIR": str(project.temporary / "s3"),
            "STATE_DIR": str(project.temporary / "state"),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(state.port),
            "MINISTACK_ACCOUNT_ID": state.account,
            "MINISTACK_REGION": state.region,
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(certificates.certificate),
            "MINISTACK_SSL_KEY": str(certificates.key),
            "AWS_CA_BUNDLE": state.ca_bundle,
            "SSL_CERT_FILE": state.ca_bundle,
            "REQUESTS_CA_BUNDLE": state.ca_bundle,
            "NODE_EXTRA_CA_CERTS": state.ca_certificate,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            # a Docker daemon of this machine is not ours to look into
            "DOCKER_HOST": f"unix://{project.temporary}/no-docker.sock",
            "LOG_LEVEL": "WARNING",
        }
    )


async def _serve(
    project: Project, state: State, listener: socket.socket, certificates: tls.Certificates
) -> int:
    import hypercorn.asyncio  # noqa: PLC0415  (after the environment is set)
    from hypercorn.config import Config  # noqa: PLC0415

    from visionml.local import bootstrap, extensions, ministack  # noqa: PLC0415

    logging.getLogger("visionml").setLevel(logging.INFO)
    extensions.install(project, state)
    await bootstrap.create(Credentials.ensure(project))
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile, config.keyfile = str(certificates.certificate), str(certificates.key)
    config.keep_alive_timeout = 75
    config.graceful_timeout = _GRACE_SECONDS
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    write(project, state)
    log.info("Listening on %s.", state.endpoint_url)
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(_guarded(ministack.asgi), config, shutdown_trigger=stop.wait)
    )
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({serving}, timeout=_GRACE_SECONDS)
    if serving.done():
        await serving
    # connections whose clients do not answer a TLS goodbye would be waited for half a minute
    _end(project, 0)
    return 0


def _guarded(asgi: Callable[..., Any]) -> Callable[..., Any]:
    """Close MiniStack's doors that ask for no signature; its health stays.

    Those are its administration, such as reset, and its root keys: ``test`` and account numbers,
    which AWS does not know either.
    """

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path.startswith(_ADMINISTRATION) and path != _HEALTH:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["type"] == "http":
            scope = scope | {
                "headers": [
                    (name, _ROOT_KEY.sub(_NO_KEY, value)) for name, value in scope["headers"]
                ],
                "query_string": _ROOT_KEY.sub(_NO_KEY, scope["query_string"]),
            }
        await asgi(scope, receive, send)

    return guarded


if __name__ == "__main__":
    sys.exit(main())
