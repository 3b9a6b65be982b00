"""The floor of a start: a process with the libraries of any such server, serving nothing, called once."""

import asyncio

import grpc
import grpc.aio
import pydantic_settings
import sqlalchemy


async def main() -> None:
    pydantic_settings.BaseSettings()
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.channel_ready()
        print("answers", flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
