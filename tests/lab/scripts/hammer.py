"""Sends requests through nginx all the time, inside a lab machine, and counts what came back.

    hammer.py HOST PATH RESULT

Runs until SIGTERM, finishes the requests it has sent, and writes RESULT (JSON): `requests`, `good` (status 200),
`failed` ([seconds since the epoch, what happened] for each of the others), `begun` and `ended`.
"""

import collections
import http.client
import json
import os
import signal
import sys
import threading
import time

CLIENTS = 3
PAUSE = 0.01  # seconds: the machine has something else to do as well
TIMEOUT = 10


class Hammer:
    """Some clients, each with one connection after the other."""

    def __init__(self, host: str, path: str) -> None:
        self.host = host
        self.path = path
        self.stopped = threading.Event()
        self.counts: collections.Counter[str] = collections.Counter()
        self.failed: list[tuple[float, str]] = []
        self.begun = time.time()

    def run(self) -> None:
        """Send until SIGTERM."""
        clients = [threading.Thread(target=self.send_all) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        self.stopped.wait()
        for client in clients:
            client.join()

    def send_all(self) -> None:
        while not self.stopped.is_set():
            at = time.time()
            answer = self.send()
            self.counts[answer] += 1
            if answer != "200":
                self.failed.append((at, answer))
            time.sleep(PAUSE)

    def send(self) -> str:
        """Status of one answer that came completely, or what happened instead."""
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=TIMEOUT)
        try:
            connection.request("GET", self.path, headers={"Host": self.host, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def result(self) -> dict[str, object]:
        return {
            "requests": self.counts.total(),
            "good": self.counts["200"],
            "counts": dict(sorted(self.counts.items())),
            "failed": sorted(self.failed),
            "begun": self.begun,
            "ended": time.time(),
        }


def main() -> None:
    host, path, result = sys.argv[1:]
    hammer = Hammer(host, path)
    signal.signal(signal.SIGTERM, lambda number, frame: hammer.stopped.set())
    hammer.run()
    with open(f"{result}.part", "w") as out:
        json.dump(hammer.result(), out)
    os.replace(f"{result}.part", result)


main()
