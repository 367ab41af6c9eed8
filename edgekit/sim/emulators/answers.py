"""Keep the answers of an emulated instrument until they are due."""

from __future__ import annotations


class Answers:
    """Hold answers with the times at which they leave."""

    def __init__(self) -> None:
        self._due: list[tuple[int, bytes]] = []

    def later(self, due_ns: int, answer: bytes) -> None:
        """Answer at `due_ns`."""
        self._due.append((due_ns, answer))

    def say(self, t_ns: int) -> bytes:
        """Return the answers that are due, each once."""
        said = b"".join(answer for due_ns, answer in self._due if due_ns <= t_ns)
        self._due = [(due_ns, answer) for due_ns, answer in self._due if due_ns > t_ns]
        return said

    def next_ns(self) -> int | None:
        """Return when the next answer is due."""
        return min((due_ns for due_ns, _ in self._due), default=None)
