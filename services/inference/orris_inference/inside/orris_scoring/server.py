"""HTTP in front of a scoring script: /score, its description, and whether it lives."""

import json
import socketserver
import sys
import threading
from urllib.parse import parse_qs, urlsplit

from orris_scoring import answers, swagger
from orris_scoring.request import BadRequest, Request
from orris_scoring.script import print_failure
from orris_worker.http_server import IDLE_SECONDS, Handler, Server, error

BUSY_SECONDS = 10


class ScoringServer(Server):
    """Threads that read and write; the script is called in the main thread of each process."""

    def __init__(self, address, secret):
        Server.__init__(self, address, ScoringHandler, secret)

    def answer_by(self, script, arguments, caller, alone):
        """Answer in the background. Unless `alone`, one connection at a time: another process takes the next."""
        self.script, self.arguments, self.caller, self.alone = script, arguments, caller, alone
        if not alone:
            self.socket.setblocking(False)  # the other process may be quicker
        threading.Thread(target=self.serve_forever, name="connections", daemon=True).start()

    def process_request(self, request, client_address):
        """Take a connection."""
        base = Server if self.alone else socketserver.BaseServer
        base.process_request(self, request, client_address)


class ScoringHandler(Handler):
    """One connection."""

    def setup(self):
        """Have patience with who keeps a connection for later, but not while nobody else is answered."""
        self.timeout = IDLE_SECONDS if self.server.alone else BUSY_SECONDS
        Handler.setup(self)

    def do_GET(self):
        """Answer a GET."""
        where, body = self._read()
        if body is None:
            return
        if where.path == "/score":
            self._score(where, body)
        elif where.path == "/swagger.json":
            self._describe(parse_qs(where.query).get("version", ["2"])[0])
        elif where.path == "/describe":
            self._say(200, json.dumps(self._facts()).encode("utf-8"))
        elif where.path == "/":
            self._say(200, b"Healthy", [("Content-Type", "text/plain; charset=utf-8")])
        else:
            self._say(404, error("no such path"))

    def do_POST(self):
        """Answer a POST."""
        where, body = self._read()
        if body is not None:
            self._score(where, body)

    def do_OPTIONS(self):
        """Let a script that wants the request itself answer; other scripts have nothing to say."""
        where, body = self._read()
        if body is None:
            return
        if self.server.arguments.takes_options:
            self._score(where, body)
        else:
            self._say(200, b"", [("Allow", "GET, POST, OPTIONS")])

    def _read(self):
        """Return what is asked for, and the body; None for a body that is not to be looked at."""
        if "Content-Length" not in self.headers and self.command != "POST":
            self.headers["Content-Length"] = "0"
        return urlsplit(self.path), self.body() if self.admitted() else None

    def _facts(self):
        return {
            "entry_script": self.server.script.name,
            "time_limit": self.server.caller.time_limit,
            "takes_options": self.server.arguments.takes_options,
        }

    def _describe(self, version):
        try:
            self._say(200, json.dumps(swagger.describe(self.server.script.run, version)).encode("utf-8"))
        except swagger.Unsupported as refusal:
            self._say(*answers.failure(str(refusal), 404))

    def _score(self, where, body):
        request = Request(self.command, where.path, where.query, self.headers, body)
        try:
            arguments = self.server.arguments(request)
        except BadRequest as refusal:
            self._say(*answers.failure(str(refusal), refusal.status))
            return
        run = self.server.script.run
        call = self.server.caller.call(lambda: run(**arguments))
        status, answer, headers = self._answer_of(call)
        self._say(status, answer, headers + [("x-ms-run-fn-exec-ms", "%.3f" % call.milliseconds)])

    def _answer_of(self, call):
        if call.failure is None:
            try:
                return answers.answer_of(call.result)
            except (TypeError, ValueError, RecursionError) as refusal:
                print("run() returned what is no JSON (%s): return lists, numbers, texts and dictionaries of them"
                      % refusal, file=sys.stderr, flush=True)  # fmt: skip
                return answers.failure(answers.UNEXPECTED)
        if call.timed_out:
            print_failure(self.server.script.root, call.failure)
            return answers.failure("Scoring timeout after %d ms" % (self.server.caller.time_limit * 1000))
        if self.server.arguments.refused(call.failure):
            what = "%s: %s" % (type(call.failure).__name__, call.failure)
            return answers.failure("The input does not fit its schema: %s" % what[:2000], 400)
        print_failure(self.server.script.root, call.failure)
        return answers.failure(answers.UNEXPECTED)

    def _say(self, status, body, headers=()):
        self.answer(status, body, headers, close=not self.server.alone)
