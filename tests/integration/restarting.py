"""One redis-server that fsyncs every write, and is killed and started again in its place."""

from __future__ import annotations

import subprocess

from small_servers import SERVER, answers, free_port

from pytest_arbredis._clock import wait_until


class Server:
    """What it acknowledged is there after each crash."""

    def __init__(self, folder):
        self.port = free_port()
        self._command = [
            *(SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always"),
        ]
        self._process = None

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), within_s=15, what="redis-server to answer")

    def kill(self):
        self._process.kill()
        self._process.wait()
