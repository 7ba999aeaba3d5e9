"""The bare minimum: a grpc.aio server on uvloop that answers every call with the same bytes.

Run as `python -m benchmarks.peers.echo_server SIZE`; prints `listening on ADDRESS`.
"""

import asyncio
import signal
import sys

import grpc
import uvloop


async def serve(size: int) -> None:
    answer = bytes(size)

    async def echo(request: bytes, context: object) -> bytes:  # noqa: ARG001  # gRPC's shape
        return answer

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("Echo", {"Echo": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
