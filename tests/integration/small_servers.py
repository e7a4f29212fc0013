"""One redis-server, one Sentinel, or a stub that loses replies: for subjects, without a deployment."""

from __future__ import annotations

import functools
import shutil
import socketserver
import subprocess
import threading
from contextlib import contextmanager

import redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.load.protocol import Endpoints, Invocation
from pytest_arbredis.servers.ports import claim

SERVER = shutil.which("redis-server")


@functools.cache
def _slot():
    """Ports that are this process's until it ends: other runs of these tests have others."""
    return claim(128)


def free_port():
    return _slot().take()


def answers(port):
    try:
        with redis.Redis(port=port, retry=None) as client:
            return client.ping()
    except redis.RedisError:
        return False


@contextmanager
def started(folder, *args, port=None):
    port = port or free_port()
    command = [SERVER, *args, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), within_s=15, what="redis-server to answer")
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def session_of(subject, endpoints):
    session = subject.open(endpoints)
    try:
        yield session
    finally:
        session.close()


def op(name, key="k", value=None):
    return Invocation(id=0, name=name, key=key, input=value)


class Stub(socketserver.ThreadingTCPServer):
    """A server that executes commands, and gives no reply to some.

    Those in `loses` end the connection, and with `dies` the server; those in `stalls` are not answered at all.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *loses, stalls=(), dies=False):
        super().__init__(("127.0.0.1", 0), StubConnection)
        self.loses = loses
        self.stalls = stalls
        self.dies = dies
        self.executed: list[str] = []
        self.connections = 0


class StubConnection(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        while line := self.rfile.readline():
            args = []
            for _ in range(int(line[1:])):
                self.rfile.readline()
                args.append(self.rfile.readline().strip().decode().upper())
            self.server.executed.append(args[0])
            if args[0] in self.server.stalls:
                self.rfile.read()  # until the client gives up
                return
            if args[0] in self.server.loses:
                if self.server.dies:
                    self.server.shutdown()
                    self.server.server_close()
                return
            replies = {
                "PING": "+PONG",
                "INCRBY": ":1",
                "WAIT": ":2",
                "SET": "+OK",
                "GET": "$-1",
                "HELLO": "%1\r\n+proto\r\n:3",
            }
            self.wfile.write(f"{replies.get(args[0], '+OK')}\r\n".encode())


@contextmanager
def stub(*loses, stalls=(), dies=False):
    server = Stub(*loses, stalls=stalls, dies=dies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server, Endpoints(primary=server.server_address, nodes={server.server_address: "stub"})
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
