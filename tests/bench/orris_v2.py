"""The real server with one ONNX endpoint as a deployment without options makes it: a key is needed, rows are checked.

Arguments: folder with graph.onnx and the endpoint's key, port.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from orris_inference.config import Settings
from orris_inference.graphs import load_graph
from orris_inference.model import Wish
from orris_inference.service import open_service
from orris_inference.signature import Column, ColumnType, Signature
from orris_kit import logging
from orris_kit.auth import TokenSigner, TokenVerifier
from orris_kit.lifecycle import main
from orris_kit.server import Server

METHODS = ("predict_proba", "predict")


async def run(folder: Path, port: str) -> None:
    TokenSigner(folder / "signing.key")
    settings = Settings(home=folder)
    server = Server(f"127.0.0.1:{port}", authenticator=TokenVerifier(settings.public_key_path))
    async with AsyncExitStack() as stack:
        for add, servicer in await open_service(settings, stack):
            server.add(add, servicer)
            if hasattr(servicer, "ModelInfer"):
                routes = servicer._routes
            else:
                core = servicer._core
        wish = Wish(model_version="workspaces/lab/models/m/versions/1")
        endpoint, _ = core.create("lab", "iris", wish, overwrite=False, request_id="", by="bench")
        (folder / "key").write_text(endpoint.primary_key)
        routes.set(endpoint)
        signature = Signature(METHODS, (Column("", ColumnType.NUMBER),) * 4, accepts_nan=False)
        backend = load_graph((folder / "graph.onnx").read_bytes(), signature, 1)
        routes.serve("iris", endpoint.uid, 1, "1", backend)
        await server.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with open(os.devnull, "w") as nowhere:
        logging.setup("info", "json", nowhere)
        main(lambda: run(Path(sys.argv[1]), sys.argv[2]))
