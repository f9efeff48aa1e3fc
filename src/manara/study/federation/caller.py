"""What one simulated node wants of another, over two lines: its stream, and that it takes receipts and statements."""

from __future__ import annotations

from manara.study.federation.links import Line, Sent
from manara.study.federation.member import Member

PATIENCE_S = 10.0  # until a request counts as lost


class Caller:
    """Of one node towards one other."""

    def __init__(self, me: Member, other: Member, there: Line, back: Line) -> None:
        self.me, self.other, self.there, self.back = me, other, there, back
        self._number = 0
        self._asked: tuple[int, int, float] | None = None  # number, first offset, since
        self._posted: tuple[int, float] | None = None
        self._shown: tuple[int, float] | None = None

    def ask(self, now_s: float) -> None:
        """Send what is due."""
        if not self.me.alive:
            self._asked = self._posted = self._shown = None
            return
        self._show(now_s)
        if self._asked is None or now_s - self._asked[2] > PATIENCE_S:
            self._number += 1
            stream, first, size = self.me.wanted(self.other.id)
            self._asked = self._number, first, now_s
            self.there.send(Sent("pull", self._number, stream, first, size), now_s)
        queue = self.me.outgoing.get(self.other.id)
        if queue and not self.me.silent and (self._posted is None or now_s - self._posted[1] > PATIENCE_S):
            self._number += 1
            self._posted = self._number, now_s
            self.there.send(Sent("post", self._number, queue[0][0], body=queue[0][1]), now_s)

    def _show(self, now_s: float) -> None:
        """The other is also a witness of our log."""
        waits = self._shown is not None and now_s - self._shown[1] <= PATIENCE_S
        body = None if waits or self.me.silent else self.me.show(self.other.id)
        if body is not None:
            self._number += 1
            self._shown = self._number, now_s
            self.there.send(Sent("show", self._number, body=body), now_s)

    def serve(self, now_s: float) -> None:
        """The other side answers what has come to it."""
        for one in self.there.arrived(now_s):
            if not self.other.alive or self.other.silent:
                continue
            if one.kind == "pull":
                body = self.other.serve(self.me.id, one.stream, one.first, one.size)
                self.back.send(one._replace(kind="answer", body=body), now_s)
            elif one.kind == "show" and isinstance(one.body, bytes):
                status, body = self.other.cosign(one.body)
                self.back.send(Sent("shown", one.number, size=status, body=body), now_s)
            elif isinstance(one.body, bytes):
                why = self.other.hear(self.me.id, one.stream, one.body)
                self.back.send(Sent("ack", one.number, body=why), now_s)

    def take(self, now_s: float) -> None:
        """What came back."""
        for one in self.back.arrived(now_s):
            if not self.me.alive:
                continue
            if one.kind == "answer" and self._asked is not None:
                first, self._asked = self._asked[1], None
                self.me.answered(self.other.id, first, one.body)
            elif one.kind == "shown" and self._shown is not None and one.number == self._shown[0]:
                self._shown = None
                self.me.shown(self.other.id, one.size, one.body if isinstance(one.body, bytes) else b"")
            elif one.kind == "ack" and self._posted is not None and one.number == self._posted[0]:
                self._posted = None
                if one.body == "busy":
                    continue
                del self.me.outgoing.get(self.other.id, [])[:1]
