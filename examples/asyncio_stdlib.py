"""asyncio's own streams: a context of ours is taken wherever one of Python's ssl is."""

import asyncio

from openssl_bio import stdlib as ssl


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def main() -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain("server.pem", "server.key")
    client_context = ssl.create_default_context(cafile="ca.pem")
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context) as server:
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address, ssl=client_context, server_hostname="localhost")
        writer.write(b"hello\n")
        print(await reader.readline(), writer.get_extra_info("ssl_object").version())
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
